//! What holds for any text at all. The fuzz target and the replay of its corpus both try it.

use std::net::{IpAddr, SocketAddr};

use svclab_netfilter::memory::Memory;
use svclab_netfilter::text::{parse, read};
use svclab_netfilter::walk::{Surroundings, walk};
use svclab_netfilter::{Dice, Family, Hook, Packet, RuleSet, TableName, TcpFlags};

struct Misses;

impl Dice for Misses {
    fn draw(&mut self, _threshold: u32) -> u32 {
        (1 << 31) - 1
    }
}

/// The text is read; what is printed reads back to the same, as does what is saved; a packet's walk
/// ends.
pub(crate) fn try_text(text: &str) {
    let reading = read(text);
    for problem in &reading.problems {
        assert!(!problem.as_iptables_restore().is_empty());
    }
    let printed = reading.restore.to_string();
    let (again, _) = parse(&printed);
    assert_eq!(again.to_string(), printed);

    let mut rules = RuleSet::builtin();
    rules.restore(&reading.restore, true);
    for family in [Family::V4, Family::V6] {
        parse(&rules.save(family));
    }
    rules.loops().count();
    let address = |port| SocketAddr::new(IpAddr::from([10, 0, 0, 1]), port);
    for table in TableName::ALL {
        for hook in [Hook::Prerouting, Hook::Forward, Hook::Output] {
            let mut packet = Packet::tcp(address(40_000), address(80), TcpFlags::SYN);
            let around = Surroundings::default();
            walk(&rules, (table, hook), &mut packet, &around, &mut Memory::default(), &mut Misses);
        }
    }
}
