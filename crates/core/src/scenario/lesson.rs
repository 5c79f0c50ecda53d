//! What a scenario suggests to do, and what is seen then.

use serde::{Deserialize, Serialize};

use super::Words;
use crate::key::{Kind, ObjectKey};
use crate::lab::{Action, Lab};

/// What is shown first. Everything has a good value by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Opening {
    /// Who sends: `shop/client`, `worker-1`, `laptop`.
    pub from: Option<String>,
    /// Where to: `shop/web:80`, `shop/web 192.168.56.31:30080`.
    pub to: Option<String>,
    /// The pane beside the stage: `walk`, `rules`, `endpoints`, `dns`, `events`.
    pub pane: Option<String>,
}

/// Something to try: one click, or one line in a shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Try {
    pub title: Words,
    /// In this order; the last one is what `prints` is about.
    #[serde(rename = "do")]
    pub deeds: Vec<Deed>,
    /// Texts that the last line must have printed for this to have come out as it should.
    #[serde(default)]
    pub prints: Vec<String>,
    /// Texts that it must not have printed.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// What was seen, and why.
    pub then: Words,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Deed {
    /// Types a line in the shell of a place, as [`Sending`](crate::lab::Sending) names places in
    /// paths: `pod/NAMESPACE/NAME`, `node/NAME`, `outside/NAME`.
    Run {
        #[serde(rename = "in")]
        place: String,
        line: String,
    },
    /// Writes other words for some in the manifests, everywhere, and applies them.
    Edit {
        replace: String,
        with: String,
    },
    /// Switches readiness of one of the pods with a label.
    Readiness {
        namespace: String,
        /// `app=web`
        label: String,
        /// By the pods' names in order, from 0 on.
        #[serde(default)]
        nth: usize,
        ready: bool,
    },
    Act(Action),
}

impl Deed {
    /// What is done to the lab, where that is all: a line is typed, an edit is made in a text.
    pub fn action(&self, lab: &Lab) -> Option<Action> {
        match self {
            Deed::Run { .. } | Deed::Edit { .. } => None,
            Deed::Act(action) => Some(action.clone()),
            Deed::Readiness { namespace, label, nth, ready } => {
                let pod = pods_with(lab, namespace, label).nth(*nth)?;
                Some(Action::SwitchReadiness { pod, ready: *ready })
            }
        }
    }
}

fn pods_with(lab: &Lab, namespace: &str, label: &str) -> impl Iterator<Item = ObjectKey> {
    let (name, value) = label.split_once('=').unwrap_or((label, ""));
    let pods = lab.objects().of_kind(Kind::Pod).filter(move |it| {
        let meta = it.meta();
        meta.namespace == namespace && meta.labels.get(name).is_some_and(|it| it == value)
    });
    pods.map(|it| it.key())
}

impl Try {
    /// Whether the last line's output is what it should be.
    pub fn is_met(&self, printed: &str) -> bool {
        self.prints.iter().all(|it| printed.contains(it.as_str()))
            && !self.lacks.iter().any(|it| printed.contains(it.as_str()))
    }
}
