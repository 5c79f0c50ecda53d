//! What the inspector shows of one thing: the lab and a key → [`Facts`].

use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Lab;
use svclab_core::object::Object;
use svclab_netfilter::RuleRef;
use svclab_shell::{Job, Place, Progress, Session};

use crate::relations::services_of;
use crate::view::{Node, Pod, ServiceView, View};
use crate::words::Word;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    pub rows: Vec<(Word, String)>,
    pub conditions: Vec<Condition>,
    /// What `ip` prints there.
    pub interfaces: Option<String>,
    pub services: Vec<ObjectKey>,
    pub slices: Vec<ObjectKey>,
    pub pods: Vec<ObjectKey>,
    /// Whose rules these are, and those that mention it.
    pub node: Option<Rc<str>>,
    pub rules: Vec<Mention>,
    /// How many rules are not listed.
    pub more_rules: usize,
    /// Where a shell can be opened.
    pub shell: Option<String>,
    /// The object whose manifest made it.
    pub written: Option<ObjectKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub name: String,
    pub status: String,
    pub reason: String,
}

/// A rule that has to do with the thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    pub rule: RuleRef,
    pub text: String,
}

/// More rules than these are only counted.
const LISTED: usize = 12;

/// What is known of `key`; `node` is the one whose rules are read for a Service. None where it is
/// not there.
pub fn facts(lab: &Lab, view: &View, key: &ObjectKey, node: Option<&Rc<str>>) -> Option<Facts> {
    let mut res = match key.kind {
        Kind::Pod => of_pod(view, view.pods.iter().find(|it| it.key == *key)?),
        Kind::Service => of_service(view.services.iter().find(|it| it.key == *key)?, node),
        Kind::Node => of_node(view, view.nodes.iter().find(|it| *it.name == *key.name)?),
        _ => return None,
    };
    res.conditions = lab.objects().get(key).map(conditions).unwrap_or_default();
    res.interfaces = res.shell.as_deref().and_then(|it| printed(lab, it, "ip -br addr; ip route"));
    res.written = written(lab, key);
    let address = view.pods.iter().find(|it| it.key == *key).and_then(|it| it.ip);
    let address = address.map(|ip| ip.to_string());
    mention(lab, key, address.as_deref(), &mut res);
    Some(res)
}

fn of_pod(view: &View, pod: &Pod) -> Facts {
    let services: Vec<&ServiceView> = services_of(view, pod).collect();
    let mut rows = vec![(Word::Address, pod.address())];
    rows.extend(pod.node.as_ref().map(|it| (Word::Node, it.to_string())));
    Facts {
        rows,
        services: services.iter().map(|it| it.key.clone()).collect(),
        slices: services.iter().flat_map(|it| slices(it)).collect(),
        node: pod.node.clone(),
        shell: pod.ip.map(|_| format!("pod/{}", pod.id)),
        ..Facts::default()
    }
}

fn of_service(service: &ServiceView, node: Option<&Rc<str>>) -> Facts {
    let mut rows = vec![(Word::ServiceType, service.kind.clone())];
    let ip = service.cluster_ip.map(|it| it.to_string());
    rows.extend(ip.or(service.headless.then(|| "None".to_owned())).map(|it| (Word::ClusterIp, it)));
    rows.extend(service.outer.iter().map(|it| (Word::OuterAddress, it.to_string())));
    for port in &service.ports {
        let node_port = port.node_port.map(|it| format!(", nodePort {it}")).unwrap_or_default();
        let text = format!("{}/{} → {}{node_port}", port.number, port.protocol.name(), port.target);
        rows.push((Word::Port, text));
    }
    let of_pods = service.endpoints.iter().filter_map(|it| it.pod.as_ref());
    Facts {
        rows,
        slices: slices(service).collect(),
        pods: of_pods.map(|it| ObjectKey::new(Kind::Pod, &service.key.namespace, it)).collect(),
        node: node.cloned(),
        ..Facts::default()
    }
}

fn of_node(view: &View, node: &Node) -> Facts {
    let pods = view.pods.iter().filter(|it| it.node.as_ref() == Some(&node.name));
    let mut rows = vec![(Word::Address, node.ip.to_string())];
    rows.extend(node.synced.clone().map(|it| (Word::LastSync, it)));
    Facts {
        rows,
        pods: pods.map(|it| it.key.clone()).collect(),
        node: Some(node.name.clone()),
        shell: Some(format!("node/{}", node.name)),
        ..Facts::default()
    }
}

fn slices(service: &ServiceView) -> impl Iterator<Item = ObjectKey> {
    let namespace = &service.key.namespace;
    service.slices.iter().map(move |it| ObjectKey::new(Kind::EndpointSlice, namespace, it))
}

fn conditions(object: &Object) -> Vec<Condition> {
    let condition = |name: &str, status: &str, reason: &str| Condition {
        name: name.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
    };
    match object {
        Object::Pod(pod) => {
            let all = pod.status.conditions.iter();
            all.map(|it| condition(&it.r#type, &it.status, &it.reason)).collect()
        }
        Object::Node(node) => {
            let all = node.status.conditions.iter();
            all.map(|it| condition(&it.r#type, &it.status, &it.reason)).collect()
        }
        _ => Vec::new(),
    }
}

/// What a line prints in the shell of a place, where it ends at once and well.
fn printed(lab: &Lab, place: &str, line: &str) -> Option<String> {
    let mut job = Job::new(Session::new(Place::parse(place)?), line);
    let (_, progress) = job.resume(lab.clone());
    let text: String = job.printed().into_iter().map(|it| it.text).collect();
    (progress == Progress::Ended(0)).then_some(text)
}

/// The object, or the one that owns it, that stands in a manifest.
fn written(lab: &Lab, key: &ObjectKey) -> Option<ObjectKey> {
    let mut key = key.clone();
    loop {
        if lab.source_of(&key).is_some() {
            return Some(key);
        }
        let owners = &lab.objects().get(&key)?.meta().owner_references;
        let owner = owners.first()?;
        let of_kind = |it: &&ObjectKey| owner.kind == it.kind.name() && owner.name == *it.name;
        let same = |it: &&ObjectKey| of_kind(it) && it.namespace == key.namespace;
        key = lab.objects().keys().find(same)?.clone();
    }
}

/// The rules of a node that are there for a Service or lead to an address.
fn mention(lab: &Lab, key: &ObjectKey, address: Option<&str>, facts: &mut Facts) {
    let Some(of_node) = facts.node.as_ref().and_then(|it| lab.rules(it)) else { return };
    for (table, chains) in &of_node.rules.tables {
        for (name, chain) in chains.chains.iter() {
            for (index, rule) in chain.rules.iter().enumerate() {
                let Some(origin) = rule.origin.and_then(|it| of_node.origins.get(it)) else {
                    continue;
                };
                let for_service = origin.service.as_deref() == Some(key);
                let end = origin.endpoint.as_deref();
                let ip = end.and_then(|it| it.rsplit_once(':')).map(|it| it.0);
                if !for_service && (ip.is_none() || ip != address) {
                    continue;
                }
                if facts.rules.len() == LISTED {
                    facts.more_rules += 1;
                    continue;
                }
                let pieces: Vec<String> =
                    rule.pieces().into_iter().map(|it| it.text.to_string()).collect();
                let text = format!("-A {name} {}", pieces.join(" "));
                let rule = RuleRef { table: *table, chain: *name, index };
                facts.rules.push(Mention { rule, text });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::settled;

    fn of(kind: Kind, namespace: &str, name: &str) -> Option<Facts> {
        let state = settled();
        let key = ObjectKey::new(kind, namespace, name);
        facts(state.lab(), &state.view, &key, state.node.as_ref())
    }

    #[test]
    fn a_pod_has_its_interface_its_services_and_its_rules() {
        let state = settled();
        let pod = state.view.pods.iter().find(|it| it.name().starts_with("web-"));
        let pod = pod.expect("the Deployment has pods");
        let found = of(Kind::Pod, "shop", pod.name()).expect("it is there");
        let ip = pod.ip.expect("it has an address").to_string();
        assert!(found.interfaces.is_some_and(|it| it.contains(&ip) && it.contains("default via")));
        assert_eq!(found.services, [ObjectKey::new(Kind::Service, "shop", "web")]);
        assert_eq!(found.slices.len(), 1);
        assert!(
            found.rules.iter().any(|it| it.text.contains(&format!("--to-destination {ip}:8080")))
        );
        assert!(found.conditions.iter().any(|it| it.name == "Ready" && it.status == "True"));
        assert_eq!(found.written, Some(ObjectKey::new(Kind::Deployment, "shop", "web")));
    }

    #[test]
    fn a_service_has_the_rules_of_the_node_that_is_shown() {
        let found = of(Kind::Service, "shop", "web").expect("it is there");
        assert_eq!((found.pods.len(), found.slices.len()), (3, 1));
        assert!(found.rules.iter().any(|it| it.text.starts_with("-A KUBE-SERVICES")));
        assert_eq!(found.written, Some(ObjectKey::new(Kind::Service, "shop", "web")));
    }

    #[test]
    fn a_node_has_its_devices_and_pods() {
        let found = of(Kind::Node, "", "worker-1").expect("it is there");
        assert!(found.interfaces.is_some_and(|it| it.contains("cni0") && it.contains("eth0")));
        assert!(!found.pods.is_empty());
    }

    #[test]
    fn of_what_is_gone_nothing_is_known() {
        assert_eq!(of(Kind::Pod, "shop", "nobody"), None);
        assert_eq!(of(Kind::Deployment, "shop", "web"), None);
    }
}
