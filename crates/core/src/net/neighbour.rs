//! Who is known on a link: the kernels' neighbour tables, for ARP and for neighbour discovery alike
//! (`net/core/neighbour.c`).
//!
//! An entry is asked for when a packet needs it, believed for 30 s (a kernel draws 15 to 45), and
//! then until somebody uses it: 5 s later it is asked again, up to three times, a second apart.
//! TCP's own ends need not ask: an acknowledgement shows that the neighbour is there.
//! A question and its answer take no time here; the router's own table is not kept.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Network, Party, route_to};
use crate::family::OfFamily;
use crate::time::{Duration, Instant};
use crate::trace::NodeName;

/// `base_reachable_time_ms`
const REACHABLE: Duration = Duration::from_secs(30);
/// `delay_first_probe_time`
const DELAY: Duration = Duration::from_secs(5);
/// `retrans_time_ms`
const AGAIN: Duration = Duration::from_secs(1);
/// `ucast_solicit` and `mcast_solicit`
const TRIES: u8 = 3;
/// The process that a control plane runs on its node's own network.
pub const API_SERVER: &str = "kube-apiserver";
/// How many questions are remembered for who looks at an interface.
const KEPT: usize = 256;

/// `NUD_…`, as `ip neigh` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nobody has answered yet; packets wait.
    Incomplete,
    Reachable,
    /// Not confirmed for a while; used all the same.
    Stale,
    /// Used since; will be asked.
    Delay,
    /// Is being asked again, while packets still go to the old MAC address.
    Probe,
    Failed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Incomplete => "INCOMPLETE",
            State::Reachable => "REACHABLE",
            State::Stale => "STALE",
            State::Delay => "DELAY",
            State::Probe => "PROBE",
            State::Failed => "FAILED",
        }
    }

    /// Whether there is a MAC address to send to.
    pub fn is_valid(self) -> bool {
        !matches!(self, State::Incomplete | State::Failed)
    }
}

/// A question that went over a link.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Counts from 1.
    pub id: usize,
    pub at: Instant,
    pub by: Party,
    /// The address that the answer is wanted for.
    pub tell: IpAddr,
    pub ip: IpAddr,
    /// To everybody on the link; else to the neighbour as it was known.
    pub to_all: bool,
    pub answered: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    state: State,
    tell: IpAddr,
    /// How often it was asked since it was begun or doubted.
    asked: u8,
    /// When its state is looked at again.
    due: Option<Instant>,
    confirmed: Instant,
    used: Instant,
    /// A connection that never rests goes over it.
    steady: bool,
}

/// All namespaces' tables, and the last questions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbours {
    entries: BTreeMap<(Party, IpAddr), Entry>,
    /// By time.
    asked: Vec<Asked>,
    count: usize,
}

/// What a packet finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// A MAC address, be it that of somebody who is gone.
    Known,
    /// Nobody has answered: after this time the packet is given up.
    Waits(Duration),
}

impl Neighbours {
    pub(super) fn of<'a>(&'a self, party: &'a Party) -> impl Iterator<Item = (IpAddr, State)> {
        let own = self.entries.iter().filter(move |it| it.0.0 == *party);
        own.map(|(key, entry)| (key.1, entry.state))
    }

    /// The last questions, by time.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Forgets the entries that `gone` says of.
    pub(super) fn forget(&mut self, gone: impl Fn(&Party, IpAddr) -> bool) {
        self.entries.retain(|key, _| !gone(&key.0, key.1));
    }

    fn next_due(&self, until: Instant) -> Option<(Instant, (Party, IpAddr))> {
        let due = self.entries.iter().filter_map(|(key, it)| Some((it.due?, key)));
        let next = due.filter(|it| it.0 <= until).min();
        next.map(|(at, key)| (at, key.clone()))
    }

    fn note(&mut self, asked: Asked) {
        self.count += 1;
        let at = self.asked.partition_point(|it| it.at <= asked.at);
        self.asked.insert(at, Asked { id: self.count, ..asked });
        if self.asked.len() > KEPT {
            self.asked.remove(0);
        }
    }
}

impl Network {
    /// Lets time pass for all tables; to be called before anybody comes, goes or is switched.
    pub fn settle(&mut self, now: Instant) {
        while let Some((at, key)) = self.neighbours.next_due(now) {
            self.fire(&key, at);
        }
    }

    /// What `asker` finds when it has a packet for `ip` on its link; `tell` is the packet's source
    /// if that is the asker's own, else the device's address.
    pub(super) fn meet(&mut self, asker: &Party, ip: IpAddr, tell: IpAddr, at: Instant) -> Met {
        let key = (asker.clone(), ip);
        while let Some(due) = self.neighbours.entries.get(&key).and_then(|it| it.due)
            && due <= at
        {
            self.fire(&key, due);
        }
        let new = || Entry::new(State::Failed, tell, at);
        let entry = self.neighbours.entries.entry(key.clone()).or_insert_with(new);
        entry.used = entry.used.max(at);
        match entry.state {
            State::Failed => {
                *entry = Entry { steady: entry.steady, ..Entry::new(State::Incomplete, tell, at) };
                self.ask(&key, at);
            }
            State::Incomplete => {
                // Somebody has come while it waits.
                if self.answers(asker, ip).is_some() {
                    self.ask(&key, at);
                }
            }
            State::Stale => {
                (entry.state, entry.due) = (State::Delay, Some(at + DELAY));
                return Met::Known;
            }
            State::Reachable | State::Delay | State::Probe => return Met::Known,
        }
        match self.neighbours.entries.get(&key) {
            Some(entry) if !entry.state.is_valid() => Met::Waits(entry.remaining(at)),
            _ => Met::Known,
        }
    }

    /// `party` has heard from somebody with whom it keeps a connection: whoever forwards for it is
    /// there (`sk_dst_confirm`).
    pub(super) fn confirm(&mut self, party: &Party, from: IpAddr, at: Instant) {
        let Some(hop) = self.next_hop(party, from) else { return };
        if let Some(entry) = self.neighbours.entries.get_mut(&(party.clone(), hop)) {
            entry.confirmed = entry.confirmed.max(at);
        }
    }

    fn next_hop(&self, party: &Party, to: IpAddr) -> Option<IpAddr> {
        let routes = match party {
            _ if self.owns(party, to) => return None,
            Party::Pod(ip) => self.pod_routes(self.pods.get(ip)?),
            Party::Node(name) => self.topology().route(self.node(name)?, to).into_iter().collect(),
            Party::Host(name) => self.host_routes(self.host(name)?),
        };
        route_to(&routes, to).map(|it| it.via.unwrap_or(to))
    }

    /// Each kubelet talks to the API server all the time from now.
    pub fn keep_in_touch(&mut self, at: Instant) {
        let server = self.guests.iter().find(|it| &*it.name == API_SERVER);
        let server = server.and_then(|it| self.node(&it.node)).filter(|it| it.up).cloned();
        let Some(server) = server else { return };
        let nodes = self.nodes.iter().filter(|it| it.up && it.name != server.name);
        let nodes: Vec<(NodeName, IpAddr)> =
            nodes.map(|it| (it.name.clone(), it.addresses.primary)).collect();
        let own = server.addresses.primary;
        for (name, ip) in nodes {
            for (from, tell, to) in [(name, ip, own), (server.name.clone(), own, ip)] {
                let reachable = Entry::new(State::Reachable, tell, at);
                let entry = Entry { steady: true, due: Some(at + REACHABLE), ..reachable };
                self.neighbours.entries.insert((Party::Node(from), to), entry);
            }
        }
    }

    /// An entry's time has come (`neigh_timer_handler`).
    fn fire(&mut self, key: &(Party, IpAddr), at: Instant) {
        let there = self.answers(&key.0, key.1).is_some();
        let Some(entry) = self.neighbours.entries.get_mut(key) else { return };
        if entry.steady {
            entry.used = at;
            entry.confirmed = if there { at } else { entry.confirmed };
        }
        let recent = |since: Instant, time: Duration| at <= since + time;
        (entry.state, entry.due) = match entry.state {
            State::Reachable if at < entry.confirmed + REACHABLE => {
                (State::Reachable, Some(entry.confirmed + REACHABLE))
            }
            State::Reachable if recent(entry.used, DELAY) => (State::Delay, Some(at + DELAY)),
            State::Reachable => (State::Stale, None),
            State::Delay if recent(entry.confirmed, DELAY) => {
                (State::Reachable, Some(entry.confirmed + REACHABLE))
            }
            State::Delay => {
                entry.asked = 0;
                (State::Probe, None)
            }
            State::Incomplete | State::Probe if entry.asked >= TRIES => (State::Failed, None),
            other => (other, None),
        };
        if entry.due.is_none() && matches!(entry.state, State::Incomplete | State::Probe) {
            self.ask(key, at);
        }
    }

    fn ask(&mut self, key: &(Party, IpAddr), at: Instant) {
        let (by, ip) = key.clone();
        let answer = self.answers(&by, ip);
        let Some(entry) = self.neighbours.entries.get_mut(key) else { return };
        let (tell, to_all) = (entry.tell, entry.state == State::Incomplete);
        entry.asked = entry.asked.saturating_add(1);
        entry.due = Some(at + AGAIN);
        if answer.is_some() {
            (entry.state, entry.confirmed) = (State::Reachable, at);
            entry.due = Some(at + REACHABLE);
        }
        let answered = answer.is_some();
        self.neighbours.note(Asked { id: 0, at, by, tell, ip, to_all, answered });
        let Some(Answerer::Party(other)) = answer else { return };
        // Who is asked learns who asks.
        let known = self.neighbours.entries.entry((other, tell));
        let known = known.or_insert_with(|| Entry::new(State::Failed, ip, at));
        if !known.state.is_valid() {
            (known.state, known.due) = (State::Stale, None);
        }
    }

    /// Who on the asker's link has the address, if anybody is there.
    fn answers(&self, asker: &Party, ip: IpAddr) -> Option<Answerer> {
        let node = match asker {
            Party::Pod(own) => self.node(&self.pods.get(own)?.node),
            Party::Node(name) => self.node(name),
            Party::Host(_) => None,
        };
        if let Some(node) = node.filter(|it| it.up) {
            let host = node.bridge(ip.family()).or(node.layout.pod_gateway(ip.family()));
            if matches!(asker, Party::Pod(_)) && host == Some(ip) {
                return Some(Answerer::Party(Party::Node(node.name.clone())));
            }
            if let Some(pod) = self.pods.get(&ip).filter(|it| it.node == node.name) {
                return Some(Answerer::Party(self.party(pod)));
            }
        }
        if matches!(asker, Party::Pod(_)) { None } else { self.answers_on_lan(ip) }
    }

    fn answers_on_lan(&self, ip: IpAddr) -> Option<Answerer> {
        if self.router.contains(&ip) {
            return Some(Answerer::Router);
        }
        let announced = self.announced.get(&ip);
        let mut nodes = self.nodes.iter();
        let node = match announced {
            Some(name) => nodes.find(|it| it.name == *name),
            None => nodes.find(|it| it.addresses.contains(&ip)),
        };
        if let Some(node) = node {
            return node.up.then(|| Answerer::Party(Party::Node(node.name.clone())));
        }
        let host = self.hosts.iter().find(|it| it.owns(ip))?;
        Some(Answerer::Party(Party::Host(host.name.clone())))
    }
}

enum Answerer {
    Party(Party),
    Router,
}

impl Entry {
    fn new(state: State, tell: IpAddr, at: Instant) -> Entry {
        Entry { state, tell, asked: 0, due: None, confirmed: at, used: at, steady: false }
    }

    /// Until it is given up.
    fn remaining(&self, at: Instant) -> Duration {
        let more = u64::from(TRIES.saturating_sub(self.asked));
        let end = self.due.unwrap_or(at) + Duration::from_secs(more);
        end - at
    }
}
