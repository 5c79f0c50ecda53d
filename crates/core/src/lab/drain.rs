//! A node drained as `kubectl drain` does it: cordoned, then its pods evicted.

use super::delete::DeleteOptions;
use super::log::Happening;
use super::{Lab, Reply};
use crate::admit::Refusal;
use crate::control::drain::{self, DrainOptions};
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, Pod};

/// What came of draining a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drained {
    /// It was not cordoned before.
    pub cordoned: bool,
    /// What kubectl warns of, a line for each reason.
    pub warnings: Vec<String>,
    /// Why nothing is evicted, a line for each reason; the node is cordoned all the same.
    pub errors: Vec<String>,
    /// The pods that leave.
    pub evicted: Vec<ObjectKey>,
}

impl Lab {
    /// Pods leave at once, each with its grace period.
    pub(super) fn drain(&mut self, name: &str, options: DrainOptions) -> Reply {
        let key = ObjectKey::new(Kind::Node, "", name);
        let Some(Object::Node(node)) = self.objects.get(&key) else {
            let answer = Some(Err(Refusal::not_found(&key)));
            return Reply { answer, ..Reply::default() };
        };
        let mut node = node.clone();
        let cause = self.note(None, Happening::Drained { node: name.into() });
        let mut res = Drained { cordoned: !node.spec.unschedulable, ..Drained::default() };
        node.spec.unschedulable = true;
        self.write(Object::Node(node), Some(cause));
        let mut pods: Vec<&Pod> = self.pods_of(self.index.bound(name)).collect();
        pods.sort_by_key(|it| (&it.metadata.namespace, &it.metadata.name));
        match drain::plan(pods.into_iter(), options, &|pod| self.has_daemon_set(pod)) {
            Ok(plan) => {
                res.warnings = plan.warnings;
                let keys = plan.evict.into_iter().map(|it| Object::Pod(it.clone()).key());
                res.evicted = keys.collect();
            }
            Err(errors) => res.errors = errors,
        }
        for message in &res.errors {
            let what = Happening::Refused { name: key.to_string(), message: message.clone() };
            self.note(Some(cause), what);
        }
        let grace_period_seconds = options.grace_period_seconds;
        for pod in &res.evicted {
            let options = DeleteOptions { grace_period_seconds, ..DeleteOptions::default() };
            self.evict(pod, options, cause);
        }
        Reply { drain: Some(res), ..Reply::default() }
    }

    fn has_daemon_set(&self, pod: &Pod) -> bool {
        let namespace = &pod.metadata.namespace;
        pod.metadata.controller().is_some_and(|owner| {
            self.objects.contains_key(&ObjectKey::new(Kind::DaemonSet, namespace, &owner.name))
        })
    }
}
