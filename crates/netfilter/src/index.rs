//! A long chain's rules by the destination that they ask for, so that a walk looks at those alone
//! which could match. The kernel has no such thing: it evaluates all of them, one by one.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::net::IpAddr;
use std::rc::Rc;

use crate::packet::Packet;
use crate::rule::{Criterion, Match, Rule};
use crate::walk::is_header;

/// The rules that may match, by their place in the chain. One that stands in no list for a
/// packet's destination is sure to fail, at a criterion that asks for the packet's header alone.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_address: BTreeMap<u128, Vec<u32>>,
    by_port: BTreeMap<u16, Vec<u32>>,
    others: Vec<u32>,
}

impl Index {
    /// Shorter chains are walked one by one.
    pub(crate) const SHORTEST: usize = 64;

    fn new(rules: &[Rc<Rule>]) -> Index {
        let mut res = Index::default();
        for (rule, place) in rules.iter().zip(0..) {
            match key(rule) {
                Some(Key::Address(ip)) => {
                    res.by_address.entry(number(ip)).or_default().push(place);
                }
                Some(Key::Port(port)) => res.by_port.entry(port).or_default().push(place),
                None => res.others.push(place),
            }
        }
        res
    }

    /// The places of the rules that may match, ascending.
    pub(crate) fn candidates(&self, packet: &Packet) -> impl Iterator<Item = usize> + use<'_> {
        let by_address = self.by_address.get(&number(packet.dst));
        let by_port = packet.dport().and_then(|it| self.by_port.get(&it));
        let mut lists = [by_address, by_port, Some(&self.others)]
            .map(|it| it.map(Vec::as_slice).unwrap_or_default());
        iter::from_fn(move || {
            let next = lists.iter_mut().filter(|it| !it.is_empty()).min_by_key(|it| it[0])?;
            next.split_off_first().map(|it| *it as usize)
        })
    }
}

/// Compared faster than the address. One of IPv4 is that of IPv6 which stands for it.
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

enum Key {
    Address(IpAddr),
    Port(u16),
}

/// What the rule's destination must be. All that is asked before it is in the header too, so that
/// passing the rule over leaves nothing undone.
fn key(rule: &Rule) -> Option<Key> {
    let mut port = None;
    for Match { negated, criterion } in rule.matches.iter().take_while(|it| is_header(it)) {
        match criterion {
            _ if *negated => {}
            Criterion::Destination(it) if it.net.prefix_len() == it.net.max_prefix_len() => {
                return Some(Key::Address(it.net.addr()));
            }
            Criterion::DestinationPort(it) if it.first == it.last => port = Some(it.first),
            _ => {}
        }
    }
    port.map(Key::Port)
}

/// A chain's index, made when a walk first needs it. A copy of the chain, which is made to be
/// changed, starts without one.
#[derive(Default)]
pub(crate) struct Lazy(OnceCell<Index>);

impl Lazy {
    pub(crate) fn get(&self, rules: &[Rc<Rule>]) -> &Index {
        self.0.get_or_init(|| Index::new(rules))
    }

    pub(crate) fn forget(&mut self) {
        self.0.take();
    }
}

impl Clone for Lazy {
    fn clone(&self) -> Lazy {
        Lazy::default()
    }
}

impl PartialEq for Lazy {
    fn eq(&self, _: &Lazy) -> bool {
        true
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}
