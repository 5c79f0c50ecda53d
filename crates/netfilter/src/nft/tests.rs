use std::net::SocketAddr;

use super::*;
use crate::outcomes::every;
use crate::packet::Packet;
use crate::packet::TcpFlags;
use crate::rule::AddrType;
use crate::walk::{Dice, Verdict as Decision};

/// A Service at 10.0.0.1:80 with three endpoints that keeps its clients for a minute.
fn table() -> Table {
    let name = |it: &str| Name::from(it);
    let endpoints = ["a", "b", "c"];
    let goto = |it: &&str| Verdict::Goto(name(it));
    let saddr = |among| Statement::Address { side: AddrSide::Source, negated: false, among };
    let rule = |statements| Rule { statements, ..Rule::default() };

    let key = Key::AddressAndPort("10.0.0.1".parse().expect("an address"), Protocol::Tcp, 80);
    let element = Element { verdict: Verdict::Goto(name("svc")), comment: None, origin: None };
    let map = Map {
        key: KeyType::AddressAndPort,
        comment: name("services"),
        elements: Elements::from_iter([(key, element)]),
    };
    let mut res = Table {
        family: Family::V4,
        name: name("t"),
        comment: name("a test"),
        chains: BTreeMap::new(),
        sets: BTreeMap::new(),
        maps: BTreeMap::from([(name("services"), map)]),
    };
    let base = Base { kind: Kind::Nat, hook: Hook::Prerouting, priority: -100 };
    let lookup = Statement::Lookup { key: KeyType::AddressAndPort, map: name("services") };
    let entry = Chain { base: Some(base), rules: vec![rule(vec![lookup])], ..Chain::default() };
    res.chains.insert(name("entry"), entry);
    for endpoint in endpoints {
        let kept = saddr(Among::Set(name(endpoint)));
        res.append(&name("svc"), rule(vec![kept, Statement::Verdict(goto(&endpoint))]));
    }
    let draw = Statement::Numgen(endpoints.iter().map(goto).collect());
    res.append(&name("svc"), rule(vec![draw]));
    for (endpoint, port) in endpoints.iter().zip(1..) {
        let set = Set { timeout: Some(60), comment: None, elements: Elements::default() };
        res.sets.insert(name(endpoint), set);
        let to = SocketAddr::new("10.1.1.1".parse().expect("an address"), port);
        let statements = vec![Statement::Update(name(endpoint)), Statement::Dnat(to)];
        res.append(&name(endpoint), rule(statements));
    }
    res
}

fn packet(dst: &str) -> Packet {
    let at = |it: &str| it.parse::<SocketAddr>().expect("an address with a port");
    Packet::tcp(at("10.9.9.9:40000"), at(dst), TcpFlags::SYN)
}

/// Where a first packet goes, and the rules it met.
fn send(table: &Table, dst: &str, now: u64, memory: &mut Memory, dice: &mut dyn Dice) -> String {
    let around = Surroundings { addr_type: &|_| AddrType::Unicast, input: None, new: true, now };
    let mut packet = packet(dst);
    for (chain, _) in table.base_chains(Hook::Prerouting) {
        let passage = table.enter(chain, &mut packet, &around, memory, dice);
        assert_eq!(passage.verdict, Decision::Accept);
    }
    packet.destination().to_string()
}

#[test]
fn numgen_gives_each_endpoint_an_equal_share() {
    let ways = every(|dice| send(&table(), "10.0.0.1:80", 0, &mut Memory::default(), dice));
    assert_eq!(
        ways.iter().map(|it| &it.0[..]).collect::<Vec<_>>(),
        ["10.1.1.1:1", "10.1.1.1:2", "10.1.1.1:3"]
    );
    assert!(ways.iter().all(|it| (it.1 - 1.0 / 3.0).abs() < 1e-9));
    assert!((ways.iter().map(|it| it.1).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn a_key_that_no_map_holds_passes_by() {
    let ways = every(|dice| send(&table(), "10.0.0.1:81", 0, &mut Memory::default(), dice));
    assert_eq!(ways, [("10.0.0.1:81".to_owned(), 1.0)]);
}

#[test]
fn a_client_is_kept_until_its_time_is_over() {
    struct Last;
    impl Dice for Last {
        fn draw(&mut self, _: u32) -> u32 {
            (1 << 31) - 1
        }
    }
    let (table, mut memory) = (table(), Memory::default());
    assert_eq!(send(&table, "10.0.0.1:80", 0, &mut memory, &mut Last), "10.1.1.1:3");
    let ways = |now| every(|dice| send(&table, "10.0.0.1:80", now, &mut memory.clone(), dice));
    assert_eq!(ways(59_999), [("10.1.1.1:3".to_owned(), 1.0)]);
    assert_eq!(ways(60_000).len(), 3);
}

#[test]
fn base_chains_of_a_hook_come_by_their_priorities() {
    let mut table = table();
    for (name, hook, priority) in [
        ("late", Hook::Prerouting, 0),
        ("early", Hook::Prerouting, -110),
        ("other", Hook::Input, -200),
    ] {
        let base = Some(Base { kind: Kind::Filter, hook, priority });
        table.chains.insert(Name::from(name), Chain { base, ..Chain::default() });
    }
    let names: Vec<&str> = table.base_chains(Hook::Prerouting).iter().map(|it| &**it.0).collect();
    assert_eq!(names, ["early", "entry", "late"]);
}
