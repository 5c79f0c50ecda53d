//! Whole texts of iptables-save with the chains of Docker, Calico, ufw, Istio, flannel, firewalld and
//! of kube-proxies as they were, printed by 1.8.9 (nf_tables) after their rules were loaded into
//! Linux; `sets.save` is written by hand.

use std::collections::BTreeMap;
use std::net::IpAddr;

use svclab_netfilter::memory::Memory;
use svclab_netfilter::outcomes::every;
use svclab_netfilter::text::read;
use svclab_netfilter::walk::{Surroundings, walk};
use svclab_netfilter::{AddrType, Family, Hook, Packet, RuleSet, TableName, TcpFlags};

/// The lines of rules and chains, without counters, by table.
fn lines_of(text: &str) -> Vec<String> {
    let mut table = String::new();
    let mut res = Vec::new();
    for line in text.lines().filter(|it| !it.starts_with('#')) {
        if line.starts_with('*') {
            table = line.to_owned();
        }
        let bare = line.split_once("] -A").map_or(line.to_owned(), |(_, rule)| format!("-A{rule}"));
        let bare = bare
            .split_once(" [")
            .filter(|_| bare.starts_with(':'))
            .map_or(bare.clone(), |it| it.0.into());
        res.push(format!("{table} {bare}"));
    }
    res.sort();
    res
}

/// Printing gives back what was read; the rules in a kernel are saved as Linux saved them; what is
/// not known is reported.
#[track_caller]
fn check(text: &str, notes: &[&str]) {
    let reading = read(text);
    assert_eq!(reading.problems, []);
    assert_eq!(reading.restore.to_string(), text);
    let found: Vec<String> = reading.notes.iter().map(ToString::to_string).collect();
    assert_eq!(found, notes);
    let mut rules = RuleSet::default();
    rules.restore(&reading.restore, false);
    assert_eq!(lines_of(&rules.save(Family::V4)), lines_of(text));
}

#[test]
fn docker_beside_kube_proxy() {
    check(include_str!("dumps/docker.save"), &[]);
}

#[test]
fn calico() {
    check(include_str!("dumps/calico.save"), &[]);
}

#[test]
fn ufw() {
    check(include_str!("dumps/ufw.save"), &[]);
}

#[test]
fn istio() {
    check(include_str!("dumps/istio.save"), &[]);
}

#[test]
fn flannel() {
    check(include_str!("dumps/flannel.save"), &[]);
}

#[test]
fn firewalld_beside_kube_proxy() {
    let no_match = "this match is not known here and is taken as not matching";
    let expected = [
        format!("12:22: -m dscp --dscp 0x2e: {no_match}"),
        format!("13:66: -m tcpmss --mss 1453:65535: {no_match}"),
        "40:53: -j CT --helper netbios-ns: this target is not known here; the next rule is looked at"
            .to_owned(),
        format!(
            "94:44: -m time --timestart 22:00:00 --timestop 06:00:00 --datestop \
             2038-01-19T03:14:07: {no_match}"
        ),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(include_str!("dumps/firewalld.save"), &expected);
}

/// Of the years of KUBE-XLB, KUBE-MARK-DROP and a KUBE-FW that dropped by itself.
#[test]
fn kube_proxy_before_its_chains_were_named_anew() {
    check(include_str!("dumps/old-kube-proxy.save"), &[]);
}

/// What a dump's nat PREROUTING makes of a first packet: destinations with their shares, and marks.
#[track_caller]
fn check_way(text: &str, (src, dst): (&str, &str), expected: &str) {
    let mut rules = RuleSet::default();
    rules.restore(&read(text).restore, false);
    let end = |it: &str| it.parse().expect("an address with its port");
    let sent = Packet::tcp(end(src), end(dst), TcpFlags::SYN);
    let own: IpAddr = "192.168.56.31".parse().expect("an address");
    let local = |ip| if ip == own { AddrType::Local } else { AddrType::Unicast };
    let around = Surroundings {
        in_device: Some("eth0"),
        in_address: Some(own),
        addr_type: &local,
        ..Surroundings::default()
    };
    let ways = every(|dice| {
        let mut packet = sent;
        let at = (TableName::Nat, Hook::Prerouting);
        let passage = walk(&rules, at, &mut packet, &around, &mut Memory::default(), dice);
        let nat = passage.and_then(|it| it.nat).and_then(|it| it.destination(&packet));
        format!("{} mark {:#x}", nat.unwrap_or(packet.destination()), packet.mark)
    });
    let shares: BTreeMap<String, f64> = ways.into_iter().fold(BTreeMap::new(), |mut all, way| {
        *all.entry(way.0).or_default() += way.1;
        all
    });
    let shares: Vec<String> =
        shares.iter().map(|(it, share)| format!("{it}: {share:.2}")).collect();
    assert_eq!(shares.join(", "), expected);
}

#[test]
fn packets_go_through_rules_of_old() {
    let text = include_str!("dumps/old-kube-proxy.save");
    let pods = "10.244.1.7:8080 mark 0x0: 0.50, 10.244.2.4:8080 mark 0x0: 0.50";
    check_way(text, ("10.244.1.5:40000", "10.96.20.5:80"), pods);
    check_way(text, ("10.244.1.5:40000", "192.168.56.31:30080"), pods);
    let local = "10.244.1.7:8080 mark 0x0: 1.00";
    check_way(text, ("203.0.113.5:40000", "192.168.56.31:30080"), local);
    check_way(text, ("203.0.113.5:40000", "198.51.100.20:80"), local);
    // A client outside of the ranges is marked, and dropped where the mark is asked for.
    check_way(text, ("10.9.9.9:40000", "198.51.100.20:80"), "198.51.100.20:80 mark 0x8000: 1.00");
    let userspace = include_str!("dumps/userspace.save");
    let redirected = "192.168.56.31:48577 mark 0x0: 1.00";
    check_way(userspace, ("10.244.1.5:40000", "10.0.1.175:80"), redirected);
    check_way(userspace, ("203.0.113.5:40000", "192.168.56.31:30080"), redirected);
}

#[test]
fn kube_proxy_in_userspace_mode() {
    check(include_str!("dumps/userspace.save"), &[]);
}

#[test]
fn what_is_not_known_is_reported_with_its_place_and_what_is_assumed() {
    let text = include_str!("dumps/sets.save");
    let reading = read(text);
    assert_eq!(reading.problems, []);
    assert_eq!(reading.restore.to_string(), text);
    let found: Vec<String> = reading.notes.iter().map(ToString::to_string).collect();
    let known = "this match is not known here and is taken as not matching";
    let empty = "the set is taken as empty";
    let goes_on = "this target is not known here; the next rule is looked at";
    let expected = [
        ("13:30: -m socket --transparent", known),
        (
            "14:125: -j TPROXY --on-port 42597 --on-ip 127.0.0.1 --tproxy-mark 0x200/0xffffffff",
            goes_on,
        ),
        ("28:116: -m set --match-set KUBE-LOOP-BACK dst,dst,src", empty),
        ("30:120: -m set --match-set KUBE-CLUSTER-IP dst,dst", empty),
        ("31:18: -m set --match-set KUBE-CLUSTER-IP dst,dst", empty),
        ("32:67: -m set --match-set cali40masq-ipam-pools src", empty),
        ("32:112: -m set ! --match-set cali40all-ipam-pools dst", empty),
        ("41:10: -m string --string \"GET /evil\" --algo bm --to 65535", known),
        ("42:10: -m u32 --u32 \"0x6&0xff=0x1\"", known),
        ("43:10: -m bpf --bytecode \"1,6 0 0 1\"", known),
        ("43:40: -j NFQUEUE --queue-num 5 --queue-bypass", goes_on),
    ];
    let expected: Vec<String> = expected.iter().map(|(it, why)| format!("{it}: {why}")).collect();
    assert_eq!(found, expected);
}
