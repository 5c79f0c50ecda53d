//! The options of one rule: words → matches and a target.
//!
//! An option that is not wholly understood becomes `Unknown`, from its first word to the one that
//! starts the next option.

use std::fmt;
use std::ops::Range;

use super::value::{
    self, ICMP, ICMP6, address, address_type, flags, full_mask, icmp_type, masked, name, ports,
    protocol, states,
};
use crate::rule::{AddrSide, Criterion, Match, Probability, Recent, RecentCheck, Rule, TcpFlagSet};
use crate::ruleset::ChainName;
use crate::target::Target;
use crate::text::Mistake;
use crate::text::words::Word;

/// A rule as it was read.
pub(super) struct Read {
    pub(super) rule: Rule,
    /// The bytes of the line that each piece takes, in the order of the rule's pieces.
    pub(super) places: Vec<Range<usize>>,
    /// The places of the values that do not fit their options.
    pub(super) mistakes: Vec<(usize, Mistake)>,
}

pub(super) fn rule(line: &str, words: &[Word]) -> Read {
    let mut reader = Reader { line, words, at: 0 };
    let mut rule = Rule::default();
    let (mut places, mut mistakes) = (Vec::new(), Vec::new());
    let mut target = None;
    while reader.at < words.len() {
        let start = reader.at;
        let part = reader.option().unwrap_or_else(|miss| {
            mistakes.extend(reader.mistake(start, miss));
            reader.unknown(start)
        });
        let place = reader.bytes(start);
        match part {
            Part::Match(it) => {
                keep_spelling(&mut rule, places.len(), &it, &line[place.clone()]);
                places.push(place);
                rule.matches.push(it);
            }
            Part::Target(it) => {
                target = Some(place);
                rule.target = Some(it);
            }
        }
    }
    if let Some((place, it)) = target.zip(rule.target.clone()) {
        keep_spelling(&mut rule, places.len(), &it, &line[place.clone()]);
        places.push(place);
    }
    Read { rule, places, mistakes }
}

/// A piece that prints otherwise than it is written keeps its text.
fn keep_spelling(rule: &mut Rule, piece: usize, it: &impl fmt::Display, text: &str) {
    if it.to_string() != text {
        rule.written.insert(piece, text.into());
    }
}

enum Part {
    Match(Match),
    Target(Target),
}

/// Why an option was not read.
pub(super) enum Miss {
    /// The lab does not know it.
    Unknown,
    /// The word at this index should have been its value.
    Value(usize),
}

pub(super) struct Reader<'a> {
    line: &'a str,
    words: &'a [Word],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The bytes of the line from the word at `start` up to the one read last.
    fn bytes(&self, start: usize) -> Range<usize> {
        self.words[start].start..self.words[self.at - 1].end
    }

    fn text(&self, start: usize) -> &'a str {
        &self.line[self.bytes(start)]
    }

    /// The index of the next word.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// Goes on to the next option; the line from the word at `start` up to it.
    pub(super) fn skip_to_option(&mut self, start: usize) -> &'a str {
        while !self.at_start() {
            self.at += 1;
        }
        self.text(start)
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
            "-p" | "--protocol" | "--proto" => self.value(protocol)?,
            "-s" | "--source" | "--src" => self.addresses(AddrSide::Source)?,
            "-d" | "--destination" | "--dst" => self.addresses(AddrSide::Destination)?,
            "-f" | "--fragment" => Criterion::Fragment,
            "-i" | "--in-interface" => Criterion::InInterface(self.value(name)?),
            "-o" | "--out-interface" => Criterion::OutInterface(self.value(name)?),
            "--sport" | "--source-port" => Criterion::SourcePort(self.value(ports)?),
            "--dport" | "--destination-port" => Criterion::DestinationPort(self.value(ports)?),
            "--syn" => Criterion::TcpFlags { mask: TcpFlagSet::SYN_MASK, set: TcpFlagSet::SYN },
            "--tcp-flags" => {
                Criterion::TcpFlags { mask: self.value(flags)?, set: self.value(flags)? }
            }
            "--icmp-type" => {
                Criterion::IcmpType { icmp6: false, kind: self.value(|it| icmp_type(it, &ICMP))? }
            }
            "--icmpv6-type" => {
                Criterion::IcmpType { icmp6: true, kind: self.value(|it| icmp_type(it, &ICMP6))? }
            }
            _ => return Err(Miss::Unknown),
        };
        Ok(Part::Match(Match { negated, criterion }))
    }

    fn addresses(&mut self, side: AddrSide) -> Result<Criterion, Miss> {
        let list = self.value(|it| it.split(',').map(address).collect::<Option<Vec<_>>>())?;
        Ok(match (&list[..], side) {
            ([one], AddrSide::Source) => Criterion::Source(*one),
            ([one], AddrSide::Destination) => Criterion::Destination(*one),
            _ => Criterion::Addresses { side, list },
        })
    }

    fn module(&mut self) -> Result<Part, Miss> {
        let name = self.word()?;
        if let Ok(protocol) = name.parse() {
            return Ok(Part::Match(Criterion::Module(protocol).into()));
        }
        if name == "icmp6" {
            return Ok(Part::Match(Criterion::OtherModule(name.to_owned()).into()));
        }
        let start = self.at;
        let simple = self.simple_module(name);
        if !matches!(simple, Err(Miss::Unknown)) {
            return simple.map(Part::Match);
        }
        self.at = start;
        self.extension(name).map(Part::Match)
    }

    /// The forms that kube-proxy writes.
    fn simple_module(&mut self, name: &str) -> Result<Match, Miss> {
        let res = match name {
            "comment" => self.comment()?.into(),
            "mark" => self.negatable("--mark", Reader::mark)?,
            "conntrack" => self.negatable("--ctstate", Reader::states)?,
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
                Criterion::Nfacct(self.value(value::name)?).into()
            }
            _ => return Err(Miss::Unknown),
        };
        self.end()?;
        Ok(res)
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
                "--name" => name = self.value(value::name)?,
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

    /// The option from `start` as it stands; for a target, what follows its `-j`.
    fn unknown(&mut self, start: usize) -> Part {
        let negated = self.words[start].text == "!";
        self.at = (start + 1 + usize::from(negated)).min(self.words.len());
        let text = self.skip_to_option(start);
        let jump = text.strip_prefix("-j").or_else(|| text.strip_prefix("--jump"));
        match jump.filter(|it| it.is_empty() || it.starts_with(' ')) {
            Some(target) => Part::Target(Target::Unknown(target.trim_start().to_owned())),
            None => Part::Match(Criterion::Unknown(text.to_owned()).into()),
        }
    }

    /// Whether the next word starts an option of its own, or nothing follows.
    pub(super) fn at_start(&self) -> bool {
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

    pub(super) fn end(&self) -> Result<(), Miss> {
        if self.at_start() { Ok(()) } else { Err(Miss::Unknown) }
    }

    pub(super) fn word(&mut self) -> Result<&'a str, Miss> {
        let word = self.words.get(self.at).ok_or(Miss::Unknown)?;
        self.at += 1;
        Ok(&word.text)
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let there = self.words.get(self.at).is_some_and(|it| !it.quoted && it.text == text);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), Miss> {
        if self.take(text) { Ok(()) } else { Err(Miss::Unknown) }
    }

    /// A value that must be one of `read`'s.
    pub(super) fn value<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Miss> {
        let at = self.at;
        let word = self.word().map_err(|_| Miss::Value(at))?;
        read(word).ok_or(Miss::Value(at))
    }

    /// A value that the lab may not know though iptables does.
    pub(super) fn known<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Miss> {
        let at = self.at;
        let word = self.word().map_err(|_| Miss::Value(at))?;
        read(word).ok_or(Miss::Unknown)
    }

    pub(super) fn optional<T>(
        &mut self,
        option: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Miss> {
        if self.take(option) { self.value(read).map(Some) } else { Ok(None) }
    }
}

/// Words that start an option, whichever came before. A single letter after a dash does as well.
const STARTS: [&str; 22] = [
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
    "--tcp-flags",
    "--syn",
    "--icmp-type",
    "--icmpv6-type",
    "--fragment",
    "--ipv4",
    "--ipv6",
];

fn is_letter(word: &str) -> bool {
    matches!(word.as_bytes(), [b'-', letter] if letter.is_ascii_alphabetic())
}
