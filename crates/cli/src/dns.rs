//! `svclab dns`: one JSON question a line in, what CoreDNS answers out.
//!
//! Every question meets a server that has just started, but for an `earlier` one in its line.
//! What chance decides is told as groups: the groups come in their order, the records in one
//! group in any.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use svclab_core::dns::corefile::{self, Config};
use svclab_core::dns::kubernetes::Cluster;
use svclab_core::dns::text::WorldText;
use svclab_core::dns::upstream::Forwarded;
use svclab_core::dns::{
    Around, Data, Edns, Luck, Name, Query, Record, Reply, Server, Transport, Type, Upstream, World,
};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::object::{Object, Objects};
use svclab_core::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::state;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let (mut settings, mut upstream, mut queries) = (None::<PathBuf>, None::<PathBuf>, None);
    let files = arguments.paths(|name, rest| {
        match name {
            "--settings" => settings = Some(rest.value(name)?),
            "--upstream" => upstream = Some(rest.value(name)?),
            "--queries" => queries = Some(rest.value(name)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let queries = queries.ok_or_else(|| Failure::new("dns needs --queries FILE"))?;
    if files.is_empty() {
        return Err(Failure::new("dns needs at least one state file"));
    }
    let objects = state::objects(&files)?;
    let settings = match settings {
        Some(file) => self::settings(&file)?,
        None => Settings { dns_pod_ips: dns_pods(&objects), ..Settings::default() },
    };
    let world = upstream.map(|file| world(&file)).transpose()?;
    let config = corefile::parse(&settings.corefile()).map_err(Failure::new)?;
    let setup = Setup { objects, config, own: settings.dns_pod_ips, world };
    let text = state::text(&queries)?;
    for (line, number) in text.lines().zip(1..) {
        if !line.trim().is_empty() {
            let failure =
                |column: usize, what: &str| Failure::at(&queries, (number, column.max(1)), what);
            let line: Line = serde_json::from_str(line).map_err(|error| {
                let text = error.to_string();
                failure(error.column(), text.split(" at line ").next().unwrap_or(&text))
            })?;
            let told = setup.tell(&line).map_err(|it| failure(1, &it))?;
            let text = serde_json::to_string(&told.reply);
            crate::print(&format!("{}\n", text.map_err(|it| Failure::new(it.to_string()))?))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What differs between servers; what is left out is as kubeadm has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    zone: String,
    reverse_zones: Vec<String>,
    pods: String,
    ttl: u32,
    ignore_empty_service: bool,
    namespaces: Vec<String>,
    /// In seconds; 0: no cache.
    cache: u32,
    cache_disabled_for: Vec<String>,
    loadbalance: bool,
    #[serde(rename = "dnsPodIPs")]
    pub(crate) dns_pod_ips: Vec<std::net::IpAddr>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            zone: "cluster.local".to_owned(),
            reverse_zones: vec!["in-addr.arpa".to_owned(), "ip6.arpa".to_owned()],
            pods: "insecure".to_owned(),
            ttl: 30,
            ignore_empty_service: false,
            namespaces: Vec::new(),
            cache: 30,
            cache_disabled_for: Vec::new(),
            loadbalance: true,
            dns_pod_ips: Vec::new(),
        }
    }
}

impl Settings {
    /// The Corefile that says the same.
    pub(crate) fn corefile(&self) -> String {
        let reverse = self.reverse_zones.join(" ");
        let mut text = format!(".:53 {{\nerrors\nkubernetes {} {reverse} {{\n", self.zone);
        text.push_str(&format!("pods {}\nttl {}\n", self.pods, self.ttl));
        if !self.reverse_zones.is_empty() {
            text.push_str(&format!("fallthrough {reverse}\n"));
        }
        if self.ignore_empty_service {
            text.push_str("ignore empty_service\n");
        }
        if !self.namespaces.is_empty() {
            text.push_str(&format!("namespaces {}\n", self.namespaces.join(" ")));
        }
        text.push_str("}\nforward . /etc/resolv.conf {\nmax_concurrent 1000\n}\n");
        if self.cache > 0 {
            text.push_str(&format!("cache {} {{\n", self.cache));
            if !self.cache_disabled_for.is_empty() {
                let zones = self.cache_disabled_for.join(" ");
                text.push_str(&format!("disable success {zones}\ndisable denial {zones}\n"));
            }
            text.push_str("}\n");
        }
        text + if self.loadbalance { "loadbalance\n}\n" } else { "}\n" }
    }
}

pub(crate) fn settings(file: &Path) -> Result<Settings, Failure> {
    serde_json::from_str(&state::text(file)?).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        Failure::at(file, (error.line().max(1), error.column().max(1)), what)
    })
}

pub(crate) fn world(file: &Path) -> Result<World, Failure> {
    let text = WorldText::read(&state::text(file)?);
    let world = text.and_then(|it| it.world());
    world.map_err(|it| Failure::new(format!("{}: {it}", file.display())))
}

/// The first ready address behind `kube-dns`.
fn dns_pods(objects: &Objects) -> Vec<std::net::IpAddr> {
    let key = ObjectKey::new(Kind::Service, "kube-system", "kube-dns");
    let slices = objects.in_namespace(Kind::EndpointSlice, &key.namespace);
    let slices = slices.filter_map(Object::as_endpoint_slice);
    let mut ready = slices
        .filter(|it| it.service_name() == Some(&key.name))
        .flat_map(|it| &it.endpoints)
        .filter(|it| it.conditions.is_ready());
    let first = ready.next().and_then(|it| it.addresses.first()?.parse().ok());
    first.into_iter().collect()
}

/// A line of input: a question, and perhaps one that was asked before it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(crate) ask: Ask,
    #[serde(default)]
    pub(crate) earlier: Option<Earlier>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ask {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    over: Over,
    edns: Option<u16>,
    #[serde(default = "yes")]
    rd: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Earlier {
    #[serde(flatten)]
    ask: Ask,
    seconds_before: f64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Over {
    #[default]
    Udp,
    Tcp,
}

fn yes() -> bool {
    true
}

/// A section: groups of records.
type Groups = Vec<Vec<String>>;

/// A line of output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReplyLine {
    pub(crate) rcode: String,
    pub(crate) flags: String,
    pub(crate) answer: Groups,
    pub(crate) authority: Groups,
    pub(crate) additional: Groups,
    pub(crate) bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edns: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<Kept>,
}

/// How many records of each section a truncated reply carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    answer: usize,
    authority: usize,
    additional: usize,
}

/// What came of a question, beside the reply itself.
pub(crate) struct Told {
    pub(crate) reply: ReplyLine,
    pub(crate) asked_upstream: Vec<String>,
    pub(crate) seconds: u64,
}

/// A server and all it stands among.
pub(crate) struct Setup {
    pub(crate) objects: Objects,
    pub(crate) config: Config,
    pub(crate) own: Vec<std::net::IpAddr>,
    pub(crate) world: Option<World>,
}

/// The orders in which lists of EndpointSlices are tried: a Go map begins anywhere.
const ORDERS: usize = 8;

impl Setup {
    pub(crate) fn tell(&self, line: &Line) -> Result<Told, String> {
        let query = self.query(&line.ask)?;
        let earlier = line.earlier.as_ref();
        let earlier = earlier.map(|it| Ok::<_, String>((self.query(&it.ask)?, it.seconds_before)));
        let earlier = earlier.transpose()?;
        let (reply, asked, waited) = self.answer(&query, earlier.as_ref(), 0);
        let whole = Query { over: Transport::Tcp, ..query };
        let orders = (0..ORDERS).map(|it| self.answer(&whole, earlier.as_ref(), it).0);
        let orders: Vec<Reply> = orders.collect();
        let kept = reply.flags.truncated.then_some(Kept {
            answer: reply.answer.len(),
            authority: reply.authority.len(),
            additional: reply.additional.len(),
        });
        let [answer, authority, additional] = [0, 1, 2].map(|section| {
            let orders: Vec<_> = orders.iter().map(|it| it.sections()[section]).collect();
            groups(&orders, self.config.blocks.iter().any(|it| it.loadbalance))
        });
        let told = ReplyLine {
            rcode: reply.rcode.name().to_owned(),
            flags: reply.flags.to_string(),
            answer,
            authority,
            additional,
            bytes: reply.bytes(),
            edns: reply.edns.map(|it| it.size),
            kept,
        };
        Ok(Told { reply: told, asked_upstream: asked, seconds: waited.as_secs() })
    }

    fn query(&self, ask: &Ask) -> Result<Query, String> {
        let name = Name::parse(&ask.name);
        Ok(Query {
            id: 0,
            name: name.ok_or_else(|| format!("{:?} is no domain name", ask.name))?,
            kind: Type::parse(&ask.kind).ok_or_else(|| format!("unknown type {:?}", ask.kind))?,
            over: match ask.over {
                Over::Udp => Transport::Udp,
                Over::Tcp => Transport::Tcp,
            },
            ipv6: self.own.first().is_some_and(|it| it.is_ipv6()),
            edns: ask.edns.map(|size| Edns { size, cookie: false }),
            recursion_desired: ask.rd,
        })
    }

    fn answer(
        &self,
        query: &Query,
        earlier: Option<&(Query, f64)>,
        order: usize,
    ) -> (Reply, Vec<String>, Duration) {
        let mut server = Server::new(self.config.clone());
        let mut ask = |query: &Query, now: Instant| {
            let mut upstream = Recorder { world: self.world.as_ref(), asked: Vec::new() };
            let own = &self.own;
            let cluster = Cluster { objects: &self.objects, synced: true, serial: 0, own };
            let luck = Luck::Fixed(order);
            let waited = Duration::ZERO;
            let mut around = Around { cluster, upstream: &mut upstream, luck, now, waited };
            let reply = server.answer(query, 53, &mut around);
            let waited = around.waited;
            (reply, upstream.asked, waited)
        };
        let start = Instant::START;
        let Some((first, seconds)) = earlier else { return ask(query, start) };
        ask(first, start);
        ask(query, start + Duration::from_micros((seconds * 1e6) as u64))
    }
}

/// Keeps what is asked; the same question again is a repeat.
struct Recorder<'a> {
    world: Option<&'a World>,
    asked: Vec<String>,
}

impl Upstream for Recorder<'_> {
    fn ask(&mut self, query: &Query, _to: &[corefile::Target]) -> Forwarded {
        let text = format!("{} {}", query.name, query.kind);
        if !self.asked.contains(&text) {
            self.asked.push(text);
        }
        match self.world {
            Some(world) => world.answer(query).map_or(Forwarded::Silent, Forwarded::Reply),
            None => Forwarded::Refused,
        }
    }
}

/// Records that come in an open order are one group: those that loadbalance shuffles, and those
/// between which no order agrees with all others.
fn groups(orders: &[&Vec<Record>], shuffled: bool) -> Groups {
    let shuffles =
        |it: &Record| shuffled && matches!(it.data, Data::A(_) | Data::Aaaa(_) | Data::Mx { .. });
    let mut res = fixed_groups(orders, &|it| !shuffles(it));
    for kind in [&[Type::A, Type::AAAA][..], &[Type::MX]] {
        let first = orders.first().into_iter().copied().flatten();
        let one = first.filter(|it| shuffles(it) && kind.contains(&it.kind()));
        let mut one: Vec<String> = one.map(text).collect();
        one.sort();
        if !one.is_empty() {
            res.push(one);
        }
    }
    res
}

/// A group ends where all orders have had the same records.
fn fixed_groups(orders: &[&Vec<Record>], counts: &dyn Fn(&Record) -> bool) -> Groups {
    let texts = |it: &&Vec<Record>| it.iter().filter(|it| counts(it)).map(text).collect();
    let orders: Vec<Vec<String>> = orders.iter().map(texts).collect();
    let length = orders.iter().map(Vec::len).min().unwrap_or(0);
    let (mut res, mut start) = (Groups::new(), 0);
    for end in 1..=length {
        let sorted = |it: &Vec<String>| {
            let mut part = it[start..end].to_vec();
            part.sort();
            part
        };
        let first = sorted(&orders[0]);
        if orders.iter().all(|it| sorted(it) == first) {
            res.push(first);
            start = end;
        }
    }
    res
}

/// A state has no time of its last change, so the serial of the cluster's zones stays a word.
fn text(record: &Record) -> String {
    let text = record.to_string();
    match &record.data {
        Data::Soa(soa) if soa.server == record.owner.child("ns.dns") => {
            let mailbox = format!("{} ", soa.mailbox);
            text.replacen(&format!("{mailbox}{}", soa.serial), &format!("{mailbox}SERIAL"), 1)
        }
        _ => text,
    }
}
