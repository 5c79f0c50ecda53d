//! How many ICMP errors a machine sends (`icmpv4_xrlim_allow`, `inet_peer_xrlim_allow`).
//!
//! Each receiver has a bucket that fills with time, one error for every `icmp_ratelimit`, up to
//! six. Who was never sent one finds it full.

use std::collections::BTreeMap;
use std::net::IpAddr;

use svclab_netfilter::packet::Icmp;

use super::{Network, Party, Sysctls};
use crate::time::Instant;

/// `XRLIM_BURST_FACTOR`
const BURST: u64 = 6;

/// By receiver: what its bucket held, in milliseconds, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorLimit {
    buckets: BTreeMap<IpAddr, (u64, u64)>,
}

impl ErrorLimit {
    /// Whether an error may be sent to `receiver` now; takes it from the bucket.
    pub(super) fn allow(&mut self, receiver: IpAddr, now: Instant, ratelimit: u32) -> bool {
        let cost = u64::from(ratelimit);
        let full = BURST * cost;
        let now = now.as_millis();
        let (held, since) = self.buckets.get(&receiver).copied().unwrap_or((full, now));
        let held = held.saturating_add(now.saturating_sub(since)).min(full);
        let allowed = held >= cost;
        let left = if allowed { held - cost } else { held };
        self.buckets.insert(receiver, (left, now));
        allowed
    }
}

impl Network {
    /// What `sysctl` says in a party's namespace.
    pub fn sysctls(&self, party: &Party) -> Sysctls {
        let own = match party {
            Party::Node(name) => self.node(name).map(|it| it.sysctls),
            _ => self.namespaces.get(party).map(|it| it.0),
        };
        own.unwrap_or_default()
    }

    /// What `sysctl -w NAME=VALUE` does in a party's namespace: whether the lab knows the name.
    pub fn set_sysctl(&mut self, party: &Party, name: &str, value: u32) -> bool {
        let Party::Node(node) = party else {
            return self.namespaces.entry(party.clone()).or_default().0.set(name, value);
        };
        if let Some(name) = name.strip_prefix("net.netfilter.nf_conntrack_") {
            let kernel = self.kernels.get_mut(node);
            return kernel.is_some_and(|it| it.conntrack.settings.set(name, value));
        }
        let found = self.nodes.iter_mut().find(|it| it.name == *node);
        found.is_some_and(|it| it.set_sysctl(name, value))
    }

    /// Whether a party sends somebody an ICMP error now: not if it has sent too many of late. To
    /// itself there is no limit.
    pub(super) fn may_complain(
        &mut self,
        by: &Party,
        error: &Icmp,
        to: IpAddr,
        now: Instant,
    ) -> bool {
        let Sysctls { icmp_ratelimit, icmp_ratemask, .. } = self.sysctls(by);
        let kind = if matches!(error, Icmp::TimeExceeded { .. }) { 11 } else { 3 };
        if self.owns(by, to) || icmp_ratemask & (1 << kind) == 0 {
            return true;
        }
        let errors = match by {
            Party::Node(name) => &mut self.kernels.entry(name.clone()).or_default().errors,
            _ => &mut self.namespaces.entry(by.clone()).or_default().1,
        };
        errors.allow(to, now, icmp_ratelimit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn six_errors_at_once_then_one_a_second() {
        let mut limit = ErrorLimit::default();
        let client = IpAddr::from([10, 244, 1, 10]);
        let mut at =
            |millis| limit.allow(client, Instant::START + Duration::from_millis(millis), 1000);
        assert_eq!([0; 8].map(&mut at), [true, true, true, true, true, true, false, false]);
        assert_eq!([999, 1000, 1001, 2000].map(&mut at), [false, true, false, true]);
    }

    #[test]
    fn without_a_limit_every_error_is_sent() {
        let mut limit = ErrorLimit::default();
        let client = IpAddr::from([10, 244, 1, 10]);
        assert!((0..50).all(|_| limit.allow(client, Instant::START, 0)));
    }
}
