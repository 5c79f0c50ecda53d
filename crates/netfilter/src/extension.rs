//! The options of iptables' match modules, by one table: how each is called, what kind of value it
//! takes, and in which order iptables-save prints them (iptables-extensions(8)).

use std::net::IpAddr;

use crate::rule::{AddrType, AddressMatch, CtStates, PortRange};

/// `-m MODULE` with its options, in the order of [`MODULES`].
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    pub module: &'static str,
    pub options: Vec<ModuleOption>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ModuleOption {
    pub negated: bool,
    /// With its dashes.
    pub name: &'static str,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The option stands alone.
    Flag,
    Number(u64),
    /// Inclusive at both ends.
    Numbers(u64, u64),
    Ports(Vec<PortRange>),
    Net(AddressMatch),
    Address(IpAddr),
    /// Inclusive at both ends.
    Addresses(IpAddr, IpAddr),
    /// The number in the IP header.
    Protocol(u8),
    States(CtStates),
    Status(CtStatuses),
    Types(Vec<AddrType>),
    Masked {
        value: u32,
        mask: u32,
    },
    Rate(Rate),
    Word(String),
    /// A set and the parts of the packet that are looked up in it.
    Set {
        name: String,
        parts: String,
    },
}

/// So many in one of these spans of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub per: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Second,
    Minute,
    Hour,
    Day,
}

impl Span {
    pub const ALL: [Span; 4] = [Span::Second, Span::Minute, Span::Hour, Span::Day];

    pub fn seconds(self) -> u32 {
        match self {
            Span::Second => 1,
            Span::Minute => 60,
            Span::Hour => 3600,
            Span::Day => 86_400,
        }
    }

    /// As iptables-save prints it. Any beginning of the whole word is read.
    pub fn name(self) -> &'static str {
        match self {
            Span::Second => "sec",
            Span::Minute => "min",
            Span::Hour => "hour",
            Span::Day => "day",
        }
    }
}

impl Rate {
    /// Ten thousandths of a second between two packets, as the kernel keeps it (`XT_LIMIT_SCALE`).
    pub fn interval(self) -> u64 {
        10_000 * u64::from(self.per.seconds()) / u64::from(self.count.max(1))
    }

    /// The rate as iptables-save prints it: in the shortest span that the kernel's interval fits
    /// (`print_rate` in libxt_limit.c).
    pub fn stored(self) -> Rate {
        let interval = self.interval().max(1);
        let scale = |span: Span| 10_000 * u64::from(span.seconds());
        let fits = |span: &Span| {
            let scale = scale(*span);
            interval <= scale && scale / interval >= scale % interval
        };
        let shorter = [Span::Hour, Span::Minute, Span::Second];
        let per = shorter.into_iter().take_while(fits).last().unwrap_or(Span::Day);
        Rate { count: u32::try_from(scale(per) / interval).unwrap_or(u32::MAX), per }
    }
}

/// A set of `--ctstatus` words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CtStatuses(u8);

impl CtStatuses {
    pub const NONE: CtStatuses = CtStatuses(0);
    pub const EXPECTED: CtStatuses = CtStatuses(1);
    pub const SEEN_REPLY: CtStatuses = CtStatuses(2);
    pub const ASSURED: CtStatuses = CtStatuses(4);
    pub const CONFIRMED: CtStatuses = CtStatuses(8);

    /// In the order iptables-save prints them.
    pub const NAMES: [(CtStatuses, &'static str); 4] = [
        (CtStatuses::EXPECTED, "EXPECTED"),
        (CtStatuses::SEEN_REPLY, "SEEN_REPLY"),
        (CtStatuses::ASSURED, "ASSURED"),
        (CtStatuses::CONFIRMED, "CONFIRMED"),
    ];

    pub fn with(self, other: CtStatuses) -> CtStatuses {
        CtStatuses(self.0 | other.0)
    }

    pub fn meets(self, other: CtStatuses) -> bool {
        self.0 & other.0 != 0
    }
}

/// What an option's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Flag,
    Number,
    Numbers,
    /// Ports of one range, 0–65535.
    PortNumbers,
    Ports,
    Net,
    Address,
    Addresses,
    Protocol,
    States,
    Status,
    Types,
    Masked,
    Rate,
    Word,
    Set,
}

pub(crate) struct ModuleSpec {
    pub(crate) name: &'static str,
    pub(crate) options: &'static [(&'static str, Kind)],
}

const fn module(name: &'static str, options: &'static [(&'static str, Kind)]) -> ModuleSpec {
    ModuleSpec { name, options }
}

/// The modules and their options, in the order iptables-save prints them.
pub(crate) const MODULES: &[ModuleSpec] = &[
    module(
        "multiport",
        &[("--sports", Kind::Ports), ("--dports", Kind::Ports), ("--ports", Kind::Ports)],
    ),
    module("connmark", &[("--mark", Kind::Masked)]),
    module("state", &[("--state", Kind::States)]),
    module(
        "conntrack",
        &[
            ("--ctstate", Kind::States),
            ("--ctproto", Kind::Protocol),
            ("--ctorigsrc", Kind::Net),
            ("--ctorigdst", Kind::Net),
            ("--ctreplsrc", Kind::Net),
            ("--ctrepldst", Kind::Net),
            ("--ctorigsrcport", Kind::PortNumbers),
            ("--ctorigdstport", Kind::PortNumbers),
            ("--ctreplsrcport", Kind::PortNumbers),
            ("--ctrepldstport", Kind::PortNumbers),
            ("--ctstatus", Kind::Status),
            ("--ctexpire", Kind::Numbers),
            ("--ctdir", Kind::Word),
        ],
    ),
    module(
        "addrtype",
        &[
            ("--src-type", Kind::Types),
            ("--dst-type", Kind::Types),
            ("--limit-iface-in", Kind::Flag),
            ("--limit-iface-out", Kind::Flag),
        ],
    ),
    module(
        "statistic",
        &[("--mode", Kind::Word), ("--every", Kind::Number), ("--packet", Kind::Number)],
    ),
    module(
        "recent",
        &[
            ("--set", Kind::Flag),
            ("--rcheck", Kind::Flag),
            ("--update", Kind::Flag),
            ("--remove", Kind::Flag),
            ("--seconds", Kind::Number),
            ("--reap", Kind::Flag),
            ("--hitcount", Kind::Number),
            ("--rttl", Kind::Flag),
            ("--name", Kind::Word),
            ("--mask", Kind::Address),
            ("--rsource", Kind::Flag),
            ("--rdest", Kind::Flag),
        ],
    ),
    module(
        "physdev",
        &[
            ("--physdev-is-in", Kind::Flag),
            ("--physdev-in", Kind::Word),
            ("--physdev-is-out", Kind::Flag),
            ("--physdev-out", Kind::Word),
            ("--physdev-is-bridged", Kind::Flag),
        ],
    ),
    module("mac", &[("--mac-source", Kind::Word)]),
    module("limit", &[("--limit", Kind::Rate), ("--limit-burst", Kind::Number)]),
    module(
        "hashlimit",
        &[
            ("--hashlimit-upto", Kind::Rate),
            ("--hashlimit-above", Kind::Rate),
            ("--hashlimit-burst", Kind::Number),
            ("--hashlimit-mode", Kind::Word),
            ("--hashlimit-name", Kind::Word),
            ("--hashlimit-htable-size", Kind::Number),
            ("--hashlimit-htable-max", Kind::Number),
            ("--hashlimit-htable-gcinterval", Kind::Number),
            ("--hashlimit-htable-expire", Kind::Number),
            ("--hashlimit-srcmask", Kind::Number),
            ("--hashlimit-dstmask", Kind::Number),
        ],
    ),
    module("iprange", &[("--src-range", Kind::Addresses), ("--dst-range", Kind::Addresses)]),
    module("length", &[("--length", Kind::Numbers)]),
    module(
        "ttl",
        &[("--ttl-eq", Kind::Number), ("--ttl-lt", Kind::Number), ("--ttl-gt", Kind::Number)],
    ),
    module(
        "hl",
        &[("--hl-eq", Kind::Number), ("--hl-lt", Kind::Number), ("--hl-gt", Kind::Number)],
    ),
    module(
        "owner",
        &[
            ("--socket-exists", Kind::Flag),
            ("--uid-owner", Kind::Word),
            ("--gid-owner", Kind::Word),
        ],
    ),
    module("cgroup", &[("--path", Kind::Word), ("--cgroup", Kind::Number)]),
    module(
        "rpfilter",
        &[
            ("--loose", Kind::Flag),
            ("--validmark", Kind::Flag),
            ("--accept-local", Kind::Flag),
            ("--invert", Kind::Flag),
        ],
    ),
    module(
        "ipvs",
        &[
            ("--ipvs", Kind::Flag),
            ("--vproto", Kind::Protocol),
            ("--vaddr", Kind::Net),
            ("--vport", Kind::Number),
            ("--vdir", Kind::Word),
            ("--vmethod", Kind::Word),
            ("--vportctl", Kind::Number),
        ],
    ),
    module("pkttype", &[("--pkt-type", Kind::Word)]),
    module(
        "set",
        &[
            ("--match-set", Kind::Set),
            ("--return-nomatch", Kind::Flag),
            ("--update-counters", Kind::Flag),
            ("--update-subcounters", Kind::Flag),
        ],
    ),
];

impl Extension {
    pub fn option(&self, name: &str) -> Option<&ModuleOption> {
        self.options.iter().find(|it| it.name == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.option(name).is_some()
    }

    /// The number an option holds.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.option(name)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn word(&self, name: &str) -> Option<&str> {
        match &self.option(name)?.value {
            Value::Word(word) => Some(word),
            _ => None,
        }
    }

    pub fn rate(&self, name: &str) -> Option<Rate> {
        match self.option(name)?.value {
            Value::Rate(rate) => Some(rate),
            _ => None,
        }
    }

    /// What the lab cannot know of a packet, and so takes as not so.
    pub fn assumption(&self) -> Option<Assumption> {
        match self.module {
            "set" => Some(Assumption::NotInSet),
            "mac" => Some(Assumption::OtherMac),
            "cgroup" => Some(Assumption::OtherCgroup),
            _ => None,
        }
    }
}

/// What a walk takes for granted where a rule asks what the lab does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumption {
    /// A match that is not known does not match.
    NoMatch,
    /// A target that is not known does nothing; the next rule is looked at.
    NoEffect,
    /// An ipset holds nothing.
    NotInSet,
    /// No sender has the MAC address.
    OtherMac,
    /// No process is in the control group.
    OtherCgroup,
}

impl Assumption {
    /// A sentence, lower case, no full stop.
    pub fn text(self) -> &'static str {
        match self {
            Assumption::NoMatch => "this match is not known here and is taken as not matching",
            Assumption::NoEffect => "this target is not known here; the next rule is looked at",
            Assumption::NotInSet => "the set is taken as empty",
            Assumption::OtherMac => "no sender is taken to have this MAC address",
            Assumption::OtherCgroup => "no process is taken to be in this control group",
        }
    }
}
