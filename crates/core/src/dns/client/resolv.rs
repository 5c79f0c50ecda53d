//! A pod's `/etc/resolv.conf`: its `dnsPolicy` and `dnsConfig`, the cluster's DNS and the node's
//! own file → search list, name servers, options (kubelet's `network/dns` package).

use std::fmt;
use std::net::IpAddr;

use crate::object::Pod;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResolvConf {
    pub search: Vec<String>,
    pub nameservers: Vec<IpAddr>,
    pub options: Vec<(String, Option<String>)>,
}

/// What kubelet is told of the cluster's DNS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterDns {
    /// `clusterDomain`
    pub domain: String,
    /// `clusterDNS`; empty: kubelet knows of none.
    pub servers: Vec<IpAddr>,
}

/// What does not fit is left out (`MaxDNSNameservers`, `MaxDNSSearchPaths`,
/// `MaxDNSSearchListChars`).
const MAX_SERVERS: usize = 3;
const MAX_SEARCH: usize = 32;
const MAX_SEARCH_LENGTH: usize = 2048;
/// What kubelet writes into pods that use the cluster's DNS.
const CLUSTER_NDOTS: &str = "5";
/// Of a libc, and the most it takes (`RES_MAXNDOTS`).
const NDOTS: usize = 1;
const MAX_NDOTS: usize = 15;

/// A reason and a message as kubelet's Event has them.
pub type Warning = (&'static str, String);

impl ResolvConf {
    /// Reads a resolv.conf; lines that mean nothing are passed over, as a libc does.
    pub fn parse(text: &str) -> ResolvConf {
        let mut res = ResolvConf::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    res.nameservers.extend(words.next().and_then(|it| it.parse::<IpAddr>().ok()))
                }
                Some("search") => res.search = words.map(str::to_owned).collect(),
                Some("domain") => res.search = words.take(1).map(str::to_owned).collect(),
                Some("options") => res.options.extend(words.map(option)),
                _ => {}
            }
        }
        res
    }

    /// How many dots make a name that is asked as it stands first.
    pub fn ndots(&self) -> usize {
        let mut all = self.options.iter().rev().filter(|(name, _)| name == "ndots");
        let value = all.find_map(|(_, value)| value.as_ref()?.parse::<usize>().ok());
        value.unwrap_or(NDOTS).min(MAX_NDOTS)
    }

    /// What kubelet gives a pod on a node with its own file, and what it warns of.
    pub fn of_pod(
        pod: &Pod,
        cluster: &ClusterDns,
        node: &ResolvConf,
    ) -> (ResolvConf, Vec<Warning>) {
        let mut warnings = Vec::new();
        let spec = &pod.spec;
        let policy = match spec.dns_policy.as_str() {
            "None" => Policy::Nothing,
            "Default" => Policy::Host,
            "ClusterFirstWithHostNet" => Policy::Cluster,
            _ if spec.host_network => Policy::Host,
            _ => Policy::Cluster,
        };
        let mut res = match policy {
            Policy::Nothing => ResolvConf::default(),
            Policy::Cluster if cluster.servers.is_empty() => {
                warnings.push(missing_cluster_dns(pod));
                node.clone()
            }
            Policy::Cluster => clustered(&pod.metadata.namespace, cluster, node),
            Policy::Host => node.clone(),
        };
        if let Some(config) = &spec.dns_config {
            res.nameservers
                .extend(config.nameservers.iter().filter_map(|it| it.parse::<IpAddr>().ok()));
            res.search.extend(config.searches.iter().cloned());
            for own in &config.options {
                res.options.retain(|(name, _)| *name != own.name);
                res.options.push((own.name.clone(), own.value.clone()));
            }
            dedup(&mut res.nameservers);
        }
        dedup(&mut res.search);
        res.fit(&mut warnings);
        (res, warnings)
    }

    fn fit(&mut self, warnings: &mut Vec<Warning>) {
        if self.nameservers.len() > MAX_SERVERS {
            self.nameservers.truncate(MAX_SERVERS);
            let line: Vec<String> = self.nameservers.iter().map(IpAddr::to_string).collect();
            warnings.push((
                "DNSConfigForming",
                format!(
                    "Nameserver limits were exceeded, some nameservers have been omitted, \
                 the applied nameserver line is: {}",
                    line.join(" ")
                ),
            ));
        }
        let whole = self.search.len();
        self.search.truncate(MAX_SEARCH);
        while self.search.join(" ").len() > MAX_SEARCH_LENGTH {
            self.search.pop();
        }
        if self.search.len() < whole {
            warnings.push((
                "DNSConfigForming",
                format!(
                    "Search Line limits were exceeded, some search paths have been omitted, \
                 the applied search line is: {}",
                    self.search.join(" ")
                ),
            ));
        }
    }
}

enum Policy {
    Nothing,
    Host,
    Cluster,
}

fn clustered(namespace: &str, cluster: &ClusterDns, node: &ResolvConf) -> ResolvConf {
    let domain = &cluster.domain;
    let mut search =
        vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
    search.extend(node.search.iter().cloned());
    let options = vec![("ndots".to_owned(), Some(CLUSTER_NDOTS.to_owned()))];
    ResolvConf { search, nameservers: cluster.servers.clone(), options }
}

fn missing_cluster_dns(pod: &Pod) -> Warning {
    let text = format!(
        "pod: \"{}_{}({})\". kubelet does not have ClusterDNS IP configured and cannot create Pod \
         using \"ClusterFirst\" policy. Falling back to \"Default\" policy.",
        pod.metadata.name, pod.metadata.namespace, pod.metadata.uid
    );
    ("MissingClusterDNS", text)
}

fn option(word: &str) -> (String, Option<String>) {
    match word.split_once(':') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    }
}

fn dedup<T: PartialEq + Clone>(items: &mut Vec<T>) {
    let mut seen: Vec<T> = Vec::new();
    items.retain(|it| {
        let new = !seen.contains(it);
        seen.extend(new.then(|| it.clone()));
        new
    });
}

/// In the order that containerd writes.
impl fmt::Display for ResolvConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.search.is_empty() {
            writeln!(f, "search {}", self.search.join(" "))?;
        }
        self.nameservers.iter().try_for_each(|it| writeln!(f, "nameserver {it}"))?;
        if self.options.is_empty() {
            return Ok(());
        }
        f.write_str("options")?;
        for (name, value) in &self.options {
            write!(f, " {name}")?;
            if let Some(value) = value {
                write!(f, ":{value}")?;
            }
        }
        writeln!(f)
    }
}
