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
