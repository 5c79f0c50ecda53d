//! `svclab trace`: one JSON packet a line in, every outcome with its probability out.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::modes::{self, Way};
use svclab_core::net::Kernel;
use svclab_core::net::probe::{Fate, Outcome, Probe, outcomes};
use svclab_core::object::{Object, Objects};
use svclab_core::proxy::{self, Mode, Settings};
use svclab_netfilter::RuleSet;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::rules::first_node;
use crate::state;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let (mut options, mut packets): (Option<PathBuf>, Option<PathBuf>) = (None, None);
    let files = arguments.paths(|name, rest| {
        match name {
            "--options" => options = Some(rest.value(name)?),
            "--packets" => packets = Some(rest.value(name)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let packets = packets.ok_or_else(|| Failure::new("trace needs --packets FILE"))?;
    if files.is_empty() {
        return Err(Failure::new("trace needs at least one state file"));
    }
    let objects = state::objects(&files)?;
    let settings = match options {
        Some(file) => state::settings(&file)?,
        None => first_node(&objects),
    };
    let tracer = Tracer::new(&objects, &settings);
    let text = state::text(&packets)?;
    for (line, number) in text.lines().zip(1..) {
        if !line.trim().is_empty() {
            crate::print(&format!("{}\n", answer(&tracer, line, (&packets, number))?))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The outcomes of one line's packet, as JSON.
fn answer(tracer: &Tracer, line: &str, (file, number): (&Path, usize)) -> Result<String, Failure> {
    let packet: PacketLine = serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        Failure::at(file, (number, error.column().max(1)), what)
    })?;
    let outcomes = tracer.outcomes(&packet).map_err(|what| Failure::at(file, (number, 1), what))?;
    serde_json::to_string(&outcomes).map_err(|error| Failure::new(error.to_string()))
}

/// A packet as a line of input gives it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PacketLine {
    src: IpAddr,
    dst: IpAddr,
    proto: String,
    #[serde(default)]
    dport: u16,
    #[serde(default)]
    on_node: bool,
    #[serde(rename = "in")]
    input: Option<String>,
}

impl PacketLine {
    pub(crate) fn probe(&self) -> Result<Probe, String> {
        let protocol = self.proto.parse();
        let protocol = protocol.map_err(|()| format!("unknown protocol {:?}", self.proto))?;
        Ok(Probe {
            src: self.src,
            dst: self.dst,
            protocol,
            dport: self.dport,
            input: (!self.on_node).then(|| self.input.clone().unwrap_or("eth0".into())),
        })
    }
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcomes {
    pub(crate) outcomes: Vec<OutcomeLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutcomeLine {
    pub(crate) verdict: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dest: Option<String>,
    pub(crate) masquerade: bool,
    pub(crate) probability: f64,
    pub(crate) chains: Vec<String>,
}

/// One node as kube-proxy has left it.
pub(crate) struct Tracer {
    kernel: Kernel,
    addresses: Vec<IpAddr>,
    other: Option<Other>,
}

/// What kube-proxy works with where that is not iptables.
enum Other {
    Nftables(proxy::Nftables),
    Ipvs(proxy::Ipvs),
}

impl Tracer {
    pub(crate) fn new(objects: &Objects, settings: &Settings) -> Tracer {
        let mut rules = RuleSet::builtin();
        rules.restore(&proxy::jumps(), true);
        rules.restore(&proxy::full_sync(objects, settings).restore, true);
        let kernel = Kernel::of(settings.family, rules);
        let node = objects.get(&ObjectKey::new(Kind::Node, "", &settings.node));
        let addresses = match node {
            Some(Object::Node(node)) => {
                [node.addresses("InternalIP"), node.addresses("ExternalIP")].concat()
            }
            _ => Vec::new(),
        };
        let other = match settings.mode {
            Mode::Nftables => Some(Other::Nftables(proxy::nftables(objects, settings))),
            Mode::Ipvs => Some(Other::Ipvs(proxy::ipvs(objects, settings))),
            Mode::Iptables | Mode::Userspace => None,
        };
        Tracer { kernel, addresses, other }
    }

    /// Gives the node further addresses.
    pub(crate) fn with_addresses(mut self, more: &[IpAddr]) -> Tracer {
        self.addresses.extend(more);
        self
    }

    pub(crate) fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.addresses.contains(&ip)
    }

    pub(crate) fn outcomes(&self, packet: &PacketLine) -> Result<Outcomes, String> {
        let probe = packet.probe()?;
        let is_local = |ip| self.is_local(ip);
        let outcomes = match &self.other {
            None => self.ways(&probe).into_iter().map(line).collect(),
            Some(Other::Nftables(own)) => other_lines(modes::nftables(own, &is_local, &probe)),
            Some(Other::Ipvs(own)) => other_lines(modes::ipvs::ways(own, &is_local, &probe)),
        };
        Ok(Outcomes { outcomes })
    }

    /// Every way the packet may go.
    pub(crate) fn ways(&self, probe: &Probe) -> Vec<Outcome> {
        outcomes(&self.kernel, &|ip| self.is_local(ip), probe)
    }
}

/// The same of another mode, with the chains that were met.
fn other_lines(ways: Vec<Way>) -> Vec<OutcomeLine> {
    let one = |way: Way| {
        let mut met: Vec<String> = Vec::new();
        for chain in way.steps.iter().map(|it| it.chain.to_string()) {
            if !met.contains(&chain) {
                met.push(chain);
            }
        }
        let Way { fate, masquerade, probability, .. } = way;
        let chains = Vec::new();
        let own = line(Outcome { fate, masquerade, accepted: false, probability, chains });
        OutcomeLine { chains: met, ..own }
    };
    ways.into_iter().map(one).collect()
}

fn line(outcome: Outcome) -> OutcomeLine {
    let (verdict, dest) = match outcome.fate {
        Fate::Dnat(dest) => ("DNAT", Some(dest.to_string())),
        Fate::Pass => ("PASS", None),
        Fate::Reject => ("REJECT", None),
        Fate::Drop => ("DROP", None),
    };
    let chains = outcome.chains.iter().map(|(table, chain)| format!("{table}/{chain}"));
    OutcomeLine {
        verdict: verdict.into(),
        dest,
        masquerade: outcome.masquerade,
        probability: (outcome.probability * 1e6).round() / 1e6,
        chains: chains.collect(),
    }
}

impl Outcomes {
    /// Whether the other holds the same outcomes, in any order, with probabilities within 2e-6.
    pub(crate) fn agrees(&self, other: &Outcomes) -> bool {
        let same = |a: &OutcomeLine, b: &OutcomeLine| {
            (a.probability - b.probability).abs() <= 2e-6
                && (&a.verdict, &a.dest, a.masquerade, &a.chains)
                    == (&b.verdict, &b.dest, b.masquerade, &b.chains)
        };
        self.outcomes.len() == other.outcomes.len()
            && self.outcomes.iter().all(|a| other.outcomes.iter().any(|b| same(a, b)))
    }
}
