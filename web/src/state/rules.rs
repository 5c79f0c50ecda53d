//! What of the rules is looked at.

use std::rc::Rc;

use svclab_core::key::ObjectKey;
use svclab_core::modes::Mode;

use super::{Filing, Pane, Place, State, report};

#[derive(Debug, Clone, PartialEq)]
pub struct RulesView {
    /// Words that a rule must have in it.
    pub search: Rc<str>,
    /// A node to compare with.
    pub against: Option<Rc<str>>,
    /// As if kube-proxy ran in this mode; None: in the one it runs in.
    pub mode: Option<Mode>,
}

impl Default for RulesView {
    fn default() -> RulesView {
        RulesView { search: "".into(), against: None, mode: None }
    }
}

/// A place in a file to be shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub file: u32,
    pub place: Place,
}

impl State {
    /// What kube-proxy of the node that is looked at writes in the mode that is looked at; None
    /// where those are the rules of iptables that the node has.
    pub fn other_mode(&self) -> Option<Rc<str>> {
        let (lab, node) = (self.lab(), self.node.as_deref()?);
        let family = lab.families().next()?;
        let settings = lab.proxy_settings(node, family)?;
        let mode = self.rules_view.mode.unwrap_or(settings.mode);
        match mode == settings.mode {
            true if mode == Mode::Iptables => None,
            true => lab.written(node, family).map(Rc::from),
            false => Some(mode.text(lab.objects(), &settings).into()),
        }
    }

    /// The node whose rules stand beside those of the one that is looked at.
    pub fn compared_with(&self) -> Option<&Rc<str>> {
        self.rules_view.against.as_ref().filter(|it| self.node.as_ref() != Some(it))
    }

    /// Shows where an object is written; its YAML where it is in no file.
    pub(super) fn show_source(&mut self, key: ObjectKey) {
        let Some((file, span)) = self.files.find(&key) else {
            return self.choose_object(Some(key));
        };
        self.open(Pane::Manifests);
        self.files.act(Filing::Choose(file), &[]);
        let text = self.files.chosen().text.clone();
        self.shown = Some(Shown { file, place: report::place_in(&text, span) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::settled;
    use super::super::{Msg, Pane};
    use super::*;
    use svclab_core::key::Kind;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new(Kind::Service, if name == "web" { "shop" } else { "default" }, name)
    }

    #[test]
    fn every_mode_is_written_from_the_same_objects() {
        let mut state = settled();
        assert_eq!(state.other_mode(), None);
        for (mode, sign) in [
            (Mode::Nftables, "table ip kube-proxy"),
            (Mode::Ipvs, "TCP  10.96.0.1:443 rr"),
            (Mode::Userspace, "KUBE-PORTALS-CONTAINER"),
        ] {
            state.update(Msg::Mode(mode));
            let text = state.other_mode().unwrap_or_default();
            assert!(text.contains(sign), "{mode:?}: {text}");
        }
    }

    #[test]
    fn no_node_is_compared_with_itself() {
        let mut state = settled();
        state.update(Msg::Node("worker-1".into()));
        state.update(Msg::Against(Some("worker-2".into())));
        assert_eq!(state.compared_with().map(|it| &**it), Some("worker-2"));
        state.update(Msg::Node("worker-2".into()));
        assert_eq!(state.compared_with(), None);
    }

    #[test]
    fn an_object_is_shown_where_it_is_written_or_else_as_it_is() {
        let mut state = settled();
        state.update(Msg::ShowSource(key("web")));
        let shown = state.shown.clone().expect("web is in the manifests");
        let text = state.files.chosen().text.clone();
        let line = text.lines().nth(shown.place.line - 1);
        assert_eq!(line, Some("apiVersion: v1"));
        assert_eq!(state.left(), Some(Pane::Manifests));
        state.update(Msg::ShowSource(key("kubernetes")));
        assert_eq!(state.shown, None, "it is shown once");
        assert_eq!(state.wanted_objects.chosen, Some(key("kubernetes")));
    }
}
