//! How the traffic of this node's pods is told from the rest.

use svclab_netfilter::{AddressMatch, Criterion};

use super::address::{family, parse_cidr};
use super::settings::{DetectLocal, Settings, Version};
use crate::object::Node;

/// What traffic of local pods matches, and its text where that is not the criterion's own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Detector {
    pub(super) criterion: Criterion,
    pub(super) written: Option<String>,
}

/// `None` where nothing is configured for this family.
pub(super) fn detector(settings: &Settings, node: Option<&Node>) -> Option<Detector> {
    match settings.detect_local_mode {
        DetectLocal::ClusterCidr => by_cidr(settings, settings.cluster_cidr.split(',')),
        DetectLocal::NodeCidr => by_cidr(settings, pod_cidrs(node?)),
        DetectLocal::BridgeInterface => by_interface(settings.bridge_interface.clone()),
        DetectLocal::InterfaceNamePrefix => {
            let prefix = &settings.interface_name_prefix;
            by_interface(if prefix.is_empty() { String::new() } else { format!("{prefix}+") })
        }
        DetectLocal::Nothing => None,
    }
}

/// The API server keeps podCIDR the first of podCIDRs.
fn pod_cidrs(node: &Node) -> impl Iterator<Item = &str> {
    let first = node.spec.pod_cidrs.is_empty().then_some(&node.spec.pod_cidr);
    first.into_iter().chain(&node.spec.pod_cidrs).map(String::as_str)
}

/// The first CIDR of the family: 1.30 writes it as configured, newer releases mask it.
fn by_cidr<'a>(settings: &Settings, cidrs: impl Iterator<Item = &'a str>) -> Option<Detector> {
    let of_family = |text: &'a str| {
        let net = parse_cidr(text.trim())?;
        (family(net.addr()) == settings.family).then_some((text.trim(), net))
    };
    let (text, net) = cidrs.into_iter().find_map(of_family)?;
    if settings.version >= Version::Modern {
        let criterion = Criterion::Source(AddressMatch::net(net.trunc()));
        return Some(Detector { criterion, written: None });
    }
    let written = Some(text.to_owned()).filter(|it| *it != net.to_string());
    Some(Detector { criterion: Criterion::Source(AddressMatch::net(net)), written })
}

fn by_interface(name: String) -> Option<Detector> {
    let criterion = Criterion::InInterface(name.clone());
    (!name.is_empty()).then_some(Detector { criterion, written: None })
}
