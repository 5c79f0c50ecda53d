//! Records and zones as text → values: what `upstream.yaml` and scenarios say of the world outside.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::message::{Data, Record, Soa, Type};
use super::name::Name;
use super::upstream::{World, Zone};

/// What a resolver knows, as it is written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldText {
    pub zones: BTreeMap<String, ZoneText>,
    pub servfail: Vec<String>,
    pub refused: Vec<String>,
    pub silent: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneText {
    pub soa: SoaText,
    #[serde(default)]
    pub records: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoaText {
    pub ttl: u32,
    /// `ns.example.org. host.example.org. 41 7200 3600 1209600 600`
    pub data: String,
}

impl WorldText {
    /// Reads YAML.
    ///
    /// # Errors
    ///
    /// What the YAML reader says, with line and column.
    pub fn read(text: &str) -> Result<WorldText, String> {
        serde_yaml::from_str(text).map_err(|it| it.to_string())
    }

    /// # Errors
    ///
    /// The first name or record that is none.
    pub fn world(&self) -> Result<World, String> {
        let mut zones = Vec::new();
        for (name_text, zone) in &self.zones {
            let soa = soa(&words(&zone.soa.data));
            let soa = soa.ok_or_else(|| format!("no SOA data: {:?}", zone.soa.data))?;
            let records = zone.records.iter().map(|it| record(it)).collect::<Result<_, _>>()?;
            zones.push(Zone { name: name(name_text)?, soa: (zone.soa.ttl, soa), records });
        }
        let [servfail, refused, silent] =
            [&self.servfail, &self.refused, &self.silent].map(|it| names(it));
        Ok(World { zones, servfail: servfail?, refused: refused?, silent: silent? })
    }
}

fn names(texts: &[String]) -> Result<BTreeSet<Name>, String> {
    texts.iter().map(|it| name(it).map(|it| it.lower())).collect()
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).ok_or_else(|| format!("no domain name: {text:?}"))
}

/// `www.example.org. 120 CNAME edge.example.net.`, with or without `IN` before the type.
fn record(text: &str) -> Result<Record, String> {
    let words = words(text);
    let data = match words.as_slice() {
        [_, _, "IN", kind, data @ ..] | [_, _, kind, data @ ..] => read_data(kind, data),
        _ => None,
    };
    let wrong = || format!("no record: {text:?}");
    let ttl = words.get(1).and_then(|it| it.parse().ok()).ok_or_else(wrong)?;
    Ok(Record { owner: name(words[0])?, ttl, data: data.ok_or_else(wrong)? })
}

fn read_data(kind: &str, data: &[&str]) -> Option<Data> {
    let name = |text: &str| name(text).ok();
    Some(match (Type::parse(kind)?, data) {
        (Type::A, [ip]) => Data::A(ip.parse().ok()?),
        (Type::AAAA, [ip]) => Data::Aaaa(ip.parse().ok()?),
        (Type::CNAME, [target]) => Data::Cname(name(target)?),
        (Type::NS, [target]) => Data::Ns(name(target)?),
        (Type::PTR, [target]) => Data::Ptr(name(target)?),
        (Type::MX, [preference, exchange]) => {
            Data::Mx { preference: preference.parse().ok()?, exchange: name(exchange)? }
        }
        (Type::SRV, [priority, weight, port, target]) => Data::Srv {
            priority: priority.parse().ok()?,
            weight: weight.parse().ok()?,
            port: port.parse().ok()?,
            target: name(target)?,
        },
        (Type::TXT, [_, ..]) => Data::Txt(data.iter().map(|it| (*it).to_owned()).collect()),
        (Type::SOA, data) => Data::Soa(Box::new(soa(data)?)),
        _ => return None,
    })
}

fn soa(data: &[&str]) -> Option<Soa> {
    let [server, mailbox, serial, refresh, retry, expire, minimum] = data else { return None };
    let number = |text: &str| text.parse::<u32>().ok();
    Some(Soa {
        server: name(server).ok()?,
        mailbox: name(mailbox).ok()?,
        serial: number(serial)?,
        refresh: number(refresh)?,
        retry: number(retry)?,
        expire: number(expire)?,
        minimum: number(minimum)?,
    })
}

/// Words between blanks; `"…"` is one.
fn words(text: &str) -> Vec<&str> {
    let mut res = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        res.push(word);
        rest = after.trim_start();
    }
    res
}
