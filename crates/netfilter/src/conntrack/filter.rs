//! Which connections `conntrack -L` and `conntrack -D` speak of: conntrack(8).

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::{Entry, Tuple};
use crate::packet::Protocol;

/// What is asked of a connection; what is not set is not asked. The default finds all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub protocol: Option<Protocol>,
    pub original: Ends,
    pub reply: Ends,
    /// `--state`, as the listing names it.
    pub state: Option<String>,
    pub source_nat: Option<Translated>,
    pub destination_nat: Option<Translated>,
    /// `--mark value/mask`
    pub mark: Option<(u32, u32)>,
}

/// The two ends of one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    pub src: Option<IpNet>,
    pub dst: Option<IpNet>,
    pub sport: Option<u16>,
    pub dport: Option<u16>,
}

/// A NAT binding, to any address where none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Translated {
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
}

impl Filter {
    pub fn finds(&self, entry: &Entry) -> bool {
        let source = entry.is_snat().then_some(entry.reply.dst);
        let destination = entry.is_dnat().then_some(entry.reply.src);
        let state = entry.tcp.map(|it| it.name()).or(entry.sctp.map(|it| it.name()));
        self.protocol.is_none_or(|it| it == entry.original.protocol)
            && self.original.hold(&entry.original)
            && self.reply.hold(&entry.reply)
            && self.state.as_deref().is_none_or(|it| Some(it) == state)
            && self.source_nat.is_none_or(|it| it.holds(source))
            && self.destination_nat.is_none_or(|it| it.holds(destination))
            && self.mark.is_none_or(|(value, mask)| entry.mark & mask == value)
    }

    /// The options of a `conntrack` command line. The error is what the tool says of them.
    pub fn parse(words: &[&str]) -> Result<Filter, String> {
        let mut res = Filter::default();
        let mut words = words.iter().copied().peekable();
        while let Some(option) = words.next() {
            if let "-n" | "--src-nat" | "-g" | "--dst-nat" = option {
                let to = words.next_if(|it| !it.starts_with('-')).map(translated).transpose()?;
                let to = Some(to.unwrap_or_default());
                match option {
                    "-n" | "--src-nat" => res.source_nat = to,
                    _ => res.destination_nat = to,
                }
                continue;
            }
            if !TAKES_VALUE.contains(&option) {
                return Err(format!("unknown option `{option}'"));
            }
            let value = words.next().ok_or(format!("option `{option}' requires an argument"))?;
            res.set(option, value)?;
        }
        Ok(res)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        let (original, reply) = (&mut self.original, &mut self.reply);
        match option {
            "-p" | "--proto" => {
                let unknown = |()| format!("`{value}' unsupported protocol");
                self.protocol = Some(value.parse().map_err(unknown)?);
            }
            "-s" | "--src" | "--orig-src" => original.src = Some(network(value)?),
            "-d" | "--dst" | "--orig-dst" => original.dst = Some(network(value)?),
            "-r" | "--reply-src" => reply.src = Some(network(value)?),
            "-q" | "--reply-dst" => reply.dst = Some(network(value)?),
            "--sport" | "--orig-port-src" => original.sport = Some(port(value)?),
            "--dport" | "--orig-port-dst" => original.dport = Some(port(value)?),
            "--reply-port-src" => reply.sport = Some(port(value)?),
            "--reply-port-dst" => reply.dport = Some(port(value)?),
            "--state" => self.state = Some(value.to_owned()),
            "-m" | "--mark" => self.mark = Some(mark(value)?),
            // The address family: addresses tell it.
            _ => {}
        }
        Ok(())
    }
}

const TAKES_VALUE: [&str; 23] = [
    "-p",
    "--proto",
    "-s",
    "--src",
    "--orig-src",
    "-d",
    "--dst",
    "--orig-dst",
    "-r",
    "--reply-src",
    "-q",
    "--reply-dst",
    "--sport",
    "--orig-port-src",
    "--dport",
    "--orig-port-dst",
    "--reply-port-src",
    "--reply-port-dst",
    "--state",
    "-f",
    "--family",
    "-m",
    "--mark",
];

impl Ends {
    fn hold(&self, tuple: &Tuple) -> bool {
        self.src.is_none_or(|it| it.contains(&tuple.src.ip()))
            && self.dst.is_none_or(|it| it.contains(&tuple.dst.ip()))
            && self.sport.is_none_or(|it| it == tuple.src.port())
            && self.dport.is_none_or(|it| it == tuple.dst.port())
    }
}

impl Translated {
    fn holds(self, to: Option<SocketAddr>) -> bool {
        let same = |to: SocketAddr| {
            self.ip.is_none_or(|it| it == to.ip()) && self.port.is_none_or(|it| it == to.port())
        };
        to.is_some_and(same)
    }
}

fn network(word: &str) -> Result<IpNet, String> {
    let host = word.parse::<IpAddr>().map(IpNet::from);
    host.or_else(|_| word.parse()).map_err(|_| format!("Invalid IP address `{word}'"))
}

fn port(word: &str) -> Result<u16, String> {
    word.parse().map_err(|_| format!("`{word}' invalid port"))
}

fn translated(word: &str) -> Result<Translated, String> {
    if let Ok(both) = word.parse::<SocketAddr>() {
        return Ok(Translated { ip: Some(both.ip()), port: Some(both.port()) });
    }
    let ip = word.parse().map_err(|_| format!("Invalid IP address `{word}'"))?;
    Ok(Translated { ip: Some(ip), port: None })
}

fn mark(word: &str) -> Result<(u32, u32), String> {
    let (value, mask) = word.split_once('/').unwrap_or((word, "0xffffffff"));
    let number = |it: &str| match it.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => it.parse().ok(),
    };
    number(value).zip(number(mask)).ok_or(format!("`{word}' invalid mark"))
}
