//! A rule in the making: its parts in the order kube-proxy writes them.

use std::net::IpAddr;

use ipnet::IpNet;
use svclab_netfilter::{
    AddressMatch, ChainName, Criterion, CtStates, Match, PortRange, Protocol, Rule, Target,
};

use super::detect::Detector;
use super::endpoint::Endpoint;

#[derive(Default)]
pub(super) struct Draft(Rule);

impl Draft {
    /// kube-proxy puts quotes around the comments that it makes up itself.
    pub(super) fn comment(text: impl Into<String>) -> Draft {
        Draft::default().and_comment(text)
    }

    pub(super) fn and_comment(self, text: impl Into<String>) -> Draft {
        self.with(Criterion::Comment { text: text.into(), quoted: true })
    }

    /// The name of a service port, which needs no quotes.
    pub(super) fn label(name: &str) -> Draft {
        Draft::default().with(Criterion::Comment { text: name.to_owned(), quoted: false })
    }

    pub(super) fn with(mut self, criterion: Criterion) -> Draft {
        self.0.matches.push(criterion.into());
        self
    }

    pub(super) fn without(mut self, criterion: Criterion) -> Draft {
        self.0.matches.push(Match { negated: true, criterion });
        self
    }

    pub(super) fn protocol(self, protocol: Protocol) -> Draft {
        self.with(Criterion::Module(protocol)).with(Criterion::Protocol(protocol))
    }

    pub(super) fn destination(self, ip: IpAddr) -> Draft {
        self.with(Criterion::Destination(AddressMatch::host(ip)))
    }

    pub(super) fn dport(self, port: u16) -> Draft {
        self.with(Criterion::DestinationPort(PortRange::from(port)))
    }

    pub(super) fn source(self, ip: IpAddr) -> Draft {
        self.with(Criterion::Source(AddressMatch::host(ip)))
    }

    pub(super) fn source_net(self, net: IpNet) -> Draft {
        self.with(Criterion::Source(AddressMatch::net(net)))
    }

    pub(super) fn in_state(self, states: CtStates) -> Draft {
        self.with(Criterion::CtState(states))
    }

    /// From the endpoint, spelled as its slice does.
    pub(super) fn source_endpoint(self, endpoint: &Endpoint) -> Draft {
        let written = endpoint.ip_written.as_ref().map(|it| format!("-s {it}"));
        self.source(endpoint.ip).written(written)
    }

    pub(super) fn if_local(self, detector: &Detector) -> Draft {
        let written = detector.written.as_ref().map(|it| format!("-s {it}"));
        self.with(detector.criterion.clone()).written(written)
    }

    pub(super) fn unless_local(self, detector: &Detector) -> Draft {
        let written = detector.written.as_ref().map(|it| format!("! -s {it}"));
        self.without(detector.criterion.clone()).written(written)
    }

    /// How the match added last is spelled, where not as usual.
    fn written(mut self, text: Option<String>) -> Draft {
        let last = self.0.matches.len().saturating_sub(1);
        self.0.written.extend(text.map(|it| (last, it.into_boxed_str())));
        self
    }

    pub(super) fn jump(self, chain: ChainName) -> Rule {
        self.target(Target::Jump(chain))
    }

    pub(super) fn dnat(self, endpoint: &Endpoint) -> Rule {
        let mut rule = self.target(Target::Dnat { to: endpoint.ip, port: Some(endpoint.port) });
        if endpoint.ip_written.is_some() {
            let text = format!("-j DNAT --to-destination {}", endpoint.text);
            rule.written.insert(rule.matches.len(), text.into());
        }
        rule
    }

    pub(super) fn target(mut self, target: Target) -> Rule {
        self.0.target = Some(target);
        self.0
    }

    pub(super) fn no_target(self) -> Rule {
        self.0
    }
}
