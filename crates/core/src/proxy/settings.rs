//! What kube-proxy's configuration says, for one node and one address family.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use svclab_netfilter::Family;

use super::ipvs::Scheduler;

/// Which kube-proxy: what differs between releases follows from this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Version {
    /// 1.30.5.
    #[default]
    #[serde(rename = "1.30")]
    V1_30,
    /// 1.34 to 1.37.
    #[serde(rename = "modern")]
    Modern,
}

/// How kube-proxy tells the traffic of this node's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum DetectLocal {
    #[default]
    #[serde(rename = "ClusterCIDR")]
    ClusterCidr,
    #[serde(rename = "NodeCIDR")]
    NodeCidr,
    BridgeInterface,
    InterfaceNamePrefix,
    #[serde(rename = "")]
    Nothing,
}

/// kube-proxy's `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Iptables,
    Nftables,
    Ipvs,
    /// No cluster runs it: releases since 1.26 refuse it.
    Userspace,
}

impl Mode {
    /// kube-proxy's word.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Iptables => "iptables",
            Mode::Nftables => "nftables",
            Mode::Ipvs => "ipvs",
            Mode::Userspace => "userspace",
        }
    }

    /// By kube-proxy's word, or by that of the tool that loads the rules.
    pub fn parse(word: &str) -> Option<Mode> {
        match word {
            "iptables" => Some(Mode::Iptables),
            "nftables" | "nft" => Some(Mode::Nftables),
            "ipvs" => Some(Mode::Ipvs),
            "userspace" => Some(Mode::Userspace),
            _ => None,
        }
    }
}

/// What kube-proxy's configuration says of the IPVS mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IpvsSettings {
    pub scheduler: Scheduler,
}

/// Named as in kube-proxy's configuration; the defaults are its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    pub version: Version,
    #[serde(deserialize_with = "read_mode")]
    pub mode: Mode,
    /// The name of this node.
    pub node: String,
    #[serde(serialize_with = "write_family", deserialize_with = "read_family")]
    pub family: Family,
    pub detect_local_mode: DetectLocal,
    /// One CIDR for each family, separated by commas.
    #[serde(rename = "clusterCIDR")]
    pub cluster_cidr: String,
    pub bridge_interface: String,
    pub interface_name_prefix: String,
    pub masquerade_all: bool,
    /// 0 to 31.
    #[serde(deserialize_with = "read_bit")]
    pub masquerade_bit: u8,
    /// Whether iptables knows `--random-fully` (1.6.2).
    pub random_fully: bool,
    pub localhost_node_ports: bool,
    pub node_port_addresses: Vec<String>,
    #[serde(rename = "conntrackTCPBeLiberal")]
    pub conntrack_tcp_be_liberal: bool,
    /// Whether the kernel has the counters that newer releases use.
    pub nfacct: bool,
    /// The ranges that ClusterIPs come from, as newer releases learn them from ServiceCIDR objects;
    /// only the nftables mode looks at them.
    #[serde(rename = "serviceCIDRs")]
    pub service_cidrs: Vec<String>,
    /// The addresses of the node's devices; only the IPVS mode looks at them, as it serves
    /// NodePorts on each. Those of the Node object where none are given.
    pub local_addresses: Vec<IpAddr>,
    pub ipvs: IpvsSettings,
    pub feature_gates: BTreeMap<String, bool>,
    /// Whether `ServiceTrafficDistribution` is on where no gate says so, as since 1.31: kube-proxy
    /// 1.30 has it off, the lab's clusters are newer.
    #[serde(skip)]
    pub traffic_distribution: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            version: Version::default(),
            mode: Mode::default(),
            node: String::new(),
            family: Family::V4,
            detect_local_mode: DetectLocal::default(),
            cluster_cidr: String::new(),
            bridge_interface: String::new(),
            interface_name_prefix: String::new(),
            masquerade_all: false,
            masquerade_bit: 14,
            random_fully: true,
            localhost_node_ports: true,
            node_port_addresses: Vec::new(),
            conntrack_tcp_be_liberal: false,
            nfacct: true,
            service_cidrs: Vec::new(),
            local_addresses: Vec::new(),
            ipvs: IpvsSettings::default(),
            feature_gates: BTreeMap::new(),
            traffic_distribution: false,
        }
    }
}

impl Settings {
    /// The bit of the packet mark that asks for masquerading.
    pub fn masquerade_mark(&self) -> u32 {
        1u32.checked_shl(u32::from(self.masquerade_bit)).unwrap_or_default()
    }

    pub(super) fn uses_nfacct(&self) -> bool {
        self.nfacct && self.version >= Version::Modern
    }

    pub(super) fn gate(&self, name: &str, default: bool) -> bool {
        self.feature_gates.get(name).copied().unwrap_or(default)
    }
}

/// `""` is the default, as for kube-proxy itself.
fn read_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
    let word = String::deserialize(deserializer)?;
    match word.as_str() {
        "" | "iptables" => Ok(Mode::Iptables),
        "nftables" => Ok(Mode::Nftables),
        "ipvs" => Ok(Mode::Ipvs),
        other => Err(serde::de::Error::custom(format!(
            "mode is iptables, nftables or ipvs, not {other:?}"
        ))),
    }
}

fn write_family<S: Serializer>(family: &Family, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(match family {
        Family::V4 => 4,
        Family::V6 => 6,
    })
}

fn read_family<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Family, D::Error> {
    match u64::deserialize(deserializer)? {
        4 => Ok(Family::V4),
        6 => Ok(Family::V6),
        other => Err(serde::de::Error::custom(format!("family is 4 or 6, not {other}"))),
    }
}

fn read_bit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let bit = i64::deserialize(deserializer)?;
    let fits = u8::try_from(bit).ok().filter(|it| *it < 32);
    fits.ok_or_else(|| serde::de::Error::custom(format!("masqueradeBit is 0 to 31, not {bit}")))
}
