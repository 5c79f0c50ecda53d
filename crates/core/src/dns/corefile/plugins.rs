//! What the lines of a server block mean; errors are those of each plugin's `setup.go`.

use std::net::{IpAddr, SocketAddr};

use super::lines::{Line, ServerBlock};
use super::zones::{all, port, zones};
use super::{
    Block, Cache, Change, Config, Forward, Hosts, Kubernetes, Matching, PodMode, Reload, Rewrite,
    Span, Target,
};
use crate::dns::message::Type;
use crate::dns::name::Name;
use crate::time::Duration;

/// All plugins of CoreDNS's `plugin.cfg`.
const KNOWN: &[&str] = &[
    "root",
    "metadata",
    "geoip",
    "cancel",
    "tls",
    "quic",
    "timeouts",
    "multisocket",
    "reload",
    "nsid",
    "bufsize",
    "bind",
    "debug",
    "trace",
    "ready",
    "health",
    "pprof",
    "prometheus",
    "errors",
    "log",
    "dnstap",
    "local",
    "dns64",
    "acl",
    "any",
    "chaos",
    "loadbalance",
    "tsig",
    "cache",
    "rewrite",
    "header",
    "dnssec",
    "autopath",
    "minimal",
    "template",
    "transfer",
    "hosts",
    "route53",
    "azure",
    "clouddns",
    "k8s_external",
    "kubernetes",
    "file",
    "auto",
    "secondary",
    "etcd",
    "loop",
    "forward",
    "grpc",
    "erratic",
    "whoami",
    "on",
    "sign",
    "view",
    "nomad",
];

/// `dnsutil.MinimalDefaultTTL`, `MaximumDefaulTTL`, in seconds.
pub const MIN_TTL: u32 = 5;
pub const MAX_TTL: u32 = 3600;

const ONCE: &str = "this plugin can only be used once per Server Block";

pub(super) fn block(source: &ServerBlock, config: &mut Config) -> Result<(), String> {
    let mut block = Block {
        zones: source.keys.iter().flat_map(|it| zones(&it.text)).collect(),
        port: source.keys.first().map_or(53, |it| port(&it.text)),
        ..Block::default()
    };
    if let Some(line) = source.lines.iter().find(|it| !KNOWN.contains(&it.name())) {
        return Err(line.error(&format!("Unknown directive '{}'", line.name())));
    }
    for line in &source.lines {
        let known = plugin(line, &mut block);
        if !known.map_err(|it| format!("plugin/{}: {it}", line.name()))? {
            config.left_out.push((line.number(), line.name().to_owned()));
        }
    }
    config.blocks.push(block);
    Ok(())
}

/// False where the lab has no such plugin.
fn plugin(line: &Line, block: &mut Block) -> Result<bool, String> {
    match line.name() {
        "errors" => block.errors = true,
        "log" => block.log = true,
        "loadbalance" => return loadbalance(line, block),
        "cache" => once(&mut block.cache, cache(line, &block.zones)?)?,
        "hosts" => once(&mut block.hosts, hosts(line, &block.zones)?)?,
        "kubernetes" => once(&mut block.kubernetes, kubernetes(line, &block.zones)?)?,
        "forward" => block.forward.push(forward(line)?),
        "rewrite" => match rewrite(line)? {
            Some(rule) => block.rewrite.push(rule),
            None => return Ok(false),
        },
        "reload" => block.reload = reload(line)?,
        "health" => block.lameduck = health(line)?,
        "bind" => block.bind = true,
        "loop" if line.words.len() > 1 => return Err(line.wrong_count()),
        "loop" | "ready" | "prometheus" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    match place.replace(value) {
        Some(_) => Err(ONCE.to_owned()),
        None => Ok(()),
    }
}

fn loadbalance(line: &Line, block: &mut Block) -> Result<bool, String> {
    block.loadbalance = true;
    match line.arguments().as_slice() {
        [] | ["round_robin"] => Ok(line.block.is_empty()),
        ["weighted" | "prefer", ..] => Ok(false),
        [policy, ..] => Err(format!("unknown policy: {policy}")),
    }
}

fn cache(line: &Line, server: &[Name]) -> Result<Cache, String> {
    let mut arguments = line.arguments();
    let (mut most, mut most_negative) = (MAX_TTL, MAX_TTL / 2);
    if let Some(ttl) = arguments.first().and_then(|it| it.parse::<i64>().ok()) {
        most = cache_ttl(ttl)?;
        most_negative = most;
        arguments.remove(0);
    }
    let mut cache = Cache {
        zones: all(&arguments, server),
        success: Span { least: MIN_TTL, most },
        denial: Span { least: MIN_TTL, most: most_negative },
        servfail: MIN_TTL,
        no_success: Vec::new(),
        no_denial: Vec::new(),
    };
    for line in &line.block {
        let arguments = line.arguments();
        match (line.name(), arguments.as_slice()) {
            ("success", [_, ..]) => span(&arguments, &mut cache.success)?,
            ("denial", [_, ..]) => span(&arguments, &mut cache.denial)?,
            ("disable", [which, zones @ ..]) => {
                let zones = all(zones, &[Name::root()]);
                match *which {
                    "success" => cache.no_success = zones,
                    "denial" => cache.no_denial = zones,
                    _ => {
                        let text = "cache type for disable must be \"success\" or \"denial\"";
                        return Err(text.to_owned());
                    }
                }
            }
            ("servfail", [span]) => cache.servfail = go_duration(span)?.as_secs() as u32,
            ("prefetch" | "serve_stale" | "keepttl", _) => {}
            _ => return Err(line.wrong_count()),
        }
    }
    Ok(cache)
}

/// `success CAPACITY [TTL] [MINTTL]`; the lab's cache holds any number of replies.
fn span(arguments: &[&str], span: &mut Span) -> Result<(), String> {
    atoi(arguments[0])?;
    if let Some(ttl) = arguments.get(1) {
        span.most = cache_ttl(atoi(ttl)?)?;
    }
    if let Some(ttl) = arguments.get(2) {
        let ttl = atoi(ttl)?;
        let negative = format!("cache min TTL can not be negative: {ttl}");
        span.least = u32::try_from(ttl).map_err(|_| negative)?;
    }
    Ok(())
}

fn cache_ttl(ttl: i64) -> Result<u32, String> {
    let wrong = format!("cache TTL can not be zero or negative: {ttl}");
    u32::try_from(ttl).ok().filter(|it| *it > 0).ok_or(wrong)
}

fn hosts(line: &Line, server: &[Name]) -> Result<Hosts, String> {
    let arguments = line.arguments();
    let mut hosts = Hosts {
        zones: all(arguments.get(1..).unwrap_or_default(), server),
        entries: Vec::new(),
        ttl: 3600,
        reverse: true,
        fall: Vec::new(),
    };
    for line in &line.block {
        let arguments = line.arguments();
        match (line.name(), arguments.as_slice()) {
            ("fallthrough", zones) => hosts.fall = all(zones, &[Name::root()]),
            ("no_reverse", _) => hosts.reverse = false,
            ("ttl", [ttl]) => {
                let ttl = atoi(ttl)?;
                let wrong = line.error("ttl provided is invalid");
                hosts.ttl = u32::try_from(ttl).ok().filter(|it| *it > 0).ok_or(wrong)?;
            }
            ("ttl", _) => return Err(line.error("ttl needs a time in second")),
            ("reload", _) => {}
            (first, names) if hosts.fall.is_empty() => {
                if let Ok(ip) = first.parse::<IpAddr>() {
                    let names = names.iter().map(|it| Name::absolute(it).lower());
                    hosts.entries.push((ip, names.collect()));
                }
            }
            _ => return Err(unknown_property(line)),
        }
    }
    Ok(hosts)
}

fn kubernetes(line: &Line, server: &[Name]) -> Result<Kubernetes, String> {
    let mut res = Kubernetes {
        zones: all(&line.arguments(), server),
        pods: PodMode::Disabled,
        ttl: 5,
        fall: Vec::new(),
        ignore_empty_service: false,
        namespaces: Vec::new(),
        endpoint_pod_names: false,
        endpoints: true,
    };
    if res.zones.iter().all(super::super::is_reverse) {
        return Err("non-reverse zone name must be used".to_owned());
    }
    for line in &line.block {
        kubernetes_property(line, &mut res)?;
    }
    Ok(res)
}

fn kubernetes_property(line: &Line, res: &mut Kubernetes) -> Result<(), String> {
    let arguments = line.arguments();
    match (line.name(), arguments.as_slice()) {
        ("pods", [mode]) => {
            res.pods = match *mode {
                "disabled" => PodMode::Disabled,
                "insecure" => PodMode::Insecure,
                "verified" => PodMode::Verified,
                _ => {
                    return Err(format!(
                        "wrong value for pods: {mode},  \
                         must be one of: disabled, verified, insecure"
                    ));
                }
            }
        }
        ("namespaces", [_, ..]) => {
            res.namespaces = arguments.iter().map(|it| (*it).to_owned()).collect();
        }
        ("fallthrough", zones) => res.fall = all(zones, &[Name::root()]),
        ("ttl", [ttl, ..]) => {
            let ttl = atoi(ttl)?;
            let wrong = || line.error(&format!("ttl must be in range [0, 3600]: {ttl}"));
            res.ttl = u32::try_from(ttl).ok().filter(|it| *it <= 3600).ok_or_else(wrong)?;
        }
        ("ignore", ["empty_service", ..]) => res.ignore_empty_service = true,
        ("ignore", [word, ..]) => return Err(format!("unable to parse ignore value: '{word}'")),
        ("ignore", []) => {}
        ("endpoint_pod_names", []) => res.endpoint_pod_names = true,
        ("noendpoints", []) => res.endpoints = false,
        ("endpoint" | "tls" | "kubeconfig" | "labels" | "namespace_labels", [_, ..]) => {}
        (
            "pods" | "namespaces" | "ttl" | "endpoint_pod_names" | "noendpoints" | "endpoint"
            | "tls" | "kubeconfig" | "labels" | "namespace_labels",
            _,
        ) => return Err(line.wrong_count()),
        _ => return Err(unknown_property(line)),
    }
    Ok(())
}

fn forward(line: &Line) -> Result<Forward, String> {
    let arguments = line.arguments();
    let [from, to @ ..] = arguments.as_slice() else { return Err(line.wrong_count()) };
    if to.is_empty() {
        return Err(line.wrong_count());
    }
    let from = zones(from).into_iter().next().unwrap_or_else(Name::root);
    let to = to.iter().map(|it| target(it)).collect::<Result<Vec<_>, _>>()?;
    if to.len() > 15 {
        return Err(format!("more than 15 TOs configured: {}", to.len()));
    }
    let mut res = Forward { from, except: Vec::new(), to };
    for line in &line.block {
        let arguments = line.arguments();
        match (line.name(), arguments.as_slice()) {
            ("except", [_, ..]) => res.except = all(&arguments, &[]),
            ("policy", ["random" | "round_robin" | "sequential"]) => {}
            ("policy", [policy]) => {
                return Err(line.error(&format!("unknown policy '{policy}'")));
            }
            ("max_concurrent", [count]) => {
                let count = atoi(count)?;
                if count < 0 {
                    return Err(format!("max_concurrent can't be negative: {count}"));
                }
            }
            ("expire" | "health_check", [span, ..]) => {
                go_duration(span)?;
            }
            ("force_tcp" | "prefer_udp" | "failfast_all_unhealthy_upstreams", []) => {}
            ("max_fails" | "tls_servername" | "next" | "failover" | "max_idle_conns", [_, ..])
            | ("tls", _) => {}
            (
                "except" | "policy" | "max_concurrent" | "expire" | "health_check" | "force_tcp"
                | "prefer_udp" | "max_fails" | "tls_servername",
                _,
            ) => return Err(line.wrong_count()),
            _ => return Err(unknown_property(line)),
        }
    }
    Ok(res)
}

/// `parse.HostPortOrFile`
fn target(text: &str) -> Result<Target, String> {
    let address = text.strip_prefix("dns://").unwrap_or(text);
    let server = address.parse::<SocketAddr>().ok();
    let server = server.or_else(|| Some((address.parse::<IpAddr>().ok()?, 53).into()));
    match server {
        Some(server) => Ok(Target::Server(server)),
        None if text.starts_with('/') => Ok(Target::File(text.to_owned())),
        None => Err(format!("not an IP address or file: {text:?}")),
    }
}

/// None for what the lab does not rewrite (regular expressions, EDNS0, TTLs).
fn rewrite(line: &Line) -> Result<Option<Rewrite>, String> {
    let mut arguments = line.arguments();
    let goes_on = arguments.first() == Some(&"continue");
    if goes_on || arguments.first() == Some(&"stop") {
        arguments.remove(0);
    }
    let what = match arguments.as_slice() {
        ["name", how @ ("exact" | "prefix" | "suffix" | "substring"), from, to, rest @ ..] => {
            let how = match *how {
                "prefix" => Matching::Prefix,
                "suffix" => Matching::Suffix,
                "substring" => Matching::Substring,
                _ => Matching::Exact,
            };
            name_change(how, (from, to), rest)
        }
        ["name", "regex", _, _, ..] => return Ok(None),
        ["name", from, to, rest @ ..] => name_change(Matching::Exact, (from, to), rest),
        ["type", from, to] => match (Type::parse(from), Type::parse(to)) {
            (Some(from), Some(to)) => Change::Type { from, to },
            (None, _) => return Err(format!("invalid type {:?}", from.to_ascii_uppercase())),
            (_, None) => return Err(format!("invalid type {:?}", to.to_ascii_uppercase())),
        },
        ["class" | "edns0" | "ttl" | "cname" | "rcode", _, ..] => return Ok(None),
        [field, _, ..] => return Err(format!("invalid rule type {field:?}")),
        _ => return Err(line.wrong_count()),
    };
    Ok(Some(Rewrite { what, goes_on }))
}

fn name_change(how: Matching, (from, to): (&str, &str), rest: &[&str]) -> Change {
    let whole = |text: &str| match how {
        Matching::Exact => Name::absolute(text).lower().as_str().to_owned(),
        _ => text.to_ascii_lowercase(),
    };
    let answer = matches!(rest, ["answer", ..]);
    Change::Name { how, from: whole(from), to: whole(to), answer }
}

fn reload(line: &Line) -> Result<Option<Reload>, String> {
    let arguments = line.arguments();
    let mut spans = [Duration::from_secs(30), Duration::from_secs(15)];
    if arguments == ["off"] {
        return Ok(None);
    }
    if arguments.len() > 2 {
        return Err(line.wrong_count());
    }
    for (span, text) in spans.iter_mut().zip(&arguments) {
        *span = go_duration(text)?;
    }
    let [interval, jitter] = spans;
    if interval < Duration::from_secs(2) {
        return Err("interval value must be greater or equal to 2s".to_owned());
    }
    // `reload 2s` alone: the jitter is never more than half of the interval.
    let half = Duration::from_micros(interval.as_micros() / 2);
    Ok(Some(Reload { interval, jitter: jitter.min(half) }))
}

fn health(line: &Line) -> Result<Option<Duration>, String> {
    match line.block.as_slice() {
        [] => Ok(None),
        [lame] if lame.name() == "lameduck" && lame.words.len() == 2 => {
            let text = lame.arguments()[0];
            let wrong = |_| format!("invalid lameduck duration value: '{text}'");
            go_duration(text).map(Some).map_err(wrong)
        }
        [other, ..] => Err(other.wrong_count()),
    }
}

fn unknown_property(line: &Line) -> String {
    line.error(&format!("unknown property '{}'", line.name()))
}

/// Go's `strconv.Atoi`.
fn atoi(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
}

/// Go's `time.ParseDuration`, for whole numbers: `1m30s`.
fn go_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("time: invalid duration {text:?}");
    let (mut rest, mut micros) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|it: char| it.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let unit = match unit {
            "us" | "µs" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        micros =
            number.checked_mul(unit).and_then(|it| micros.checked_add(it)).ok_or_else(wrong)?;
        rest = next;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_micros(micros)) }
}
