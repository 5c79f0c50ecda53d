//! A kernel_replay scenario as data: topology, rules, probes with what must happen.
//!
//! The form is the manual's at the top of `tests/kernel/kernel_replay.py`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Scenario {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    /// Seconds that an attempt waits, where its probe says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lan: Option<Lan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bridge: Option<Bridge>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    /// In the order in which they are set.
    pub(crate) sysctls: BTreeMap<String, Map<String, Value>>,
    pub(crate) nodes: Vec<NodeLine>,
    #[serde(default)]
    pub(crate) pods: Vec<PodLine>,
    #[serde(default)]
    pub(crate) external: Vec<HostLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) vips: Vec<Vip>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) routes: Vec<RouteLine>,
    #[serde(default)]
    pub(crate) rules: BTreeMap<String, Text>,
    #[serde(default)]
    pub(crate) probes: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lan {
    pub(crate) cidr: Option<IpNet>,
    pub(crate) gateway: Option<IpAddr>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bridge {
    #[serde(default = "yes")]
    pub(crate) hairpin: bool,
    #[serde(default)]
    pub(crate) promisc: bool,
    #[serde(default = "one")]
    pub(crate) nf_call_iptables: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodeLine {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
    #[serde(rename = "podCIDR")]
    pub(crate) pod_cidr: IpNet,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodLine {
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) ip: IpAddr,
    #[serde(default)]
    pub(crate) ports: Vec<PortLine>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) host_network: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PortLine {
    pub(crate) port: u16,
    #[serde(default = "tcp")]
    pub(crate) proto: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostLine {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ports: Vec<PortLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aliases: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vip {
    pub(crate) ip: IpAddr,
    pub(crate) node: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RouteLine {
    pub(crate) on: String,
    pub(crate) to: IpNet,
    pub(crate) via: IpAddr,
}

/// Rules for `iptables-restore`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Whole(String),
    Lines(Vec<String>),
    /// A path beside the scenario.
    File {
        file: PathBuf,
    },
}

impl Text {
    /// `base` is the scenario's folder.
    ///
    /// # Errors
    ///
    /// That the file cannot be read.
    pub(crate) fn whole(&self, base: &Path) -> Result<String, String> {
        match self {
            Text::Whole(text) => Ok(text.clone()),
            Text::Lines(lines) => Ok(lines.join("\n") + "\n"),
            Text::File { file } => {
                let file = base.join(file);
                std::fs::read_to_string(&file).map_err(|it| format!("{}: {it}", file.display()))
            }
        }
    }
}

/// One value or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: PartialEq> OneOrMany<T> {
    pub(crate) fn contains(&self, value: &T) -> bool {
        self.as_slice().contains(value)
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Item {
    Step(Step),
    Probe(Box<Probe>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Step {
    Restore {
        #[serde(default = "all")]
        node: String,
        rules: Text,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        noflush: bool,
    },
    Conntrack {
        #[serde(default = "all")]
        node: String,
        args: Vec<String>,
    },
    StopServer {
        pod: String,
    },
    PodDown {
        pod: String,
    },
    PodUp {
        pod: String,
    },
    Sysctl {
        on: String,
        set: Map<String, Value>,
    },
    Sleep {
        seconds: f64,
    },
    Close {
        conn: String,
    },
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Probe {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) from: String,
    #[serde(default = "tcp", skip_serializing_if = "is_tcp")]
    pub(crate) proto: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dst: Option<IpAddr>,
    #[serde(default)]
    pub(crate) port: u16,
    #[serde(default = "once")]
    pub(crate) count: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) src: Option<OneOrMany<IpAddr>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sport: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pause: Option<Pause>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keep_conntrack: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keep: Option<String>,
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub(crate) use_kept: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<Expectation>,
    /// Claims that stand beside `expect`.
    #[serde(flatten)]
    pub(crate) beside: Hits,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) every: usize,
    pub(crate) seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expectation {
    Backends(OneOrMany<String>),
    Claims(Box<Expect>),
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Expect {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backends: Option<OneOrMany<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) coverage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcomes: Option<BTreeMap<String, Amount>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen_source: Option<Seen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) distribution: Option<Distribution>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_port_kept: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lost_at_gateway: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) icmp_from: Option<OneOrMany<IpAddr>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) icmp_code: Option<OneOrMany<u8>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) conntrack: Vec<Pattern>,
    #[serde(flatten)]
    pub(crate) hits: Hits,
}

/// What is claimed of rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Hits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Steps>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hit_rules: Option<Vec<RuleSpec>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_hit: Option<Vec<RuleSpec>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hit_exactly: Option<BTreeMap<String, Exactly>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Amount {
    Number(usize),
    Word(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Seen {
    Any(OneOrMany<IpAddr>),
    ByBackend(BTreeMap<String, OneOrMany<IpAddr>>),
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Distribution {
    #[serde(default = "uniform")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alpha: Option<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) weights: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Steps {
    Always(Vec<RuleSpec>),
    ByOutcome(BTreeMap<String, Vec<RuleSpec>>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum RuleSpec {
    Text(String),
    Place {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
        rule: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        packets: Option<usize>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Exactly {
    Nat(Vec<String>),
    Tables { tables: Option<Vec<String>>, rules: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Pattern {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proto: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<OneOrMany<String>>,
    #[serde(default, skip_serializing_if = "Side::is_empty")]
    pub(crate) orig: Side,
    #[serde(default, skip_serializing_if = "Side::is_empty")]
    pub(crate) reply: Side,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Side {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) src: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dst: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sport: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dport: Option<u16>,
}

impl Side {
    fn is_empty(&self) -> bool {
        *self == Side::default()
    }
}

impl Probe {
    /// What must happen, wherever it is written.
    pub(crate) fn claims(&self) -> Expect {
        let mut res = match &self.expect {
            None => Expect::default(),
            Some(Expectation::Backends(backends)) => {
                Expect { backends: Some(backends.clone()), ..Expect::default() }
            }
            Some(Expectation::Claims(claims)) => (**claims).clone(),
        };
        let Hits { trace, hit_rules, not_hit, hit_exactly } = self.beside.clone();
        res.hits.trace = res.hits.trace.or(trace);
        res.hits.hit_rules = res.hits.hit_rules.or(hit_rules);
        res.hits.not_hit = res.hits.not_hit.or(not_hit);
        res.hits.hit_exactly = res.hits.hit_exactly.or(hit_exactly);
        res
    }
}

fn yes() -> bool {
    true
}

fn one() -> u8 {
    1
}

fn once() -> usize {
    1
}

fn tcp() -> String {
    "TCP".to_owned()
}

fn is_tcp(proto: &String) -> bool {
    proto == "TCP"
}

fn all() -> String {
    "*".to_owned()
}

fn uniform() -> String {
    "uniform".to_owned()
}
