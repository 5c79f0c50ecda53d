//! How often kube-proxy syncs (`BoundedFrequencyRunner`).

use super::settings::Version;
use crate::time::{Duration, Instant};

/// `iptables.minSyncPeriod`, its default.
const MIN_SYNC_PERIOD: Duration = Duration::from_secs(1);

/// When the syncs of one kube-proxy were, as far as that decides when the next may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pace {
    last: Option<Instant>,
    /// 1.30 has a bucket of two tokens that gains one in each period: when it is full again.
    full_at: Instant,
}

impl Pace {
    /// When a sync that is wanted at `now` may take place.
    pub fn next(&self, now: Instant, version: Version) -> Instant {
        let Some(last) = self.last else { return now };
        let has_token = version < Version::Modern && self.full_at - now <= MIN_SYNC_PERIOD;
        if has_token { now } else { now.max(last + MIN_SYNC_PERIOD) }
    }

    pub fn synced(&mut self, now: Instant) {
        self.last = Some(now);
        self.full_at = self.full_at.max(now) + MIN_SYNC_PERIOD;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes at these milliseconds make syncs at those.
    #[track_caller]
    fn check(version: Version, changes: &[u64], expected: &[u64]) {
        let mut pace = Pace::default();
        let mut syncs: Vec<u64> = Vec::new();
        for change in changes {
            let now = Instant::from_micros(change * 1000);
            let at = pace.next(now, version);
            if syncs.last().is_none_or(|it| *it < *change) {
                syncs.push(at.as_millis());
                pace.synced(at);
            }
        }
        assert_eq!(syncs, expected);
    }

    #[test]
    fn two_syncs_may_follow_each_other_in_1_30_and_then_one_a_second() {
        check(Version::V1_30, &[0, 10, 20, 30, 1500], &[0, 10, 1010, 2010]);
        check(Version::V1_30, &[0, 5000, 5010, 5020], &[0, 5000, 5010, 6010]);
    }

    #[test]
    fn newer_releases_always_leave_a_second_between_two_syncs() {
        check(Version::Modern, &[0, 10, 20, 1500, 9000], &[0, 1000, 2000, 9000]);
    }
}
