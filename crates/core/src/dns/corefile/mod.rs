//! A Corefile → the servers it asks for, or CoreDNS's own error.
//!
//! [`lines`] reads Caddy's syntax into server blocks of lines, [`plugins`] gives each line its
//! meaning. What CoreDNS knows and the lab does not carry out is told in [`Config::left_out`].

mod lines;
mod plugins;
mod zones;

use super::message::Type;
use super::name::Name;
use crate::time::Duration;

pub use plugins::{MAX_TTL, MIN_TTL};

/// Where kubeadm's Deployment mounts the ConfigMap; CoreDNS names it in its errors.
pub const PATH: &str = "/etc/coredns/Corefile";

/// What kubeadm 1.32 writes into the ConfigMap.
pub const DEFAULT: &str = "\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    pub blocks: Vec<Block>,
    /// Lines of the text that have no effect in the lab, from 1, with their first word.
    pub left_out: Vec<(usize, String)>,
}

/// One server block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    pub zones: Vec<Name>,
    pub port: u16,
    /// Whether replies are shuffled.
    pub loadbalance: bool,
    pub cache: Option<Cache>,
    pub rewrite: Vec<Rewrite>,
    pub hosts: Option<Hosts>,
    pub kubernetes: Option<Kubernetes>,
    pub forward: Vec<Forward>,
    pub errors: bool,
    pub log: bool,
    pub reload: Option<Reload>,
    /// For how long CoreDNS still answers after it was told to end.
    pub lameduck: Option<Duration>,
    /// Listens on given addresses alone.
    pub bind: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    pub zones: Vec<Name>,
    pub success: Span,
    pub denial: Span,
    /// For SERVFAIL, in seconds.
    pub servfail: u32,
    /// Zones whose replies are not stored: positive ones, negative ones.
    pub no_success: Vec<Name>,
    pub no_denial: Vec<Name>,
}

/// The least and the greatest TTL, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub least: u32,
    pub most: u32,
}

impl Span {
    pub fn clamp(self, ttl: u32) -> u32 {
        ttl.max(self.least).min(self.most)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    pub what: Change,
    /// Whether later rules are tried as well.
    pub goes_on: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Name {
        how: Matching,
        from: String,
        to: String,
        /// `answer auto`: names in the reply are changed back.
        answer: bool,
    },
    Type {
        from: Type,
        to: Type,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    Exact,
    Prefix,
    Suffix,
    Substring,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    pub zones: Vec<Name>,
    /// Address, then its names in lower case.
    pub entries: Vec<(std::net::IpAddr, Vec<Name>)>,
    pub ttl: u32,
    pub reverse: bool,
    /// Zones whose unknown names go on to the next plugin.
    pub fall: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    pub zones: Vec<Name>,
    pub pods: PodMode,
    /// In seconds.
    pub ttl: u32,
    /// Zones whose unknown names go on to the next plugin.
    pub fall: Vec<Name>,
    pub ignore_empty_service: bool,
    /// Empty: all.
    pub namespaces: Vec<String>,
    pub endpoint_pod_names: bool,
    pub endpoints: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodMode {
    Disabled,
    Insecure,
    Verified,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    pub from: Name,
    pub except: Vec<Name>,
    pub to: Vec<Target>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The name servers of a file like `/etc/resolv.conf`.
    File(String),
    Server(std::net::SocketAddr),
}

/// How often the Corefile is looked at: the interval is drawn once, up to `jitter` longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    pub interval: Duration,
    pub jitter: Duration,
}

/// Reads a Corefile.
///
/// # Errors
///
/// What CoreDNS prints before it exits, or before it goes on with the Corefile it has.
pub fn parse(text: &str) -> Result<Config, String> {
    let mut config = Config::default();
    for block in lines::blocks(text)? {
        plugins::block(&block, &mut config)?;
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(parse(text).unwrap_err(), expected);
    }

    #[test]
    fn what_is_wrong_is_said_in_coredns_words() {
        check_error(
            ".:53 {\n    errors\n    proxy . 8.8.8.8\n}\n",
            "/etc/coredns/Corefile:3 - Error during parsing: Unknown directive 'proxy'",
        );
        check_error(
            ".:53 {\n  kubernetes cluster.local {\n    pots insecure\n  }\n}",
            "plugin/kubernetes: /etc/coredns/Corefile:3 - Error during parsing: \
             unknown property 'pots'",
        );
        check_error(
            ".:53 {\n  kubernetes cluster.local {\n    ttl 4000\n  }\n}",
            "plugin/kubernetes: /etc/coredns/Corefile:3 - Error during parsing: \
             ttl must be in range [0, 3600]: 4000",
        );
        check_error(
            ".:53 {\n  kubernetes cluster.local {\n    pods maybe\n  }\n}",
            "plugin/kubernetes: wrong value for pods: maybe,  \
             must be one of: disabled, verified, insecure",
        );
        check_error(
            ".:53 {\n  kubernetes in-addr.arpa\n}",
            "plugin/kubernetes: non-reverse zone name must be used",
        );
        check_error(
            ".:53 {\n  forward .\n}",
            "plugin/forward: /etc/coredns/Corefile:2 - Error during parsing: \
             Wrong argument count or unexpected line ending after '.'",
        );
        check_error(
            ".:53 {\n  cache 0\n}",
            "plugin/cache: cache TTL can not be zero or negative: 0",
        );
        check_error(
            ".:53 {\n  cache 30\n  cache 20\n}",
            "plugin/cache: this plugin can only be used once per Server Block",
        );
        check_error(
            ".:53 {\n  loadbalance sometimes\n}",
            "plugin/loadbalance: unknown policy: sometimes",
        );
        check_error(
            ".:53 {\n  errors\n",
            "/etc/coredns/Corefile:2 - Syntax error: Unexpected token 'errors', expecting '}'",
        );
        check_error(
            ".:53 {\n  kubernetes cluster.local {\n    ttl 30\n",
            "/etc/coredns/Corefile:3 - Error during parsing: Unexpected EOF",
        );
    }

    #[test]
    fn the_order_of_lines_means_nothing_and_comments_are_none() {
        let one = parse("# c\n.:53 {\n errors # c\n cache 30\n loadbalance\n}").unwrap();
        let other = parse(".:53 {\n loadbalance\n cache 30\n errors\n}").unwrap();
        assert_eq!(one, other);
        assert!(one.blocks[0].errors && one.blocks[0].loadbalance);
    }

    #[test]
    fn ranges_are_their_reverse_zones() {
        let config = parse(".:53 {\n kubernetes cluster.local 10.96.0.0/12 fd00:10::/32\n}");
        let zones = &config.unwrap().blocks[0].kubernetes.clone().unwrap().zones;
        assert_eq!(zones.len(), 1 + 16 + 1);
        assert_eq!(zones[1].as_str(), "96.10.in-addr.arpa.");
        assert_eq!(zones[17].as_str(), "0.1.0.0.0.0.d.f.ip6.arpa.");
    }

    #[test]
    fn what_the_lab_does_not_carry_out_is_named() {
        let config = parse(".:53 {\n whoami\n template IN A example {\n answer x\n }\n}").unwrap();
        assert_eq!(config.left_out, [(2, "whoami".to_owned()), (3, "template".to_owned())]);
    }
}
