//! What belongs to what: one thing of the picture → all that stays lit beside it, and the lines
//! between Services and their ready endpoints.

use std::collections::BTreeSet;

use svclab_core::key::{Kind, ObjectKey};

use crate::scene::{Point, Scene, Spot};
use crate::view::{Backend, Pod, ServiceView, View};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Relations {
    /// What stays as it is; all else fades.
    lit: BTreeSet<ObjectKey>,
    /// From a Service's ghost to a pod.
    pub ties: Vec<[Point; 2]>,
}

impl Relations {
    pub fn is_lit(&self, key: &ObjectKey) -> bool {
        self.lit.contains(key)
    }
}

/// The relations of `key`: a Service's ready endpoints, the Services that lead to a pod, what runs
/// on a node.
pub fn relations(view: &View, scene: &Scene, key: &ObjectKey) -> Relations {
    let mut res = Relations::default();
    res.lit.insert(key.clone());
    for service in &view.services {
        for pod in ready_pods(view, service) {
            let concerned = match key.kind {
                Kind::Service => service.key == *key,
                Kind::Pod => pod.key == *key,
                _ => false,
            };
            if concerned {
                res.lit.extend([service.key.clone(), pod.key.clone()]);
                res.ties.extend(tie(view, scene, service, pod));
            }
        }
    }
    let lit: Vec<&Pod> = match key.kind {
        Kind::Node => {
            view.pods.iter().filter(|it| it.node.as_deref() == Some(&*key.name)).collect()
        }
        _ => Vec::new(),
    };
    res.lit.extend(lit.iter().map(|it| it.key.clone()));
    let homes = view.pods.iter().filter(|it| res.lit.contains(&it.key));
    let homes: Vec<_> = homes.filter_map(|it| it.node.clone()).collect();
    res.lit.extend(homes.iter().map(|it| ObjectKey::new(Kind::Node, "", &**it)));
    res
}

/// The Services whose slices have an address of the pod, ready or not.
pub fn services_of<'a>(view: &'a View, pod: &'a Pod) -> impl Iterator<Item = &'a ServiceView> {
    view.services.iter().filter(move |it| it.endpoints.iter().any(|end| leads_to(end, pod)))
}

fn ready_pods<'a>(view: &'a View, service: &'a ServiceView) -> impl Iterator<Item = &'a Pod> {
    let is_ready = |pod: &&Pod| service.endpoints.iter().any(|it| it.ready && leads_to(it, pod));
    view.pods.iter().filter(is_ready)
}

fn leads_to(end: &Backend, pod: &Pod) -> bool {
    pod.ip.is_some_and(|ip| end.address == ip.to_string())
}

fn tie(view: &View, scene: &Scene, service: &ServiceView, pod: &Pod) -> Option<[Point; 2]> {
    let drawn = |(index, _): &&(usize, _)| {
        view.services.get(*index).is_some_and(|it| it.key == service.key)
    };
    let ghost = scene.services.iter().find(drawn)?.1;
    let end = scene.at(&Spot::Pod(pod.id.clone()))?;
    Some([Point::new(ghost.middle().x, ghost.bottom()), end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Wishes, lay_out};
    use crate::state::tests::settled;

    #[track_caller]
    fn check(kind: Kind, namespace: &str, name: &str, lit: &[&str], ties: usize) {
        let state = settled();
        let scene = lay_out(&state.view, &Wishes::default(), 689.0);
        let found = relations(&state.view, &scene, &ObjectKey::new(kind, namespace, name));
        assert_eq!(found.ties.len(), ties);
        let with = |name: &&str| found.lit.iter().any(|it| it.name.starts_with(*name));
        let missing: Vec<_> = lit.iter().filter(|it| !with(it)).collect();
        assert!(missing.is_empty(), "{missing:?} in {:?}", found.lit);
    }

    #[test]
    fn a_service_is_tied_to_its_ready_endpoints() {
        check(Kind::Service, "shop", "web", &["web-", "worker-1", "worker-2"], 3);
    }

    #[test]
    fn a_pod_is_tied_to_the_services_that_lead_to_it() {
        check(Kind::Pod, "shop", "client", &["worker-1"], 0);
        let state = settled();
        let web = state.view.pods.iter().find(|it| it.name().starts_with("web-"));
        let name = web.expect("a pod of web").name().to_owned();
        check(Kind::Pod, "shop", &name, &["web"], 1);
    }

    #[test]
    fn a_node_lights_its_pods() {
        check(Kind::Node, "", "worker-1", &["client"], 0);
    }

    #[test]
    fn what_is_not_ready_has_no_tie() {
        let mut state = settled();
        let mut view = (*state.view).clone();
        for service in &mut view.services {
            service.endpoints.iter_mut().for_each(|it| it.ready = false);
        }
        state.view = view.into();
        let key = ObjectKey::new(Kind::Service, "shop", "web");
        assert!(relations(&state.view, &state.scene, &key).ties.is_empty());
    }
}
