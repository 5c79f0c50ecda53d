//! Whether a criterion matches.

use std::net::IpAddr;

use super::walker::Walker;
use super::{Draw, Owner};
use crate::conntrack::{CtStatus, Direction};
use crate::extension::{CtStatuses, Extension, ModuleOption, Value};
use crate::memory::{HashKey, RecentAction, RecentQuery};
use crate::packet::{Packet, Protocol};
use crate::rule::{
    AddrSide, AddrType, AddressMatch, Criterion, CtStates, Match, PortRange, TcpFlagSet,
};
use crate::ruleset::RuleRef;

/// Whether a criterion that asks for the packet's header alone matches `packet`; None for one that
/// asks for more.
pub(crate) fn header_matches(it: &Match, packet: &Packet) -> Option<bool> {
    let found = match &it.criterion {
        Criterion::Comment { .. } | Criterion::Module(_) | Criterion::OtherModule(_) => {
            return Some(true);
        }
        Criterion::Protocol(protocol) => is_protocol(*protocol, packet),
        Criterion::OtherProtocol(number) => {
            let icmp6 = *number == ICMP6 && !packet.src.is_ipv4() && is_icmp(packet);
            *number == 0 || icmp6 || *number == packet.protocol().number() && !is_icmp(packet)
        }
        Criterion::Source(address) => address.net.contains(&packet.src),
        Criterion::Destination(address) => address.net.contains(&packet.dst),
        Criterion::Addresses { side, list } => {
            let ip = side_of(*side, packet);
            list.iter().any(|it: &AddressMatch| it.net.contains(&ip))
        }
        Criterion::Fragment => false,
        Criterion::SourcePort(ports) => packet.sport().is_some_and(|it| holds(ports, it)),
        Criterion::DestinationPort(ports) => packet.dport().is_some_and(|it| holds(ports, it)),
        Criterion::TcpFlags { mask, set } => {
            packet.tcp_flags().is_some_and(|it| TcpFlagSet::of(it).and(*mask) == *set)
        }
        Criterion::IcmpType { icmp6, kind } => icmp_type_matches(*icmp6, *kind, packet),
        _ => return None,
    };
    Some(found != it.negated)
}

/// Whether a criterion asks for the packet's header alone.
pub(crate) fn is_header(it: &Match) -> bool {
    matches!(
        it.criterion,
        Criterion::Comment { .. }
            | Criterion::Module(_)
            | Criterion::OtherModule(_)
            | Criterion::Protocol(_)
            | Criterion::OtherProtocol(_)
            | Criterion::Source(_)
            | Criterion::Destination(_)
            | Criterion::Addresses { .. }
            | Criterion::Fragment
            | Criterion::SourcePort(_)
            | Criterion::DestinationPort(_)
            | Criterion::TcpFlags { .. }
            | Criterion::IcmpType { .. }
    )
}

/// The protocol number of ICMP over IPv6.
const ICMP6: u8 = 58;

fn is_icmp(packet: &Packet) -> bool {
    packet.protocol() == Protocol::Icmp
}

fn is_protocol(protocol: Protocol, packet: &Packet) -> bool {
    packet.protocol() == protocol && (protocol != Protocol::Icmp || packet.src.is_ipv4())
}

fn holds(ports: &PortRange, port: u16) -> bool {
    (ports.first..=ports.last).contains(&port)
}

fn side_of(side: AddrSide, packet: &Packet) -> IpAddr {
    match side {
        AddrSide::Source => packet.src,
        AddrSide::Destination => packet.dst,
    }
}

fn icmp_type_matches(icmp6: bool, kind: Option<(u8, Option<u8>)>, packet: &Packet) -> bool {
    let Some((own, code)) = packet.icmp_type() else { return false };
    if icmp6 == packet.src.is_ipv4() {
        return false;
    }
    kind.is_none_or(|(kind, wanted)| kind == own && wanted.is_none_or(|it| it == code))
}

impl Walker<'_> {
    pub(super) fn matches(&mut self, it: &Match, at: RuleRef, draw: &mut Option<Draw>) -> bool {
        if let Some(found) = header_matches(it, self.packet) {
            return found;
        }
        let found = match &it.criterion {
            Criterion::Nfacct(_) => return true,
            Criterion::InInterface(pattern) => device_matches(pattern, self.around.in_device),
            Criterion::OutInterface(pattern) => device_matches(pattern, self.around.out_device),
            Criterion::Mark { value, mask, .. } => self.packet.mark & mask == *value,
            Criterion::CtState(states) => states.meets(self.states()),
            Criterion::AddrType { side, kind } => {
                self.addr_type(side_of(*side, self.packet)) == *kind
            }
            Criterion::Statistic(probability) => {
                let threshold = probability.threshold();
                let drawn = self.dice.draw(threshold);
                *draw = Some(Draw { drawn, threshold });
                drawn < threshold
            }
            Criterion::Recent(recent) => {
                let (source, ttl, now) = (self.packet.src, self.packet.ttl, self.around.now);
                self.memory.recent.ask(recent.into(), source, ttl, now)
            }
            Criterion::Extension(extension) => self.extension(extension, at),
            // An unknown match does not match, whether it is negated or not.
            _ => return false,
        };
        found != it.negated
    }

    fn addr_type(&self, ip: IpAddr) -> AddrType {
        if ip.is_multicast() { AddrType::Multicast } else { (self.around.addr_type)(ip) }
    }

    fn states(&self) -> CtStates {
        let status = match self.around.status {
            CtStatus::New => CtStates::NEW,
            CtStatus::Established => CtStates::ESTABLISHED,
            CtStatus::Related => CtStates::RELATED,
            CtStatus::Invalid => CtStates::INVALID,
            CtStatus::Untracked => CtStates::UNTRACKED,
        };
        let Some(entry) = self.around.entry else { return status };
        let dnat = if entry.is_dnat() { CtStates::DNAT } else { CtStates::default() };
        let snat = if entry.is_snat() { CtStates::SNAT } else { CtStates::default() };
        status.with(dnat).with(snat)
    }

    fn extension(&mut self, it: &Extension, at: RuleRef) -> bool {
        match it.module {
            "limit" => {
                let rate = it.rate("--limit").unwrap_or(DEFAULT_RATE);
                let burst = it.number("--limit-burst").unwrap_or(5);
                self.memory.limit(at, rate, burst, self.around.now)
            }
            "hashlimit" => self.hashlimit(it),
            "recent" => self.recent(it),
            "statistic" => {
                let every = it.number("--every").unwrap_or(1);
                let found = self.memory.nth(at, every, it.number("--packet").unwrap_or(0));
                found != it.option("--every").is_some_and(|it| it.negated)
            }
            "rpfilter" => self.comes_back(it) != it.has("--invert"),
            module => it.options.iter().all(|option| {
                let found = match module {
                    "addrtype" => self.type_option(it, option),
                    "conntrack" | "state" => self.connection_option(option),
                    "physdev" => self.port_option(option),
                    "owner" => self.owner_option(option),
                    "ipvs" => self.ipvs_option(option),
                    _ => self.header_option(option),
                };
                found != option.negated
            }),
        }
    }

    fn hashlimit(&mut self, it: &Extension) -> bool {
        let burst = it.number("--hashlimit-burst").unwrap_or(5);
        let table = it.word("--hashlimit-name").unwrap_or_default();
        let key = hash_key(it.word("--hashlimit-mode").unwrap_or_default(), self.packet);
        let (above, upto) = (it.rate("--hashlimit-above"), it.rate("--hashlimit-upto"));
        let Some(rate) = above.or(upto) else { return false };
        let within = self.memory.hashlimit((table, key), rate, burst, self.around.now);
        within != above.is_some()
    }

    fn recent(&mut self, it: &Extension) -> bool {
        let actions = [
            ("--set", RecentAction::Set),
            ("--rcheck", RecentAction::Rcheck),
            ("--update", RecentAction::Update),
            ("--remove", RecentAction::Remove),
        ];
        let Some((name, action)) = actions.into_iter().find(|(name, _)| it.has(name)) else {
            return false;
        };
        let query = RecentQuery {
            name: it.word("--name").unwrap_or("DEFAULT"),
            action,
            seconds: it.number("--seconds"),
            reap: it.has("--reap"),
            hitcount: it.number("--hitcount"),
            ttl: it.has("--rttl").then_some(self.packet.ttl),
        };
        let side = if it.has("--rdest") { AddrSide::Destination } else { AddrSide::Source };
        let address = masked(side_of(side, self.packet), it);
        let found = self.memory.recent.ask(query, address, self.packet.ttl, self.around.now);
        found != it.option(name).is_some_and(|it| it.negated)
    }

    /// `rpfilter`: whether an answer would leave by the device that the packet came in by, or, with
    /// `--loose`, by any.
    fn comes_back(&self, it: &Extension) -> bool {
        let Some(way_back) = self.around.way_back else { return true };
        if self.around.in_device == Some("lo") || it.has("--accept-local") && self.is_own_source() {
            return true;
        }
        let device = way_back(self.packet.src);
        let same = device.as_deref() == self.around.in_device;
        device.is_some() && !self.is_own_source() && (same || it.has("--loose"))
    }

    fn is_own_source(&self) -> bool {
        self.addr_type(self.packet.src) == AddrType::Local
    }

    /// With `--limit-iface-in` or `-out` an address is local only where it is that device's own
    /// (`inet_dev_addr_type`).
    fn type_option(&self, it: &Extension, option: &ModuleOption) -> bool {
        let Value::Types(types) = &option.value else { return !option.negated };
        let side =
            if option.name == "--src-type" { AddrSide::Source } else { AddrSide::Destination };
        let ip = side_of(side, self.packet);
        let around = self.around;
        let not_of = |device: Option<&str>, address: Option<IpAddr>| match device {
            Some("lo") => !ip.is_loopback(),
            _ => address != Some(ip),
        };
        let elsewhere = it.has("--limit-iface-in") && not_of(around.in_device, around.in_address)
            || it.has("--limit-iface-out") && not_of(around.out_device, around.out_address);
        let kind = match self.addr_type(ip) {
            AddrType::Local if elsewhere => AddrType::Unicast,
            kind => kind,
        };
        types.contains(&kind)
    }

    fn connection_option(&self, option: &ModuleOption) -> bool {
        if let Value::States(states) = &option.value {
            return states.meets(self.states());
        }
        // Without a connection every other question fails, negated or not (`conntrack_mt`).
        let Some(entry) = self.around.entry else { return option.negated };
        let (original, reply) = (entry.original, entry.reply);
        match (option.name, &option.value) {
            ("--ctproto", Value::Protocol(number)) => original.protocol.number() == *number,
            ("--ctorigsrc", Value::Net(it)) => it.net.contains(&original.src.ip()),
            ("--ctorigdst", Value::Net(it)) => it.net.contains(&original.dst.ip()),
            ("--ctreplsrc", Value::Net(it)) => it.net.contains(&reply.src.ip()),
            ("--ctrepldst", Value::Net(it)) => it.net.contains(&reply.dst.ip()),
            ("--ctorigsrcport", Value::Numbers(a, b)) => within(*a, *b, original.src.port()),
            ("--ctorigdstport", Value::Numbers(a, b)) => within(*a, *b, original.dst.port()),
            ("--ctreplsrcport", Value::Numbers(a, b)) => within(*a, *b, reply.src.port()),
            ("--ctrepldstport", Value::Numbers(a, b)) => within(*a, *b, reply.dst.port()),
            // NONE has no bit, so it is nobody's.
            ("--ctstatus", Value::Status(wanted)) => {
                let confirmed = self.around.confirmed && wanted.meets(CtStatuses::CONFIRMED);
                confirmed || wanted.meets(entry.statuses())
            }
            // Its time begins when it is confirmed (`nf_ct_expires`).
            ("--ctexpire", Value::Numbers(a, b)) => {
                let left = entry.expires.saturating_sub(self.around.now) / 1000;
                (*a..=*b).contains(&if self.around.confirmed { left } else { 0 })
            }
            ("--ctdir", Value::Word(word)) => {
                (word == "REPLY") == (self.around.direction == Direction::Reply)
            }
            _ => false,
        }
    }

    fn port_option(&self, option: &ModuleOption) -> bool {
        let (input, output) = (self.around.bridge_in, self.around.bridge_out);
        match (option.name, &option.value) {
            ("--physdev-is-in", _) => input.is_some(),
            ("--physdev-is-out", _) => output.is_some(),
            ("--physdev-is-bridged", _) => input.is_some() && output.is_some(),
            ("--physdev-in", Value::Word(pattern)) => {
                input.is_some() && device_matches(pattern, input)
            }
            ("--physdev-out", Value::Word(pattern)) => {
                output.is_some() && device_matches(pattern, output)
            }
            _ => false,
        }
    }

    fn owner_option(&self, option: &ModuleOption) -> bool {
        let Some(owner) = self.around.owner else { return false };
        match (option.name, &option.value, owner) {
            ("--socket-exists", _, _) => true,
            ("--uid-owner", Value::Word(word), Owner::Process { uid, .. }) => is_user(word, uid),
            ("--gid-owner", Value::Word(word), Owner::Process { gid, .. }) => is_user(word, gid),
            _ => false,
        }
    }

    /// A packet that IPVS has not sent on matches nothing but `! --ipvs`.
    fn ipvs_option(&self, option: &ModuleOption) -> bool {
        let Some((protocol, at)) = self.around.virtual_server else { return false };
        match (option.name, &option.value) {
            ("--ipvs", _) => true,
            ("--vproto", Value::Protocol(number)) => protocol.number() == *number,
            ("--vaddr", Value::Net(it)) => it.net.contains(&at.ip()),
            ("--vport", Value::Number(port)) => u64::from(at.port()) == *port,
            ("--vdir", Value::Word(word)) => {
                (word == "REPLY") == (self.around.direction == Direction::Reply)
            }
            ("--vmethod", Value::Word(word)) => word == "MASQ",
            _ => false,
        }
    }

    /// What the packet alone tells, and its connection's mark.
    fn header_option(&self, option: &ModuleOption) -> bool {
        let packet = &*self.packet;
        let has = |ports: &[PortRange], port: Option<u16>| {
            port.is_some_and(|port| ports.iter().any(|it| holds(it, port)))
        };
        match (option.name, &option.value) {
            ("--sports", Value::Ports(ports)) => has(ports, packet.sport()),
            ("--dports", Value::Ports(ports)) => has(ports, packet.dport()),
            ("--ports", Value::Ports(ports)) => {
                has(ports, packet.sport()) || has(ports, packet.dport())
            }
            ("--mark", Value::Masked { value, mask }) => self.connection_mark() & mask == *value,
            ("--src-range", Value::Addresses(a, b)) => (*a..=*b).contains(&packet.src),
            ("--dst-range", Value::Addresses(a, b)) => (*a..=*b).contains(&packet.dst),
            ("--length", Value::Numbers(a, b)) => {
                (*a..=*b).contains(&u64::from(packet.ip_length()))
            }
            ("--ttl-eq" | "--hl-eq", Value::Number(it)) => u64::from(packet.ttl) == *it,
            ("--ttl-lt" | "--hl-lt", Value::Number(it)) => u64::from(packet.ttl) < *it,
            ("--ttl-gt" | "--hl-gt", Value::Number(it)) => u64::from(packet.ttl) > *it,
            ("--pkt-type", Value::Word(word)) => match self.addr_type(packet.dst) {
                AddrType::Multicast => word == "multicast",
                AddrType::Broadcast => word == "broadcast",
                _ => word == "unicast",
            },
            // What the lab cannot know; see `Extension::assumption`.
            ("--mac-source" | "--cgroup" | "--path", _) => false,
            ("--match-set", Value::Set { name, parts }) => {
                let found = self.around.sets.and_then(|it| it.find(name, parts, packet));
                found.is_some()
            }
            // How a set is looked up decides nothing.
            _ => !option.negated,
        }
    }
}

/// `limit` without a rate: three an hour.
const DEFAULT_RATE: crate::extension::Rate =
    crate::extension::Rate { count: 3, per: crate::extension::Span::Hour };

fn within(first: u64, last: u64, port: u16) -> bool {
    (first..=last).contains(&u64::from(port))
}

/// `1337`, `0-99`, or `root`.
fn is_user(word: &str, id: u32) -> bool {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    match (first.parse::<u32>(), last.parse::<u32>()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&id),
        _ => word == "root" && id == 0,
    }
}

fn hash_key(mode: &str, packet: &Packet) -> HashKey {
    let asks = |part: &str| mode.split(',').any(|it| it == part);
    (
        asks("srcip").then_some(packet.src),
        packet.sport().filter(|_| asks("srcport")),
        asks("dstip").then_some(packet.dst),
        packet.dport().filter(|_| asks("dstport")),
    )
}

/// The address as far as `--mask` keeps it.
fn masked(ip: IpAddr, it: &Extension) -> IpAddr {
    let Some(Value::Address(mask)) = it.option("--mask").map(|it| &it.value) else { return ip };
    match (ip, mask) {
        (IpAddr::V4(ip), IpAddr::V4(mask)) => IpAddr::from((ip & mask).octets()),
        (IpAddr::V6(ip), IpAddr::V6(mask)) => IpAddr::from((ip & mask).octets()),
        _ => ip,
    }
}

/// `veth+` matches every device that begins with `veth`. No device matches no pattern but `+`.
fn device_matches(pattern: &str, device: Option<&str>) -> bool {
    let device = device.unwrap_or("");
    match pattern.strip_suffix('+') {
        Some(prefix) => device.starts_with(prefix),
        None => device == pattern,
    }
}
