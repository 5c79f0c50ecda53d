//! How many ICMP errors a machine sends (`icmpv4_xrlim_allow`, `inet_peer_xrlim_allow`).
//!
//! Each receiver has a bucket that fills with time, one error for every `icmp_ratelimit`, up to
//! six. Who was never sent one finds it full.

use std::collections::BTreeMap;
use std::net::IpAddr;

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
