//! The machines and networks of a scenario, as data.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use svclab_netfilter::Protocol;

use crate::admit::Version;
use crate::dns::World;
use crate::dns::text::WorldText;
use crate::family::{Addresses, Ranges};
use crate::net::Layout;
use crate::proxy;

/// The machines and their networks, and what runs before the user comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// The release of Kubernetes: `"1.32"` (the default), `"1.33"` or `"1.34"`.
    #[serde(default)]
    pub version: Version,
    pub lan: Ranges,
    pub router: Addresses,
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: Ranges,
    #[serde(rename = "clusterCIDR")]
    pub cluster_cidr: Ranges,
    pub nodes: Vec<NodeSpec>,
    /// What differs from kube-proxy's defaults; `clusterCIDR` is the cluster's, and so is the release
    /// (`modern` since 1.34) where no `version` is named.
    #[serde(default)]
    pub kube_proxy: proxy::Settings,
    /// Outside the cluster: on the LAN, or behind the router.
    #[serde(default)]
    pub outside: Vec<HostSpec>,
    /// What kubelet and the machines know of names.
    #[serde(default)]
    pub dns: DnsSpec,
    /// Without one, Services of type LoadBalancer wait for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancerSpec>,
    /// How the pods' network is laid out.
    #[serde(default)]
    pub pod_network: Layout,
    /// Whether a pod's packet may come back to itself through the bridge (CNI's `hairpinMode`).
    #[serde(default = "yes")]
    pub hairpin_mode: bool,
    /// What becomes of NetworkPolicies.
    #[serde(default)]
    pub network_policy: NetworkPolicySupport,
    /// Without one, pods wait until somebody binds them.
    #[serde(default = "yes")]
    pub scheduler: bool,
    #[serde(default)]
    pub system: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    pub name: String,
    pub address: Addresses,
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Ranges,
    #[serde(default)]
    pub control_plane: bool,
    #[serde(default)]
    pub zone: Option<String>,
    /// What differs from the usual machine, by resource: `{ cpu: "8", pods: "500" }`.
    #[serde(default)]
    pub capacity: BTreeMap<String, String>,
    /// What differs from a node's usual settings: `{ net.ipv4.conf.all.rp_filter: 1 }`.
    #[serde(default)]
    pub sysctls: BTreeMap<String, u32>,
}

/// Whether the network plugin enforces NetworkPolicies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NetworkPolicySupport {
    /// As flannel does, whose network this is: they are stored and have no effect.
    #[default]
    Ignored,
    /// As with Canal: flannel's network, Calico's policies.
    Enforced,
}

/// Names: what kubelet tells pods, and what the world outside knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DnsSpec {
    /// kubelet's `clusterDomain`
    pub domain: String,
    /// kubelet's `clusterDNS`; empty: the tenth address of the service range.
    pub servers: Vec<IpAddr>,
    /// `/etc/resolv.conf` of nodes and of hosts outside.
    pub resolv_conf: String,
    /// What every name server outside knows.
    pub outside: Outside,
}

impl Default for DnsSpec {
    fn default() -> DnsSpec {
        DnsSpec {
            domain: "cluster.local".to_owned(),
            servers: Vec::new(),
            resolv_conf: String::new(),
            outside: Outside::default(),
        }
    }
}

/// Zones of the world outside, as they are written and as they are looked up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "WorldText", into = "WorldText")]
pub struct Outside {
    text: WorldText,
    world: World,
}

impl Outside {
    pub fn world(&self) -> &World {
        &self.world
    }
}

impl TryFrom<WorldText> for Outside {
    type Error = String;

    fn try_from(text: WorldText) -> Result<Outside, String> {
        Ok(Outside { world: text.world()?, text })
    }
}

impl From<Outside> for WorldText {
    fn from(it: Outside) -> WorldText {
        it.text
    }
}

/// What gives Services of type LoadBalancer their addresses, as MetalLB does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerSpec {
    /// The name of its only pool.
    #[serde(default = "default_pool")]
    pub name: String,
    pub pool: Pool,
    /// What it writes into `status.loadBalancer.ingress[].ipMode`.
    #[serde(default)]
    pub ip_mode: IpMode,
    /// Whether it runs when the lab begins.
    #[serde(default = "yes")]
    pub running: bool,
}

/// Whether kube-proxy answers for the address on each node, or leaves the way to the load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum IpMode {
    #[default]
    #[serde(rename = "VIP")]
    Vip,
    Proxy,
}

impl IpMode {
    /// The API's word.
    pub fn name(self) -> &'static str {
        match self {
            IpMode::Vip => "VIP",
            IpMode::Proxy => "Proxy",
        }
    }
}

/// Addresses to give out, in order: `192.168.56.200-192.168.56.250`, `192.168.56.240/28`, or
/// several of these with commas between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pool(Vec<RangeInclusive<IpAddr>>);

impl Pool {
    /// Each range is of one IP family.
    pub fn ranges(&self) -> &[RangeInclusive<IpAddr>] {
        &self.0
    }

    pub fn contains(&self, ip: &IpAddr) -> bool {
        self.0.iter().any(|it| it.contains(ip) && it.start().is_ipv4() == ip.is_ipv4())
    }
}

impl From<Pool> for String {
    fn from(pool: Pool) -> String {
        let texts: Vec<String> =
            pool.0.iter().map(|it| format!("{}-{}", it.start(), it.end())).collect();
        texts.join(",")
    }
}

impl TryFrom<String> for Pool {
    type Error = String;

    fn try_from(text: String) -> Result<Pool, String> {
        text.split(',').map(|it| range(it.trim())).collect::<Result<_, _>>().map(Pool)
    }
}

fn range(text: &str) -> Result<RangeInclusive<IpAddr>, String> {
    let wrong = || format!("{text:?} is no range: it reads 10.0.0.1-10.0.0.9 or 10.0.0.0/28");
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(net.network()..=net.broadcast());
    }
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let ip = |it: &str| it.trim().parse::<IpAddr>().map_err(|_| wrong());
    let (first, last) = (ip(first)?, ip(last)?);
    let fits = first.is_ipv4() == last.is_ipv4() && first <= last;
    fits.then_some(first..=last).ok_or_else(wrong)
}

fn default_pool() -> String {
    "default".to_owned()
}

/// A host outside the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostSpec {
    pub name: String,
    /// On the LAN; any other address lies behind the router.
    pub address: Addresses,
    /// Its own static routes, besides the default one to the router.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
    /// What it listens on: `80/TCP`, `53/UDP`; the protocol is TCP where none is written.
    #[serde(default)]
    pub ports: Vec<PortSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    pub to: IpNet,
    pub via: IpAddr,
}

/// `80`, `80/TCP`, `53/UDP`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "PortText", into = "String")]
pub struct PortSpec {
    pub port: u16,
    pub protocol: Protocol,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PortText {
    Number(u16),
    Text(String),
}

impl TryFrom<PortText> for PortSpec {
    type Error = String;

    fn try_from(text: PortText) -> Result<PortSpec, String> {
        let text = match text {
            PortText::Number(port) => return Ok(PortSpec { port, protocol: Protocol::Tcp }),
            PortText::Text(text) => text,
        };
        let (port, protocol) = text.split_once('/').unwrap_or((&text, "TCP"));
        let wrong = || format!("{text:?} is no port: it reads 80, 80/TCP or 53/UDP");
        let protocol = protocol.parse().map_err(|()| wrong())?;
        Ok(PortSpec { port: port.parse().map_err(|_| wrong())?, protocol })
    }
}

impl From<PortSpec> for String {
    fn from(it: PortSpec) -> String {
        format!("{}/{}", it.port, it.protocol.name().to_uppercase())
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_with_and_without_its_protocol() {
        let read = |text: &str| serde_yaml::from_str::<PortSpec>(text).map_err(|it| it.to_string());
        let port = |port, protocol| Ok(PortSpec { port, protocol });
        assert_eq!(read("80"), port(80, Protocol::Tcp));
        assert_eq!(read("443/TCP"), port(443, Protocol::Tcp));
        assert_eq!(read("53/udp"), port(53, Protocol::Udp));
        assert!(read("http").unwrap_err().contains("is no port"));
        assert!(read("70000").is_err());
    }

    #[test]
    fn a_pool_reads_ranges_and_blocks_of_both_families() {
        let read = |text: &str| Pool::try_from(text.to_owned()).map(String::from);
        let text = "10.0.0.1-10.0.0.9,fd00::1-fd00::9";
        assert_eq!(read(text), Ok(text.to_owned()));
        assert_eq!(read("10.0.0.16/28"), Ok("10.0.0.16-10.0.0.31".to_owned()));
        for wrong in ["", "10.0.0.1", "10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1-10.0.0.9,"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
