//! What a rule does with a packet that it matches.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::rule::PortRange;
use crate::ruleset::ChainName;

#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Accept,
    Drop,
    Return,
    Jump(ChainName),
    Goto(ChainName),
    /// `--reject-with`, where written.
    Reject {
        with: Option<String>,
    },
    Mark {
        change: MarkChange,
        digits: u8,
    },
    Masquerade {
        random_fully: bool,
    },
    /// The port is kept where none is written.
    Dnat {
        to: IpAddr,
        port: Option<u16>,
    },
    Snat {
        to: IpAddr,
        port: Option<u16>,
    },
    /// A translation with ranges or options beyond those above, and `REDIRECT`.
    Translate(Translation),
    /// `NETMAP --to`: the network part of the address is replaced.
    Netmap(IpNet),
    /// `NOTRACK`, or `CT --notrack`.
    Notrack {
        by_ct: bool,
    },
    ConnMark(ConnMarkChange),
    /// A target that has no part in where the packet goes (`LOG`, `CHECKSUM` and the like), word by
    /// word; the next rule is looked at.
    Aside(String),
    /// A target the lab does not know, word by word. A walk goes on to the next rule and says so.
    Unknown(String),
}

/// `DNAT`, `SNAT`, `MASQUERADE` or `REDIRECT` with all that they can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Translation {
    pub kind: TranslationKind,
    /// First and last; none where the kernel chooses or the address stays.
    pub addresses: Option<(IpAddr, IpAddr)>,
    pub ports: Option<PortRange>,
    /// `80-90/100`: port 100 is mapped to the first.
    pub base: Option<u16>,
    pub random: bool,
    pub random_fully: bool,
    pub persistent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TranslationKind {
    Dnat,
    Snat,
    Masquerade,
    Redirect,
}

impl TranslationKind {
    pub const ALL: [TranslationKind; 4] = [
        TranslationKind::Dnat,
        TranslationKind::Snat,
        TranslationKind::Masquerade,
        TranslationKind::Redirect,
    ];

    pub fn name(self) -> &'static str {
        match self {
            TranslationKind::Dnat => "DNAT",
            TranslationKind::Snat => "SNAT",
            TranslationKind::Masquerade => "MASQUERADE",
            TranslationKind::Redirect => "REDIRECT",
        }
    }

    /// The option that takes its addresses and ports.
    pub fn option(self) -> &'static str {
        match self {
            TranslationKind::Dnat => "--to-destination",
            TranslationKind::Snat => "--to-source",
            TranslationKind::Masquerade | TranslationKind::Redirect => "--to-ports",
        }
    }
}

/// What `CONNMARK` does with the connection's mark and the packet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnMarkChange {
    /// `--set-xmark`: clears `mask` in the connection's mark, then XORs `value`.
    SetXmark { value: u32, mask: u32 },
    /// `--save-mark`: from the packet to the connection.
    Save { nfmask: u32, ctmask: u32 },
    /// `--restore-mark`: from the connection to the packet.
    Restore { nfmask: u32, ctmask: u32 },
}

impl ConnMarkChange {
    /// The packet's mark and the connection's after the change (`connmark_tg`).
    pub fn apply(self, packet: u32, connection: u32) -> (u32, u32) {
        match self {
            ConnMarkChange::SetXmark { value, mask } => (packet, (connection & !mask) ^ value),
            ConnMarkChange::Save { nfmask, ctmask } => {
                (packet, (connection & !ctmask) ^ (packet & nfmask))
            }
            ConnMarkChange::Restore { nfmask, ctmask } => {
                ((packet & !nfmask) ^ (connection & ctmask), connection)
            }
        }
    }
}

impl Target {
    pub fn dnat(to: SocketAddr) -> Target {
        Target::Dnat { to: to.ip(), port: Some(to.port()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkChange {
    /// `--or-mark`
    Or(u32),
    /// `--xor-mark`
    Xor(u32),
    /// `--set-xmark value/mask`: clears `mask`, then XORs `value`.
    SetXmark { value: u32, mask: u32 },
}

impl MarkChange {
    pub fn apply(self, mark: u32) -> u32 {
        match self {
            MarkChange::Or(bits) => mark | bits,
            MarkChange::Xor(bits) => mark ^ bits,
            MarkChange::SetXmark { value, mask } => (mark & !mask) ^ value,
        }
    }
}
