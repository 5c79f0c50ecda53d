//! Whole texts of iptables-save with the chains of Docker, Calico, ufw, Istio and flannel, printed
//! by 1.8.9 (nf_tables) after their rules were loaded into Linux; `sets.save` is written by hand.

use svclab_netfilter::text::read;
use svclab_netfilter::{Family, RuleSet};

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
