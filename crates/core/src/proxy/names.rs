//! Service ports and the names of their chains, as kube-proxy derives them.

use std::fmt;

use data_encoding::BASE32;
use sha2::{Digest, Sha256};
use svclab_netfilter::{ChainName, Protocol};

/// A port of a Service. The order is the one in which rules are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortKey<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) port: &'a str,
    pub(super) protocol: ProtocolKey,
}

/// Ordered by the API's word: SCTP, TCP, UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ProtocolKey {
    Sctp,
    Tcp,
    Udp,
}

impl ProtocolKey {
    /// The API's word; a port without one is TCP, and one with another word has no rules.
    pub(super) fn parse(word: &str) -> Option<ProtocolKey> {
        match word {
            "SCTP" => Some(ProtocolKey::Sctp),
            "" | "TCP" => Some(ProtocolKey::Tcp),
            "UDP" => Some(ProtocolKey::Udp),
            _ => None,
        }
    }
}

impl PortKey<'_> {
    /// What the names of the port's chains are made from.
    fn hashed(self) -> String {
        format!("{self}{}", Protocol::from(self.protocol))
    }
}

impl From<ProtocolKey> for Protocol {
    fn from(key: ProtocolKey) -> Protocol {
        match key {
            ProtocolKey::Sctp => Protocol::Sctp,
            ProtocolKey::Tcp => Protocol::Tcp,
            ProtocolKey::Udp => Protocol::Udp,
        }
    }
}

/// `shop/web:http`; without the colon where the port has no name.
impl fmt::Display for PortKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)?;
        if !self.port.is_empty() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

/// The chains of one service port; whether a chain exists is for the rules to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct PortChains {
    pub(super) svc: ChainName,
    pub(super) svl: ChainName,
    pub(super) ext: ChainName,
    pub(super) fw: ChainName,
}

pub(super) fn port_chains(key: PortKey<'_>) -> PortChains {
    let digits = digits16(Sha256::new_with_prefix(key.hashed()));
    let chain = |prefix: &str| hashed_chain(prefix, digits);
    PortChains {
        svc: chain("KUBE-SVC-"),
        svl: chain("KUBE-SVL-"),
        ext: chain("KUBE-EXT-"),
        fw: chain("KUBE-FW-"),
    }
}

/// The chains of a port's endpoints: those of one port share the start of what is hashed.
pub(super) struct EndpointChains(Sha256);

impl EndpointChains {
    pub(super) fn new(key: PortKey<'_>) -> EndpointChains {
        EndpointChains(Sha256::new_with_prefix(key.hashed()))
    }

    /// `endpoint` is `ip:port`, or `[ip]:port`.
    pub(super) fn of(&self, endpoint: &str) -> ChainName {
        hashed_chain("KUBE-SEP-", digits16(self.0.clone().chain_update(endpoint)))
    }
}

fn hashed_chain(prefix: &str, digits: [u8; 16]) -> ChainName {
    let digits = str::from_utf8(&digits).unwrap_or_default();
    ChainName::joined(prefix, digits).expect("a prefix and sixteen digits name a chain")
}

/// What follows the prefix of a service port's chains in nftables mode
/// (`servicePortChainNameBase`).
pub(super) fn nft_port_name(key: PortKey<'_>) -> String {
    hashed(&nft_path(key))
}

/// The same for the chains and sets of an endpoint; a chain's name cannot hold the colons of IPv6.
pub(super) fn nft_endpoint_name(key: PortKey<'_>, ip: &str, port: u16) -> String {
    hashed(&format!("{}__{}/{port}", nft_path(key), ip.replace(':', ".")))
}

fn nft_path(key: PortKey<'_>) -> String {
    let PortKey { namespace, name, port, protocol } = key;
    format!("{namespace}/{name}/{}/{port}", Protocol::from(protocol))
}

/// Cut where the kernel's bound of 256, less the longest prefix, is passed.
fn hashed(name: &str) -> String {
    const MAX: usize = 240;
    let mut res = hash16(name);
    res.truncate(8);
    res.push('-');
    res.push_str(name);
    if res.len() > MAX {
        // Names in the API are ASCII; a cut through another character would only cut earlier.
        let mut end = MAX - 3;
        while !res.is_char_boundary(end) {
            end -= 1;
        }
        res.truncate(end);
        res.push_str("...");
    }
    res
}

/// Whether kube-proxy takes a chain of the nat table for its own, to be deleted when it has no use.
pub(super) fn is_service_chain(chain: ChainName) -> bool {
    let prefixes = ["KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-", "KUBE-FW-", "KUBE-EXT-"];
    prefixes.iter().any(|it| chain.as_str().starts_with(it))
}

fn hash16(text: &str) -> String {
    str::from_utf8(&digits16(Sha256::new_with_prefix(text))).unwrap_or_default().to_owned()
}

/// The first sixteen base32 digits of SHA-256 (`portProtoHash`).
fn digits16(hash: Sha256) -> [u8; 16] {
    let mut digits = [0; 16];
    BASE32.encode_mut(&hash.finalize()[..10], &mut digits);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_real_clusters() {
        for (text, hash) in [
            ("kube-system/kube-dns:dnsudp", "TCOU7JCQXEZGVUNU"),
            ("kube-system/kube-dns:dns-tcptcp", "ERIFXISQEP7F7OF4"),
            ("default/kubernetes:httpstcp", "NPX46M4PTMTKRN6Y"),
            ("default/nginxtcp", "2CMXP7HKUVJN7L6M"),
            ("default/nginxtcp10.244.0.20:80", "BRZDTZFF2SFWJV4H"),
            ("ns1/svc1:p80tcp10.180.0.1:80", "SXIVWICOYRO3J4NJ"),
            ("shop/web:httptcp", "67NZLRHBNDSAWJRO"),
            ("shop/web:httptcp10.244.1.7:8080", "UGQTAJUJOQJVZIEC"),
            ("shop/web:httptcp[fd00:10:244:1::7]:8080", "4OEIEW56CINSSPZF"),
        ] {
            assert_eq!(hash16(text), hash, "{text}");
        }
    }

    #[test]
    fn names_in_nftables_are_those_of_real_clusters() {
        let protocol = ProtocolKey::Tcp;
        let key = |namespace, name, port| PortKey { namespace, name, port, protocol };
        for (key, name) in [
            (key("default", "kubernetes", "https"), "2QRHZV4L-default/kubernetes/tcp/https"),
            (key("kproxy-lab", "backend-api", "http"), "YVSKLJHA-kproxy-lab/backend-api/tcp/http"),
            (key("ns1", "svc1", "p80"), "ULMVA6XW-ns1/svc1/tcp/p80"),
        ] {
            assert_eq!(nft_port_name(key), name);
        }
        let long = "n".repeat(63);
        let name = nft_endpoint_name(key(&long, &long, &long), &"f".repeat(39), 65535);
        assert_eq!((name.len(), &name[237..]), (240, "..."));
    }

    #[test]
    fn nothing_separates_the_parts_of_a_name() {
        let protocol = ProtocolKey::Tcp;
        let named = PortKey { namespace: "shop", name: "web", port: "http", protocol };
        assert_eq!(port_chains(named).svc.as_str(), "KUBE-SVC-67NZLRHBNDSAWJRO");
        let chain = EndpointChains::new(named).of("10.244.1.7:8080");
        assert_eq!(chain.as_str(), "KUBE-SEP-UGQTAJUJOQJVZIEC");
        let unnamed = PortKey { namespace: "default", name: "nginx", port: "", protocol };
        assert_eq!(port_chains(unnamed).ext.as_str(), "KUBE-EXT-2CMXP7HKUVJN7L6M");
    }
}
