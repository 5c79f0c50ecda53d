//! Rules of kube-proxy, loaded into Linux and printed by iptables-save 1.8.9 (nf_tables): the
//! files in `saved/`, less the lines of comment. The lab must print the same.

use svclab_netfilter::text::parse;
use svclab_netfilter::{Family, RuleSet};

#[track_caller]
fn check(family: Family, rules: &str, saved: &str) {
    let (restore, problems) = parse(rules);
    assert_eq!(problems, []);
    assert_eq!(restore.to_string(), rules);

    let mut kernel = RuleSet::default();
    kernel.restore(&restore, true);
    assert_eq!(kernel.save(family), saved);

    let (again, problems) = parse(saved);
    assert_eq!(problems, []);
    let mut read_back = RuleSet::default();
    read_back.restore(&again, false);
    assert_eq!(read_back.save(family), saved);
}

macro_rules! case {
    ($name:ident, $family:ident, $directory:literal) => {
        #[test]
        fn $name() {
            check(
                Family::$family,
                include_str!(concat!(
                    "../../../tests/conformance/kube-proxy/open/",
                    $directory,
                    "/expected.rules"
                )),
                include_str!(concat!("saved/", $directory, ".save")),
            );
        }
    };
}

case!(session_affinity_is_saved_as_linux_does, V4, "affinity-default");
case!(source_ranges_are_saved_as_linux_does, V4, "lb-source-ranges-with-node");
case!(ipv6_is_saved_as_linux_does, V6, "ipv6");

/// Each rule of the file, and the lines that the kernel's holds of it.
#[track_caller]
fn check_rules(family: Family, file: &str) {
    let mut lines = file.lines().filter(|it| !it.starts_with('#')).peekable();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let (place, rule) = line.split_once(": ").expect("a place and a rule");
        let (table, chain) = place.split_once(' ').expect("a table and a chain");
        let mut expected = Vec::new();
        while let Some(saved) = lines.next_if(|it| it.starts_with("  ")) {
            expected.push(format!("-A {chain} {}", saved.trim()).trim_end().to_owned());
        }
        let text = format!("*{table}\n:FOO - [0:0]\n-A {chain} {rule}\nCOMMIT\n");
        let (restore, problems) = parse(&text);
        assert_eq!(problems, [], "{rule}");
        assert_eq!(restore.to_string(), text);
        let mut rules = RuleSet::default();
        rules.restore(&restore, false);
        let saved = rules.save(family);
        let found: Vec<&str> = saved.lines().filter(|it| it.starts_with("-A")).collect();
        assert_eq!(found, expected, "{rule}");
        let (again, problems) = parse(&saved);
        assert_eq!(problems, [], "{saved}");
        assert_eq!(again.to_string(), saved);
        count += 1;
    }
    assert!(count > 10, "the file holds rules");
}

#[test]
fn every_rule_is_saved_as_linux_saves_it() {
    check_rules(Family::V4, include_str!("saved/rules.txt"));
}

#[test]
fn every_ipv6_rule_is_saved_as_linux_saves_it() {
    check_rules(Family::V6, include_str!("saved/rules6.txt"));
}
