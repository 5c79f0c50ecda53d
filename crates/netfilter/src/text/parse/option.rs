//! The options of one rule: words → matches and a target.
//!
//! An option that is not wholly understood becomes `Unknown`, from its first word to the one that
//! starts the next option.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::packet::Protocol;
use crate::rule::{
    AddrSide, AddrType, AddressMatch, Criterion, CtStates, MarkChange, Match, PortRange,
    Probability, Recent, RecentCheck, Rule, Target,
};
use crate::ruleset::ChainName;
use crate::text::Mistake;
use crate::text::words::Word;

/// The rule, and the places of the values that do not fit their options.
pub(super) fn rule(line: &str, words: &[Word]) -> (Rule, Vec<(usize, Mistake)>) {
    let mut reader = Reader { line, words, at: 0 };
    let mut rule = Rule::default();
    let mut target_text = None;
    let mut mistakes = Vec::new();
    while reader.at < words.len() {
        let start = reader.at;
        let part = reader.option().unwrap_or_else(|miss| {
            mistakes.extend(reader.mistake(start, miss));
            reader.unknown(start)
        });
        let text = reader.text(start);
        match part {
            Part::Match(it) => {
                if it.to_string() != text {
                    rule.written.insert(rule.matches.len(), text.into());
                }
                rule.matches.push(it);
            }
            Part::Target(it) => {
                target_text = Some(text).filter(|text| *text != it.to_string());
                rule.target = Some(it);
            }
        }
    }
    if let Some(text) = target_text {
        rule.written.insert(rule.matches.len(), text.into());
    }
    (rule, mistakes)
}

enum Part {
    Match(Match),
    Target(Target),
}

/// Why an option was not read.
enum Miss {
    /// The lab does not know it.
    Unknown,
    /// The word at this index should have been its value.
    Value(usize),
}

struct Reader<'a> {
    line: &'a str,
    words: &'a [Word],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The line from the word at `start` up to the one read last.
    fn text(&self, start: usize) -> &'a str {
        &self.line[self.words[start].start..self.words[self.at - 1].end]
    }

    fn mistake(&self, start: usize, miss: Miss) -> Option<(usize, Mistake)> {
        let Miss::Value(at) = miss else { return None };
        let value = self.words.get(at);
        let option = self.words[start..at.min(self.words.len())].last()?;
        let place = value.map_or(option.start, |it| it.start);
        let value = value.map(|it| it.text.clone());
        Some((place, Mistake::BadValue { option: option.text.clone(), value }))
    }

    fn option(&mut self) -> Result<Part, Miss> {
        let negated = self.take("!");
        let criterion = match self.word()? {
            "-m" | "--match" if !negated => return self.module(),
            "-j" | "--jump" if !negated => return self.target().map(Part::Target),
            "-g" | "--goto" if !negated => {
                return self.value(ChainName::new).map(|it| Part::Target(Target::Goto(it)));
            }
            "-p" | "--protocol" | "--proto" => Criterion::Protocol(self.known(protocol)?),
            "-s" | "--source" | "--src" => Criterion::Source(self.value(address)?),
            "-d" | "--destination" | "--dst" => Criterion::Destination(self.value(address)?),
            "-i" | "--in-interface" => Criterion::InInterface(self.value(name)?),
            "-o" | "--out-interface" => Criterion::OutInterface(self.value(name)?),
            "--sport" | "--source-port" => Criterion::SourcePort(self.value(ports)?),
            "--dport" | "--destination-port" => Criterion::DestinationPort(self.value(ports)?),
            _ => return Err(Miss::Unknown),
        };
        Ok(Part::Match(Match { negated, criterion }))
    }

    fn module(&mut self) -> Result<Part, Miss> {
        let name = self.word()?;
        if let Ok(protocol) = name.parse() {
            return Ok(Part::Match(Criterion::Module(protocol).into()));
        }
        let res = match name {
            "comment" => self.comment()?.into(),
            "mark" => self.negatable("--mark", Reader::mark)?,
            "conntrack" => self.negatable("--ctstate", Reader::states)?,
            "state" => self.negatable("--state", Reader::states)?,
            "addrtype" => self.addrtype()?,
            "statistic" => {
                self.expect("--mode")?;
                self.expect("random")?;
                let probability = |it: &mut Self| it.value(Probability::parse);
                self.negatable("--probability", |it| probability(it).map(Criterion::Statistic))?
            }
            "recent" => self.recent()?,
            "nfacct" => {
                self.expect("--nfacct-name")?;
                Criterion::Nfacct(self.value(self::name)?).into()
            }
            _ => return Err(Miss::Unknown),
        };
        self.end()?;
        Ok(Part::Match(res))
    }

    fn negatable(
        &mut self,
        option: &str,
        value: impl FnOnce(&mut Self) -> Result<Criterion, Miss>,
    ) -> Result<Match, Miss> {
        let negated = self.take("!");
        self.expect(option)?;
        Ok(Match { negated, criterion: value(self)? })
    }

    fn comment(&mut self) -> Result<Criterion, Miss> {
        self.expect("--comment")?;
        let word = self.words.get(self.at).ok_or(Miss::Value(self.at))?;
        self.at += 1;
        Ok(Criterion::Comment { text: word.text.clone(), quoted: word.quoted })
    }

    fn mark(&mut self) -> Result<Criterion, Miss> {
        let (value, mask, digits) = self.value(masked)?;
        Ok(Criterion::Mark { value, mask: mask.unwrap_or(u32::MAX), digits })
    }

    fn states(&mut self) -> Result<Criterion, Miss> {
        self.value(states).map(Criterion::CtState)
    }

    fn addrtype(&mut self) -> Result<Match, Miss> {
        let negated = self.take("!");
        let side = match self.word()? {
            "--src-type" => AddrSide::Source,
            "--dst-type" => AddrSide::Destination,
            _ => return Err(Miss::Unknown),
        };
        let criterion = Criterion::AddrType { side, kind: self.known(address_type)? };
        Ok(Match { negated, criterion })
    }

    fn recent(&mut self) -> Result<Match, Miss> {
        let mut name = "DEFAULT".to_owned();
        let (mut negated, mut explicit, mut reap) = (false, false, false);
        let (mut set, mut rcheck, mut seconds) = (false, false, None);
        while !self.at_start() {
            negated |= self.take("!");
            match self.word()? {
                "--name" => name = self.value(self::name)?,
                "--set" => set = true,
                "--rcheck" => rcheck = true,
                "--seconds" => seconds = Some(self.value(|it| it.parse().ok())?),
                "--reap" => reap = true,
                "--mask" => explicit = self.known(full_mask)?,
                "--rsource" => explicit = true,
                _ => return Err(Miss::Unknown),
            }
        }
        let check = match (set, rcheck, seconds) {
            (true, false, None) if !reap => RecentCheck::Set,
            (false, true, Some(seconds)) => RecentCheck::Rcheck { seconds, reap },
            _ => return Err(Miss::Unknown),
        };
        Ok(Match { negated, criterion: Criterion::Recent(Recent { name, check, explicit }) })
    }

    fn target(&mut self) -> Result<Target, Miss> {
        let at = self.at;
        let target = match self.word().map_err(|_| Miss::Value(at))? {
            "ACCEPT" => Target::Accept,
            "DROP" => Target::Drop,
            "RETURN" => Target::Return,
            "REJECT" => Target::Reject { with: self.optional("--reject-with", name)? },
            "MARK" => self.mark_change()?,
            "MASQUERADE" => Target::Masquerade { random_fully: self.take("--random-fully") },
            "DNAT" => {
                self.expect("--to-destination")?;
                let (to, port) = self.known(endpoint)?;
                Target::Dnat { to, port }
            }
            "SNAT" => {
                self.expect("--to-source")?;
                let (to, port) = self.known(endpoint)?;
                Target::Snat { to, port }
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

    /// The option from `start` as it stands; for a target, what follows its `-j`.
    fn unknown(&mut self, start: usize) -> Part {
        let negated = self.words[start].text == "!";
        self.at = (start + 1 + usize::from(negated)).min(self.words.len());
        while self.at < self.words.len() && !self.at_start() {
            self.at += 1;
        }
        let text = self.text(start);
        let jump = text.strip_prefix("-j").or_else(|| text.strip_prefix("--jump"));
        match jump.filter(|it| it.is_empty() || it.starts_with(' ')) {
            Some(target) => Part::Target(Target::Unknown(target.trim_start().to_owned())),
            None => Part::Match(Criterion::Unknown(text.to_owned()).into()),
        }
    }

    /// Whether the next word starts an option of its own, or nothing follows.
    fn at_start(&self) -> bool {
        let plain = |at: usize| self.words.get(at).filter(|it| !it.quoted).map(|it| &*it.text);
        let word = match plain(self.at) {
            Some("!") => plain(self.at + 1),
            word => word,
        };
        match word {
            Some(word) => STARTS.contains(&word) || is_letter(word),
            None => self.at >= self.words.len(),
        }
    }

    fn end(&self) -> Result<(), Miss> {
        if self.at_start() { Ok(()) } else { Err(Miss::Unknown) }
    }

    fn word(&mut self) -> Result<&'a str, Miss> {
        let word = self.words.get(self.at).ok_or(Miss::Unknown)?;
        self.at += 1;
        Ok(&word.text)
    }

    fn take(&mut self, text: &str) -> bool {
        let there = self.words.get(self.at).is_some_and(|it| !it.quoted && it.text == text);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, text: &str) -> Result<(), Miss> {
        if self.take(text) { Ok(()) } else { Err(Miss::Unknown) }
    }

    /// A value that must be one of `read`'s.
    fn value<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Miss> {
        let at = self.at;
        let word = self.word().map_err(|_| Miss::Value(at))?;
        read(word).ok_or(Miss::Value(at))
    }

    /// A value that the lab may not know though iptables does.
    fn known<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Miss> {
        let at = self.at;
        let word = self.word().map_err(|_| Miss::Value(at))?;
        read(word).ok_or(Miss::Unknown)
    }

    fn optional<T>(
        &mut self,
        option: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Miss> {
        if self.take(option) { self.value(read).map(Some) } else { Ok(None) }
    }
}

/// Words that start an option, whichever came before. A single letter after a dash does as well.
const STARTS: [&str; 18] = [
    "--match",
    "--source",
    "--src",
    "--destination",
    "--dst",
    "--in-interface",
    "--out-interface",
    "--protocol",
    "--proto",
    "--jump",
    "--goto",
    "--sport",
    "--source-port",
    "--dport",
    "--destination-port",
    "--fragment",
    "--ipv4",
    "--ipv6",
];

/// Targets of iptables' own that the lab does not know; any other word names a chain.
const EXTENSIONS: [&str; 32] = [
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CLUSTERIP",
    "CONNMARK",
    "CONNSECMARK",
    "CT",
    "DNPT",
    "DSCP",
    "ECN",
    "HL",
    "HMARK",
    "IDLETIMER",
    "LED",
    "LOG",
    "NETMAP",
    "NFLOG",
    "NFQUEUE",
    "NOTRACK",
    "QUEUE",
    "RATEEST",
    "REDIRECT",
    "SECMARK",
    "SET",
    "SNPT",
    "SYNPROXY",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TPROXY",
    "TRACE",
];

fn is_letter(word: &str) -> bool {
    matches!(word.as_bytes(), [b'-', letter] if letter.is_ascii_alphabetic())
}

fn name(word: &str) -> Option<String> {
    Some(word.to_owned()).filter(|it| !it.is_empty())
}

fn protocol(word: &str) -> Option<Protocol> {
    let number = |it: &Protocol| word.parse() == Ok(it.number());
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
    word.parse().ok().or_else(|| all.into_iter().find(number))
}

fn address(word: &str) -> Option<AddressMatch> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(AddressMatch::host(ip));
    }
    if let Ok(net) = word.parse::<IpNet>() {
        return Some(AddressMatch::net(net));
    }
    let (ip, mask) = word.split_once('/')?;
    IpNet::with_netmask(ip.parse().ok()?, mask.parse().ok()?).ok().map(AddressMatch::net)
}

fn ports(word: &str) -> Option<PortRange> {
    let Some((first, last)) = word.split_once(':') else {
        return word.parse::<u16>().ok().map(PortRange::from);
    };
    let first = if first.is_empty() { 0 } else { first.parse().ok()? };
    let last = if last.is_empty() { u16::MAX } else { last.parse().ok()? };
    Some(PortRange { first, last }).filter(|it| it.first <= it.last)
}

/// `value[/mask]`, and how many hexadecimal digits are written out.
fn masked(word: &str) -> Option<(u32, Option<u32>, u8)> {
    let (value, mask) = match word.split_once('/') {
        Some((value, mask)) => (value, Some(mask)),
        None => (word, None),
    };
    let width = digits(value).max(mask.map_or(1, digits));
    let mask = match mask {
        Some(mask) => Some(number(mask)?),
        None => None,
    };
    Some((number(value)?, mask, width))
}

/// As C's `strtoul` reads it: hexadecimal after `0x`, octal after `0`.
fn number(word: &str) -> Option<u32> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if word.len() > 1 && word.starts_with('0') => (&word[1..], 8),
        None => (word, 10),
    };
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

fn digits(word: &str) -> u8 {
    let padded = word.strip_prefix("0x0").is_some_and(|it| !it.is_empty());
    if padded { u8::try_from(word.len() - 2).unwrap_or(1).min(8) } else { 1 }
}

fn states(word: &str) -> Option<CtStates> {
    let state = |name: &str| CtStates::NAMES.iter().find(|it| it.1 == name).map(|it| it.0);
    word.split(',').try_fold(CtStates::default(), |all, name| Some(all.with(state(name)?)))
}

fn address_type(word: &str) -> Option<AddrType> {
    let all = [AddrType::Local, AddrType::Unicast, AddrType::Broadcast];
    all.into_iter().find(|it| it.to_string() == word)
}

/// A mask that leaves the whole address; with another one the lab would remember too much.
fn full_mask(word: &str) -> Option<bool> {
    let full = match word.parse::<IpAddr>().ok()? {
        IpAddr::V4(mask) => mask.to_bits() == u32::MAX,
        IpAddr::V6(mask) => mask.to_bits() == u128::MAX,
    };
    full.then_some(true)
}

/// `ip`, `ip:port`, `[ip]:port`; ranges are not known.
fn endpoint(word: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(both) = word.parse::<SocketAddr>() {
        return Some((both.ip(), Some(both.port())));
    }
    let ip = word.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(word);
    Some((ip.parse().ok()?, None))
}
