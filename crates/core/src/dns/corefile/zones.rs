//! The zone an argument names: a domain, a URL-like address, or a range of addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::name::Name;

/// `plugin.Host.NormalizeExact`: `cluster.local`, `dns://example.org:53`, `10.96.0.0/12`. Names
/// are in lower case; a range that ends inside a label stands for several zones.
pub(super) fn zones(text: &str) -> Vec<Name> {
    let text = host(text);
    if let Ok(range) = text.parse::<IpNet>() {
        return reverse_zones(range.trunc());
    }
    vec![Name::absolute(&text.to_ascii_lowercase())]
}

/// The same for several arguments, or what else applies where there are none.
pub(super) fn all(arguments: &[&str], otherwise: &[Name]) -> Vec<Name> {
    if arguments.is_empty() {
        return otherwise.to_vec();
    }
    arguments.iter().flat_map(|it| zones(it)).collect()
}

/// The port of a server block's key.
pub(super) fn port(key: &str) -> u16 {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(53)
}

fn host(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
        _ => rest,
    }
}

fn reverse_zones(range: IpNet) -> Vec<Name> {
    let (bits, step) = match range {
        IpNet::V4(_) => (32, 8),
        IpNet::V6(_) => (128, 4),
    };
    let whole = range.prefix_len().div_ceil(step) * step;
    let whole = whole.clamp(step, bits);
    let Ok(parts) = range.subnets(whole) else { return Vec::new() };
    parts.map(|it| reverse(it.network(), usize::from(whole / step))).collect()
}

/// `in-addr.arpa`, `ip6.arpa`
const ZONE_LABELS: usize = 2;

/// The last `labels` labels of an address's reverse name, in its reverse zone.
fn reverse(ip: IpAddr, labels: usize) -> Name {
    let whole = super::super::reverse_name(ip);
    let all = whole.labels();
    Name::absolute(&all[all.len().saturating_sub(labels + ZONE_LABELS)..].join("."))
}
