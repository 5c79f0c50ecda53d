//! Rules as text, a packet, and what the walk decides: iptables(8) and iptables-extensions(8).

use std::net::IpAddr;

use proptest::prelude::*;
use svclab_netfilter::memory::Memory;
use svclab_netfilter::outcomes::every;
use svclab_netfilter::text::parse;
use svclab_netfilter::walk::{Nat, Surroundings, walk};
use svclab_netfilter::{
    AddrType, CounterTable, Dice, Finding, Hook, Packet, Passage, RuleRef, RuleSet, TableName,
    TcpFlags, Verdict,
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
        *walk(&self.rules, at, packet, &around, &mut self.memory, dice).expect("FORWARD is there")
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

#[test]
fn modules_with_more_options_are_evaluated() {
    check("-A FORWARD -p tcp -m multiport --dports 79,80:90 -j DROP", Verdict::Drop);
    check("-A FORWARD -p tcp -m multiport ! --dports 79,80:90 -j DROP", Verdict::Accept);
    check("-A FORWARD -p tcp -m multiport --sports 80 -j DROP", Verdict::Accept);
    check("-A FORWARD -p tcp --syn -j DROP", Verdict::Drop);
    check("-A FORWARD -p tcp ! --syn -j DROP", Verdict::Accept);
    check("-A FORWARD -p icmp --icmp-type any -j DROP", Verdict::Accept);
    check("-A FORWARD -m iprange --src-range 10.244.1.0-10.244.1.4 -j DROP", Verdict::Drop);
    check("-A FORWARD -m iprange --src-range 10.244.1.5-10.244.1.9 -j DROP", Verdict::Accept);
    check("-A FORWARD -m length --length 60 -j DROP", Verdict::Drop);
    check("-A FORWARD -m ttl --ttl-lt 64 -j DROP", Verdict::Accept);
    check("-A FORWARD -m addrtype --src-type LOCAL,UNICAST -j DROP", Verdict::Drop);
    check("-A FORWARD -s 10.0.0.1,10.244.1.4 -j DROP", Verdict::Drop);
    check("-A FORWARD -m conntrack --ctorigdst 10.96.0.1 -j DROP", Verdict::Accept);
    check("-A FORWARD -m owner --uid-owner 0 -j DROP", Verdict::Accept);
    check("-A FORWARD -m physdev --physdev-is-bridged -j DROP", Verdict::Accept);
    check("-A FORWARD -p esp -j DROP", Verdict::Accept);
    check("-A FORWARD -p all -j DROP", Verdict::Drop);
    check("-A FORWARD -m set ! --match-set allowed src -j DROP", Verdict::Drop);
    check("-A FORWARD -m mac ! --mac-source 00:11:22:aa:bb:cc -j DROP", Verdict::Drop);
}

#[test]
fn a_mark_can_be_kept_with_the_connection() {
    let text = "-A FORWARD -j MARK --set-mark 5\n-A FORWARD -j CONNMARK --save-mark\n\
                -A FORWARD -j MARK --set-mark 0\n-A FORWARD -m connmark --mark 5 -j DROP";
    assert_eq!(check(text, Verdict::Drop).connection_mark, Some(5));
}

/// The bucket holds five, and earns one in twelve seconds.
#[test]
fn limit_lets_a_burst_pass_and_then_the_rate() {
    let text =
        "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m limit --limit 5/min -j ACCEPT\nCOMMIT\n";
    let mut walker = Walker::new(text);
    let mut at = |millis| {
        walker.now = millis;
        walker.filter(&mut syn(), &mut Misses).verdict == Verdict::Accept
    };
    assert_eq!([0; 7].map(&mut at), [true, true, true, true, true, false, false]);
    assert_eq!([11_999, 12_000, 12_001, 36_000, 36_001].map(at), [false, true, false, true, true]);
}

#[test]
fn hashlimit_counts_each_source_by_itself() {
    let text = "*filter\n-A FORWARD -m hashlimit --hashlimit-above 1/min --hashlimit-burst 1 \
                --hashlimit-mode srcip --hashlimit-name a -j DROP\nCOMMIT\n";
    let mut walker = Walker::new(text);
    let mut from = |src: &str| {
        let mut packet = syn();
        packet.src = src.parse().expect("an address");
        walker.filter(&mut packet, &mut Misses).verdict
    };
    let found = ["10.0.0.1", "10.0.0.1", "10.0.0.2"].map(&mut from);
    assert_eq!(found, [Verdict::Accept, Verdict::Drop, Verdict::Accept]);
}

#[test]
fn every_third_packet() {
    let text = "*filter\n-A FORWARD -m statistic --mode nth --every 3 --packet 0 -j DROP\nCOMMIT\n";
    let mut walker = Walker::new(text);
    let found = [(); 6].map(|()| walker.filter(&mut syn(), &mut Misses).verdict == Verdict::Drop);
    assert_eq!(found, [false, false, true, false, false, true]);
}

#[test]
fn recent_counts_hits_and_forgets_what_it_is_told_to() {
    let text = "*filter\n:FORWARD ACCEPT [0:0]\n\
                -A FORWARD -m recent --name S --update --seconds 60 --hitcount 3 -j DROP\n\
                -A FORWARD -m recent --name S --set\nCOMMIT\n";
    let mut walker = Walker::new(text);
    let found = [(); 4].map(|()| walker.filter(&mut syn(), &mut Misses).verdict == Verdict::Drop);
    assert_eq!(found, [false, false, false, true]);
    walker.now = 61_000;
    assert_eq!(walker.filter(&mut syn(), &mut Misses).verdict, Verdict::Accept);
}

/// The kernel keeps 100 addresses in a list; the one seen longest ago makes room.
#[test]
fn a_recent_list_keeps_a_hundred_addresses() {
    let text = "*filter\n-A FORWARD -m recent --name A --rcheck --seconds 100 -j DROP\n\
                -A FORWARD -m recent --name A --set -j ACCEPT\nCOMMIT\n";
    let mut walker = Walker::new(text);
    let mut from = |client: u32| {
        walker.now += 1;
        let mut packet = syn();
        packet.src = IpAddr::from([10, 1, (client / 250) as u8, (client % 250) as u8]);
        walker.filter(&mut packet, &mut Misses).verdict == Verdict::Drop
    };
    assert!((0..101).all(|client| !from(client)));
    assert!(from(1) && from(100) && !from(0), "the first made room for the last");
}

#[test]
fn rules_and_policies_count_packets_and_their_bytes() {
    let text =
        "*filter\n:A - [0:0]\n-A FORWARD -p tcp -j A\n-A FORWARD -p udp -j DROP\n-A A\nCOMMIT\n";
    let mut walker = Walker::new(text);
    let mut counters = CounterTable::default();
    for _ in 0..2 {
        let passage = walker.filter(&mut syn(), &mut Misses);
        counters.count(&passage, &walker.rules);
    }
    let chain = |name| svclab_netfilter::ChainName::of(name);
    let place = |name, index| RuleRef { table: TableName::Filter, chain: chain(name), index };
    let count = |at| counters.of_rule(&walker.rules, at).to_string();
    let counted =
        [("FORWARD", 0), ("FORWARD", 1), ("A", 0)].map(|(name, at)| count(place(name, at)));
    assert_eq!(counted, ["[2:120]", "[0:0]", "[2:120]"]);
    assert_eq!(counters.of_policy(TableName::Filter, chain("FORWARD")).packets, 2);

    // A rule that is put before the others takes nothing from them; a chain written anew does.
    walker.rules.restore(&parse("*filter\n-I FORWARD -j RETURN\nCOMMIT\n").0, true);
    assert_eq!(counters.of_rule(&walker.rules, place("FORWARD", 1)).packets, 2);
    let anew = parse("*filter\n:A - [0:0]\n-A A\nCOMMIT\n").0;
    walker.rules.restore(&anew, true);
    counters.restored(|_, written| written == chain("A"));
    assert_eq!(counters.of_rule(&walker.rules, place("A", 0)).packets, 0);
}

/// Seeded draws are spread as the exact outcomes say (chi-square).
#[test]
fn draws_follow_the_probabilities_of_all_outcomes() {
    let text = "*filter\n:A - [0:0]\n:B - [0:0]\n\
                -A FORWARD -m statistic --mode random --probability 0.2 -j ACCEPT\n\
                -A FORWARD -m statistic --mode random --probability 0.25 -j MARK --set-mark 1\n\
                -A FORWARD -m statistic --mode random --probability 0.5 -j MARK --or-mark 2\n\
                -A FORWARD -m mark --mark 3 -j DROP\nCOMMIT\n";
    let end = |dice: &mut dyn Dice| {
        let mut packet = syn();
        let verdict = Walker::new(text).filter(&mut packet, dice).verdict;
        (verdict, packet.mark)
    };
    let mut expected: std::collections::BTreeMap<(Verdict, u32), f64> = Default::default();
    for (way, share) in every(end) {
        *expected.entry(way).or_default() += share;
    }
    for seed in [1, 2, 3] {
        let mut dice = Sequence(seed);
        let mut found: std::collections::BTreeMap<(Verdict, u32), f64> = Default::default();
        let runs = 2000;
        for _ in 0..runs {
            *found.entry(end(&mut dice)).or_default() += 1.0;
        }
        let chi_square: f64 = expected
            .iter()
            .map(|(way, share)| {
                let wanted = share * f64::from(runs);
                (found.get(way).copied().unwrap_or_default() - wanted).powi(2) / wanted
            })
            .sum();
        // Three degrees of freedom: one in ten thousand is above 21.1.
        assert_eq!(expected.len(), 4);
        assert!(chi_square < 21.1, "seed {seed}: {chi_square}, {found:?}");
    }
}

/// Numbers as random as needed (splitmix64).
struct Sequence(u64);

impl Dice for Sequence {
    fn draw(&mut self, _threshold: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 33) as u32
    }
}

#[test]
fn redirects_and_ranges_give_addresses_and_ports() {
    check_nat("-j REDIRECT --to-ports 15001", Some("192.168.56.31:15001"));
    check_nat("-p tcp -j DNAT --to-destination 10.1.0.1:90-99", Some("10.1.0.1:90"));
    check_nat("-p tcp -j DNAT --to-destination 10.1.0.1:70-90", Some("10.1.0.1:80"));
    check_nat("-p tcp -j DNAT --to-destination :8080", Some("10.96.0.1:8080"));
    check_nat("-p tcp -j DNAT --to-destination 10.1.0.1:1000-1009/75", Some("10.1.0.1:1005"));
    check_nat("-d 10.96.0.0/16 -j NETMAP --to 10.97.0.0/16", Some("10.97.0.1:80"));
    check_nat("-p udp -j DNAT --to-destination 10.1.0.1", None);
}

/// What a rule of nat PREROUTING makes of the destination.
#[track_caller]
fn check_nat(rule: &str, expected: Option<&str>) {
    let rules = rules(&format!("*nat\n-A PREROUTING {rule}\nCOMMIT\n"));
    let local = "192.168.56.31".parse().ok();
    let around =
        Surroundings { in_device: Some("eth0"), in_address: local, ..Surroundings::default() };
    let at = (TableName::Nat, Hook::Prerouting);
    let mut packet = syn();
    let passage = walk(&rules, at, &mut packet, &around, &mut Memory::default(), &mut Misses);
    let nat = passage.expect("PREROUTING is there").nat;
    let to = nat.and_then(|it| it.destination(&packet)).map(|it| it.to_string());
    assert_eq!(to.as_deref(), expected, "{rule}");
}

#[test]
fn a_range_of_addresses_is_shared_out_evenly() {
    let rules = rules("*nat\n-A PREROUTING -j DNAT --to-destination 10.1.0.1-10.1.0.3\nCOMMIT\n");
    let at = (TableName::Nat, Hook::Prerouting);
    let ways = every(|dice| {
        let around = Surroundings::default();
        let passage = walk(&rules, at, &mut syn(), &around, &mut Memory::default(), dice);
        passage.and_then(|it| it.nat).and_then(|it| it.destination(&syn()))
    });
    let names: Vec<String> = ways.iter().filter_map(|it| Some(it.0?.to_string())).collect();
    assert_eq!(names, ["10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"]);
    assert!(ways.iter().all(|(_, share)| (share - 1.0 / 3.0).abs() < 1e-8), "{ways:?}");
}

/// A loop cannot be loaded into a kernel, but text may hold one.
#[test]
fn a_loop_of_chains_ends() {
    check(":A - [0:0]\n:B - [0:0]\n-A FORWARD -j A\n-A A -j B\n-A B -j A", Verdict::Accept);
    check(":A - [0:0]\n-A FORWARD -j A\n-A A -j A\n-A A -j A\n-A A -g A", Verdict::Accept);
    let rules = rules("*filter\n:A - [0:0]\n:B - [0:0]\n-A A -j B\n-A B -j A\n-A A -j C\nCOMMIT\n");
    let loops: Vec<String> = rules.loops().map(|it| format!("{} {}", it.chain, it.index)).collect();
    assert_eq!(loops, ["A 0", "B 0"]);
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

/// Calico's rule for what a node sends by a tunnel: only a source that is another device's matches.
#[test]
fn an_address_can_be_asked_to_be_of_the_outgoing_device() {
    let text = "*nat\n-A POSTROUTING -o tunl0 -m addrtype ! --src-type LOCAL --limit-iface-out \
                -m addrtype --src-type LOCAL -j MASQUERADE\nCOMMIT\n";
    let rules = rules(text);
    let masquerades = |own: &str| {
        let mut packet = syn();
        let out_address = own.parse().ok();
        let local = |_| AddrType::Local;
        let out_device = Some("tunl0");
        let around =
            Surroundings { out_device, out_address, addr_type: &local, ..Surroundings::default() };
        let at = (TableName::Nat, Hook::Postrouting);
        let passage = walk(&rules, at, &mut packet, &around, &mut Memory::default(), &mut Misses);
        passage.is_some_and(|it| it.nat.is_some())
    };
    assert!(masquerades("10.244.1.0"));
    assert!(!masquerades(&syn().src.to_string()));
}

/// As Linux counted a node's packets to itself: on lo the addresses of other devices are not local.
#[test]
fn only_loopback_addresses_are_los_own() {
    let rules = rules(
        "*filter\n-A OUTPUT -o lo -m addrtype --dst-type LOCAL --limit-iface-out -j DROP\nCOMMIT\n",
    );
    let drops = |to: &str| {
        let mut packet = Packet { dst: to.parse().expect("an address"), ..syn() };
        let local = |_| AddrType::Local;
        let (out_device, out_address) = (Some("lo"), "10.0.0.1".parse().ok());
        let around =
            Surroundings { out_device, out_address, addr_type: &local, ..Surroundings::default() };
        let at = (TableName::Filter, Hook::Output);
        let passage = walk(&rules, at, &mut packet, &around, &mut Memory::default(), &mut Misses);
        passage.map(|it| it.verdict)
    };
    assert_eq!(drops("127.0.0.1"), Some(Verdict::Drop));
    assert_eq!(drops("127.3.4.5"), Some(Verdict::Drop));
    assert_eq!(drops("10.0.0.1"), Some(Verdict::Accept));
}
