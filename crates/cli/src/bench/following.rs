//! A kube-proxy that follows a change of one endpoint: natively, and in a browser
//! (`web/src/bin/engine.rs`).

use std::rc::Rc;

use svclab_core::object::{EndpointSlice, Object, Objects};
use svclab_core::proxy::{Proxier, Settings, Watch};
use svclab_netfilter::RuleSet;

use super::clusters::at;

/// A node whose kube-proxy has written its rules, as somebody else keeps them too.
pub(crate) struct FollowingNode {
    objects: Objects,
    /// One of the objects, whose first endpoint comes and goes.
    slice: Option<EndpointSlice>,
    watch: Watch,
    proxier: Proxier,
    pub(crate) kernel: Rc<RuleSet>,
    kept: Rc<RuleSet>,
}

impl FollowingNode {
    pub(crate) fn new(objects: &Objects, settings: &Settings) -> FollowingNode {
        let mut watch = Watch::of(objects, settings.clone());
        let mut proxier = Proxier::new(&settings.node, &watch);
        let mut kernel = Rc::new(RuleSet::builtin());
        proxier.sync(&mut watch, objects, &mut kernel, at(0));
        let kept = Rc::clone(&kernel);
        let slice = objects.values().find_map(Object::as_endpoint_slice).cloned();
        FollowingNode { objects: objects.clone(), slice, watch, proxier, kernel, kept }
    }

    /// The readiness of one endpoint changes.
    pub(crate) fn flip_one(&mut self) -> usize {
        let Some(slice) = &mut self.slice else { return 0 };
        if let Some(first) = slice.endpoints.first_mut() {
            first.conditions.ready = Some(!first.conditions.is_ready());
        }
        let slice = Object::from(slice.clone());
        let key = slice.key();
        self.objects.insert(slice);
        self.kept = Rc::clone(&self.kernel);
        self.proxier.changed(&self.watch.hear(&key, &self.objects));
        let report = self.proxier.sync(&mut self.watch, &self.objects, &mut self.kernel, at(1));
        report.changes.added.len()
    }
}
