//! Rules as text, a packet, and what the walk decides: iptables(8) and iptables-extensions(8).

use std::net::IpAddr;

use proptest::prelude::*;
use svclab_netfilter::memory::Memory;
use svclab_netfilter::outcomes::every;
use svclab_netfilter::text::parse;
use svclab_netfilter::walk::{Nat, Surroundings, walk};
use svclab_netfilter::{
    AddrType, Dice, Finding, Hook, Packet, Passage, RuleSet, TableName, TcpFlags, Verdict,
};

/// Never matches a rule that could fail.
struct Misses;

impl Dice for Misses {
    fn draw(&mut self, _threshold: u32) -> u32 {
        (1 << 31) - 1
    }
}

fn rules(text: &str) -> RuleSet {
    let (update, problems) = parse(text);
    assert_eq!(problems, []);
    let mut rules = RuleSet::builtin();
    rules.restore(&update, true);
    rules
}

fn syn() -> Packet {
    let address = |text: &str| text.parse().expect("an address");
    Packet::tcp(address("10.244.1.4:41000"), address("10.96.0.1:80"), TcpFlags::SYN)
}

struct Walker {
    rules: RuleSet,
    memory: Memory,
    now: u64,
}

impl Walker {
    fn new(text: &str) -> Walker {
        Walker { rules: rules(text), memory: Memory::default(), now: 0 }
    }

    fn filter(&mut self, packet: &mut Packet, dice: &mut dyn Dice) -> Passage {
        let local: IpAddr = "192.168.56.31".parse().expect("an address");
        let addr_type = |ip: IpAddr| if ip == local { AddrType::Local } else { AddrType::Unicast };
        let around = Surroundings {
            in_device: Some("veth12"),
            out_device: Some("eth0"),
            addr_type: &addr_type,
            now: self.now,
            ..Surroundings::default()
        };
        let at = (TableName::Filter, Hook::Forward);
        walk(&self.rules, at, packet, &around, &mut self.memory, dice).expect("FORWARD is there")
    }
}

/// The rules stand in the filter table; the packet passes FORWARD.
#[track_caller]
fn check(lines: &str, expected: Verdict) -> Passage {
    let text = format!("*filter\n{lines}\nCOMMIT\n");
    let passage = Walker::new(&text).filter(&mut syn(), &mut Misses);
    assert_eq!(passage.verdict, expected, "{lines}");
    passage
}

#[test]
fn without_a_rule_the_policy_decides() {
    assert_eq!(check("", Verdict::Accept).decided_by, None);
    check(":FORWARD DROP [0:0]", Verdict::Drop);
}

#[test]
fn criteria_are_anded_and_an_exclamation_mark_negates_one() {
    check("-A FORWARD -p tcp -d 10.96.0.1/32 --dport 80 -j DROP", Verdict::Drop);
    check("-A FORWARD -p udp -d 10.96.0.1/32 -j DROP", Verdict::Accept);
    check("-A FORWARD ! -s 10.244.0.0/16 -j DROP", Verdict::Accept);
    check("-A FORWARD ! -s 10.245.0.0/16 -j DROP", Verdict::Drop);
    check("-A FORWARD -p tcp -m tcp --dport 79:81 -j DROP", Verdict::Drop);
    check("-A FORWARD -i veth+ -j DROP", Verdict::Drop);
    check("-A FORWARD -i veth -j DROP", Verdict::Accept);
    check("-A FORWARD ! -o eth0 -j DROP", Verdict::Accept);
    check("-A FORWARD -m conntrack --ctstate NEW -j DROP", Verdict::Drop);
    check("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j DROP", Verdict::Accept);
    check("-A FORWARD -m addrtype --dst-type LOCAL -j DROP", Verdict::Accept);
}

#[test]
fn a_skipped_rule_names_the_first_criterion_that_failed() {
    let passage = check("-A FORWARD -p tcp -d 10.96.0.2/32 --dport 81 -j DROP", Verdict::Accept);
    assert_eq!(passage.visits[0].finding, Finding::Skipped { criterion: 1 });
}

#[test]
fn a_jump_comes_back_and_a_goto_does_not() {
    let chains = ":A - [0:0]\n:B - [0:0]";
    check(&format!("{chains}\n-A FORWARD -j A\n-A FORWARD -j DROP"), Verdict::Drop);
    check(&format!("{chains}\n-A FORWARD -g A\n-A FORWARD -j DROP"), Verdict::Accept);
    // A goto inside a chain that was jumped to returns to where the jump was.
    let nested =
        format!("{chains}\n-A FORWARD -j A\n-A FORWARD -j DROP\n-A A -g B\n-A A -j ACCEPT");
    check(&nested, Verdict::Drop);
}

#[test]
fn return_leaves_the_chain_and_in_a_builtin_chain_the_policy_decides() {
    check(":A - [0:0]\n-A FORWARD -j A\n-A A -j RETURN\n-A A -j DROP", Verdict::Accept);
    check(":FORWARD DROP [0:0]\n-A FORWARD -j RETURN\n-A FORWARD -j ACCEPT", Verdict::Drop);
}

#[test]
fn marks_are_set_kept_and_tested() {
    let set = "-A FORWARD -j MARK --or-mark 0x4000";
    let test = "-A FORWARD -m mark --mark 0x4000/0x4000 -j DROP";
    check(&format!("{set}\n{test}"), Verdict::Drop);
    check(&format!("{set}\n-A FORWARD -j MARK --xor-mark 0x4000\n{test}"), Verdict::Accept);
    check(&format!("{set}\n-A FORWARD -j MARK --set-xmark 0x0/0x4000\n{test}"), Verdict::Accept);
}

#[test]
fn a_reject_is_no_drop() {
    check("-A FORWARD -j REJECT --reject-with icmp-port-unreachable", Verdict::Reject);
}

#[test]
fn an_unknown_match_does_not_match_and_an_unknown_target_goes_on() {
    check("-A FORWARD -m bpf --bytecode \"1,6 0 0 1\" -j DROP", Verdict::Accept);
    check("-A FORWARD -j NFLOG --nflog-group 5\n-A FORWARD -j DROP", Verdict::Drop);
}

#[test]
fn recent_remembers_a_source_for_its_seconds() {
    let text = "*filter\n-A FORWARD -m recent --name A --rcheck --seconds 10 --reap -j DROP\n\
                -A FORWARD -m recent --name A --set -j ACCEPT\nCOMMIT\n";
    let mut walker = Walker::new(text);
    let mut at = |millis| {
        walker.now = millis;
        walker.filter(&mut syn(), &mut Misses).verdict
    };
    assert_eq!(at(1_000), Verdict::Accept);
    assert_eq!(at(11_000), Verdict::Drop);
    // rcheck does not renew the stamp.
    assert_eq!(at(11_001), Verdict::Accept);
    assert_eq!(at(12_000), Verdict::Drop);
}

#[test]
fn a_dnat_ends_the_walk_and_says_where_to() {
    let text = "*nat\n-A PREROUTING -p tcp -j DNAT --to-destination 10.244.2.9:8080\n\
                -A PREROUTING -j RETURN\nCOMMIT\n";
    let around = Surroundings { in_device: Some("cni0"), ..Surroundings::default() };
    let at = (TableName::Nat, Hook::Prerouting);
    let mut memory = Memory::default();
    let passage = walk(&rules(text), at, &mut syn(), &around, &mut memory, &mut Misses);
    let passage = passage.expect("PREROUTING is there");
    let to = "10.244.2.9".parse().expect("an address");
    assert_eq!(passage.nat, Some(Nat::Dnat { to, port: Some(8080) }));
    assert_eq!(passage.visits.len(), 1);
}

/// A loop cannot be loaded into a kernel, but text may hold one.
#[test]
fn a_loop_of_chains_ends() {
    check(":A - [0:0]\n:B - [0:0]\n-A FORWARD -j A\n-A A -j B\n-A B -j A", Verdict::Accept);
}

fn line() -> impl Strategy<Value = String> {
    let chain = prop::sample::select(vec!["FORWARD", "A", "B", "C"]);
    let criterion = prop::sample::select(vec![
        "",
        " -p tcp",
        " ! -s 10.0.0.0/8",
        " -m statistic --mode random --probability 0.25",
        " -m statistic --mode random --probability 0.5",
        " -m mark --mark 0x1/0x1",
    ]);
    // Jumps go on to later chains alone, as a kernel wants it.
    let target = prop::sample::select(vec![
        "ACCEPT",
        "DROP",
        "REJECT",
        "RETURN",
        "MARK --or-mark 0x1",
        "next",
    ]);
    (chain, criterion, target).prop_map(|(chain, criterion, target)| {
        let next = match chain {
            "FORWARD" => "A",
            "A" => "B",
            _ => "C",
        };
        let target = match target {
            "next" if chain == "C" => "RETURN",
            "next" => next,
            other => other,
        };
        format!("-A {chain}{criterion} -j {target}")
    })
}

/// A rule whose destination may or may not be the packet's.
fn header_line() -> impl Strategy<Value = String> {
    let criterion = prop::sample::select(vec![
        "-d 10.96.0.1",
        "! -d 10.96.0.1",
        "-d 10.96.0.0/16",
        "-p tcp -m tcp --dport 80",
        "-p tcp -m tcp --dport 81",
        "-p tcp ! --dport 81",
        "-m mark --mark 0x1/0x1 -d 10.96.0.1",
        "-m recent --name A --set -d 10.96.0.2",
    ]);
    let target =
        prop::sample::select(vec!["ACCEPT", "RETURN", "MARK --or-mark 0x1", "MARK --or-mark 0x2"]);
    (criterion, target)
        .prop_map(|(criterion, target)| format!("-A FORWARD {criterion} -j {target}"))
}

proptest! {
    /// Rules for other destinations, so many that the walk passes over runs of them, change nothing
    /// but the count of rules evaluated.
    #[test]
    fn a_long_chain_decides_as_a_short_one(
        lines in prop::collection::vec(header_line(), 0..12),
        places in prop::collection::vec(0usize..80, 12),
    ) {
        let mut all: Vec<(usize, String)> = (0..80)
            .map(|n| (n, format!("-A FORWARD -d 203.0.113.{n} -p tcp -m tcp --dport {} -j DROP", 80 + n % 2)))
            .collect();
        all.extend(places.into_iter().zip(lines.iter().cloned()));
        all.sort_by_key(|it| it.0);
        let text = |lines: Vec<&str>| format!("*filter\n:FORWARD DROP [0:0]\n{}\nCOMMIT\n", lines.join("\n"));
        // The sort is stable, so the short chain has its rules in the long one's order.
        let (short, long): (Vec<&str>, Vec<&str>) = (
            all.iter().filter(|it| !it.1.contains("203.0.113")).map(|it| it.1.as_str()).collect(),
            all.iter().map(|it| it.1.as_str()).collect(),
        );
        let walk = |text: String| {
            let mut walker = Walker::new(&text);
            let mut packet = syn();
            let passage = walker.filter(&mut packet, &mut Misses);
            let each: Vec<_> = passage.visits.iter().flat_map(|it| passage.each_of(it, &walker.rules)).collect();
            prop_assert_eq!(each.len(), passage.evaluated());
            let places: Vec<usize> = each.iter().map(|it| it.rule.index).collect();
            prop_assert!(places.iter().copied().eq(0..places.len()));
            let matched = each.iter().filter(|it| it.finding == Finding::Matched).count();
            Ok((passage.verdict, packet.mark, matched, passage.evaluated()))
        };
        let (one, other) = (walk(text(short))?, walk(text(long))?);
        prop_assert_eq!((one.0, one.1, one.2), (other.0, other.1, other.2));
        prop_assert!(other.3 >= one.3);
    }

    #[test]
    fn every_way_ends_and_their_probabilities_sum_to_one(
        lines in prop::collection::vec(line(), 0..12),
    ) {
        let text = format!("*filter\n:A - [0:0]\n:B - [0:0]\n:C - [0:0]\n{}\nCOMMIT\n", lines.join("\n"));
        let ways = every(|dice| Walker::new(&text).filter(&mut syn(), dice).verdict);
        let total: f64 = ways.iter().map(|way| way.1).sum();
        prop_assert!((total - 1.0).abs() < 1e-9, "{total}");
    }
}
