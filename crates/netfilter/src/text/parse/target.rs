//! What follows `-j` → a target.

use std::net::IpAddr;

use ipnet::IpNet;

use super::option::{Miss, Reader};
use super::value::{masked, name};
use crate::rule::PortRange;
use crate::ruleset::ChainName;
use crate::target::{ConnMarkChange, MarkChange, Target, Translation, TranslationKind};

impl Reader<'_> {
    pub(super) fn target(&mut self) -> Result<Target, Miss> {
        let at = self.place();
        let word = self.word().map_err(|_| Miss::Value(at))?;
        if ASIDE.contains(&word) {
            return Ok(Target::Aside(self.skip_to_option(at).to_owned()));
        }
        if let Some(kind) = TranslationKind::ALL.into_iter().find(|it| it.name() == word) {
            let target = self.translation(kind)?;
            self.end()?;
            return Ok(target);
        }
        let target = match word {
            "ACCEPT" => Target::Accept,
            "DROP" => Target::Drop,
            "RETURN" => Target::Return,
            "REJECT" => Target::Reject { with: self.optional("--reject-with", name)? },
            "MARK" => self.mark_change()?,
            "CONNMARK" => self.conn_mark_change().map(Target::ConnMark)?,
            "NOTRACK" => Target::Notrack { by_ct: false },
            "CT" => {
                self.expect("--notrack")?;
                Target::Notrack { by_ct: true }
            }
            "NETMAP" => {
                self.expect("--to")?;
                Target::Netmap(self.value(network)?)
            }
            extension if EXTENSIONS.contains(&extension) => return Err(Miss::Unknown),
            chain => Target::Jump(ChainName::new(chain).ok_or(Miss::Value(at))?),
        };
        self.end()?;
        Ok(target)
    }

    fn mark_change(&mut self) -> Result<Target, Miss> {
        let option = self.word()?;
        let (value, mask, digits) = self.value(masked)?;
        let change = match (option, mask) {
            ("--or-mark", None) => MarkChange::Or(value),
            ("--xor-mark", None) => MarkChange::Xor(value),
            ("--and-mark", None) => MarkChange::SetXmark { value: 0, mask: !value },
            ("--set-xmark", _) => MarkChange::SetXmark { value, mask: mask.unwrap_or(u32::MAX) },
            ("--set-mark", _) => {
                MarkChange::SetXmark { value, mask: mask.map_or(u32::MAX, |mask| mask | value) }
            }
            _ => return Err(Miss::Unknown),
        };
        Ok(Target::Mark { change, digits })
    }

    fn conn_mark_change(&mut self) -> Result<ConnMarkChange, Miss> {
        let option = self.word()?;
        if matches!(option, "--save-mark" | "--restore-mark") {
            let (nfmask, ctmask) = self.mark_masks()?;
            return Ok(match option {
                "--save-mark" => ConnMarkChange::Save { nfmask, ctmask },
                _ => ConnMarkChange::Restore { nfmask, ctmask },
            });
        }
        let (value, mask, _) = self.value(masked)?;
        let (value, mask) = match (option, mask) {
            ("--set-mark", mask) => (value, mask.map_or(u32::MAX, |mask| mask | value)),
            ("--set-xmark", mask) => (value, mask.unwrap_or(u32::MAX)),
            ("--or-mark", None) => (value, value),
            ("--xor-mark", None) => (value, 0),
            ("--and-mark", None) => (0, !value),
            _ => return Err(Miss::Unknown),
        };
        Ok(ConnMarkChange::SetXmark { value, mask })
    }

    /// `--nfmask` and `--ctmask`, or one `--mask` for both.
    fn mark_masks(&mut self) -> Result<(u32, u32), Miss> {
        let (mut nfmask, mut ctmask) = (u32::MAX, u32::MAX);
        while !self.at_start() {
            let option = self.word()?;
            let (mask, _, _) = self.value(masked)?;
            match option {
                "--mask" => (nfmask, ctmask) = (mask, mask),
                "--nfmask" => nfmask = mask,
                "--ctmask" => ctmask = mask,
                _ => return Err(Miss::Unknown),
            }
        }
        Ok((nfmask, ctmask))
    }

    fn translation(&mut self, kind: TranslationKind) -> Result<Target, Miss> {
        let mut res = Translation {
            kind,
            addresses: None,
            ports: None,
            base: None,
            random: false,
            random_fully: false,
            persistent: false,
        };
        let by_name = matches!(kind, TranslationKind::Dnat | TranslationKind::Snat);
        let mut told = !by_name;
        while !self.at_start() {
            match self.word()? {
                "--random" => res.random = true,
                "--random-fully" => res.random_fully = true,
                "--persistent" if by_name => res.persistent = true,
                "--to-ports" | "--to-port" if !by_name => {
                    (res.ports, res.base) = self.value(port_range)?;
                }
                option if option == kind.option() => {
                    (res.addresses, res.ports, res.base) = self.value(goal)?;
                    told = true;
                }
                _ => return Err(Miss::Unknown),
            }
        }
        if told { Ok(simplest(res)) } else { Err(Miss::Unknown) }
    }
}

/// The plain form, where that says it all.
fn simplest(it: Translation) -> Target {
    let plain = Translation {
        addresses: it.addresses.filter(|(first, last)| first == last),
        ports: it.ports.filter(|ports| ports.first == ports.last),
        base: None,
        random: false,
        persistent: false,
        random_fully: it.random_fully && it.kind == TranslationKind::Masquerade,
        ..it
    };
    let port = it.ports.map(|ports| ports.first);
    match (it.kind, it.addresses) {
        _ if plain != it => Target::Translate(it),
        (TranslationKind::Dnat, Some((to, _))) => Target::Dnat { to, port },
        (TranslationKind::Snat, Some((to, _))) => Target::Snat { to, port },
        (TranslationKind::Masquerade, _) if it.ports.is_none() => {
            Target::Masquerade { random_fully: it.random_fully }
        }
        _ => Target::Translate(it),
    }
}

type Ports = (Option<PortRange>, Option<u16>);

/// `80`, `80-90`, `80-90/100`
fn port_range(word: &str) -> Option<Ports> {
    let (range, base) = match word.split_once('/') {
        Some((range, base)) => (range, Some(base.parse().ok()?)),
        None => (word, None),
    };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let ports = PortRange { first: first.parse().ok()?, last: last.parse().ok()? };
    (ports.first <= ports.last).then_some((Some(ports), base))
}

type Goal = (Option<(IpAddr, IpAddr)>, Option<PortRange>, Option<u16>);

/// `ip`, `ip-ip`, `ip:ports`, `:ports`, `[ip]:ports`, `[ip-ip]:ports`, `[ip]-[ip]:ports`
fn goal(word: &str) -> Option<Goal> {
    if let Some(addresses) = address_range(word) {
        return Some((Some(addresses), None, None));
    }
    let (addresses, ports) = word.rsplit_once(':')?;
    let (ports, base) = port_range(ports)?;
    if addresses.is_empty() {
        return Some((None, ports, base));
    }
    let bracketed = addresses.starts_with('[') && addresses.ends_with(']');
    let range = address_range(addresses).filter(|(first, _)| first.is_ipv4() || bracketed)?;
    Some((Some(range), ports, base))
}

fn address_range(word: &str) -> Option<(IpAddr, IpAddr)> {
    let bare = |it: &str| it.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (bare(first)?, bare(last)?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last))
}

/// `10.1.0.0/24`, or one address.
fn network(word: &str) -> Option<IpNet> {
    word.parse().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Targets that have no part in where a packet goes.
const ASIDE: [&str; 18] = [
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CONNSECMARK",
    "DSCP",
    "ECN",
    "IDLETIMER",
    "LED",
    "LOG",
    "NFLOG",
    "RATEEST",
    "SECMARK",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TRACE",
    "ULOG",
];

/// Targets of iptables' own that the lab does not know; any other word names a chain.
const EXTENSIONS: [&str; 12] = [
    "CLUSTERIP",
    "DNPT",
    "HL",
    "HMARK",
    "NFQUEUE",
    "QUEUE",
    "SET",
    "SNPT",
    "SYNPROXY",
    "TPROXY",
    "TTL",
    "CT",
];
