//! NetworkPolicies, pods and namespaces → what the network plugin enforces.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::Protocol;
use svclab_netfilter::order::Gather;

use super::Lab;
use crate::key::{Kind, ObjectKey};
use crate::net::policy::{Peer, Policy, Ports, Rule, Which};
use crate::object::{
    IntOrString, IpBlock, LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort,
    Object, Objects, Pod,
};

impl Lab {
    /// The network learns the policies as the objects are now. The plugin's own delay is left out.
    pub(super) fn enforce_policies(&mut self) {
        if !self.enforces_policies || self.policies_as_of == self.resource_version {
            return;
        }
        self.policies_as_of = self.resource_version;
        let all = self.objects.of_kind(Kind::NetworkPolicy);
        let all = all.filter_map(Object::as_network_policy);
        self.net.policies = all.map(|it| policy(&self.objects, it)).collect();
    }
}

fn policy(objects: &Objects, it: &NetworkPolicy) -> Policy {
    let namespace = &it.metadata.namespace;
    let spec = &it.spec;
    let of_type = |name: &str| spec.policy_types.iter().any(|it| it == name);
    let rule = |peers: &[NetworkPolicyPeer], ports: &[NetworkPolicyPort]| Rule {
        peers: peers.iter().map(|it| peer(objects, namespace, it)).collect(),
        ports: ports.iter().map(|it| port(objects, it)).collect(),
    };
    let ingress = || spec.ingress.iter().map(|it| rule(&it.from, &it.ports)).collect();
    let egress = || spec.egress.iter().map(|it| rule(&it.to, &it.ports)).collect();
    Policy {
        name: Rc::from(format!("{namespace}/{}", it.metadata.name)),
        pods: addresses(objects, |pod| {
            pod.metadata.namespace == *namespace && spec.pod_selector.matches(&pod.metadata.labels)
        }),
        ingress: of_type("Ingress").then(ingress),
        egress: of_type("Egress").then(egress),
    }
}

/// Pods that have an address of their own; those on a node's network are that node to a policy.
fn pods(objects: &Objects) -> impl Iterator<Item = &Pod> {
    let pods = objects.of_kind(Kind::Pod).filter_map(Object::as_pod);
    pods.filter(|it| !it.spec.host_network && !it.is_finished())
}

fn addresses(objects: &Objects, selects: impl Fn(&Pod) -> bool) -> BTreeSet<IpAddr> {
    pods(objects).filter(|it| selects(it)).flat_map(Pod::addresses).gather()
}

/// A block that cannot be read is nobody; validation lets none in.
fn peer(objects: &Objects, namespace: &str, it: &NetworkPolicyPeer) -> Peer {
    if let Some(IpBlock { cidr, except }) = &it.ip_block {
        let except = except.iter().filter_map(|it| it.parse().ok()).collect();
        return match cidr.parse() {
            Ok(cidr) => Peer::Block { cidr, except },
            Err(_) => Peer::Pods(BTreeSet::new()),
        };
    }
    let in_namespace = |pod: &Pod| match &it.namespace_selector {
        Some(selector) => namespace_fits(objects, selector, &pod.metadata.namespace),
        None => pod.metadata.namespace == namespace,
    };
    let fits = |pod: &Pod| {
        let labels = &pod.metadata.labels;
        it.pod_selector.as_ref().is_none_or(|selector| selector.matches(labels))
    };
    Peer::Pods(addresses(objects, |pod| fits(pod) && in_namespace(pod)))
}

fn namespace_fits(objects: &Objects, selector: &LabelSelector, name: &str) -> bool {
    let namespace = objects.get(&ObjectKey::new(Kind::Namespace, "", name));
    namespace.is_some_and(|it| selector.matches(&it.meta().labels))
}

/// A number that is none fits nothing; validation lets none in.
fn port(objects: &Objects, it: &NetworkPolicyPort) -> Ports {
    let protocol = it.protocol.as_deref().and_then(|it| it.parse().ok());
    let protocol = protocol.unwrap_or(Protocol::Tcp);
    let which = match &it.port {
        None => Which::Range(0..=u16::MAX),
        Some(IntOrString::Int(first)) => {
            let last = it.end_port.unwrap_or(*first);
            match (u16::try_from(*first), u16::try_from(last)) {
                (Ok(first), Ok(last)) => Which::Range(first..=last),
                _ => Which::Named(BTreeSet::new()),
            }
        }
        Some(IntOrString::String(name)) => Which::Named(named(objects, name, protocol)),
    };
    Ports { protocol, which }
}

/// Where pods have a container port of this name.
fn named(objects: &Objects, name: &str, protocol: Protocol) -> BTreeSet<(IpAddr, u16)> {
    let of_pod = |pod: &Pod| -> Vec<(IpAddr, u16)> {
        let ports = pod.spec.containers.iter().flat_map(|it| &it.ports);
        let mut ports =
            ports.filter(|it| it.name == name && it.protocol.parse::<Protocol>() == Ok(protocol));
        let number = ports.next().and_then(|it| u16::try_from(it.container_port).ok());
        let Some(number) = number else { return Vec::new() };
        pod.addresses().into_iter().map(|ip| (ip, number)).collect()
    };
    pods(objects).flat_map(of_pod).gather()
}
