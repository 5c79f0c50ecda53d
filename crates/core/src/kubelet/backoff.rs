//! How long kubelet waits before it tries again: 10 s, doubled to 300 s (`MaxContainerBackOff`).

use crate::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// A failure later than this after the last attempt counts as a first one.
const FORGOTTEN: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Backoff {
    wait: Option<Duration>,
    attempted: Instant,
}

impl Backoff {
    /// How long to wait after something that failed at `failed`; None before the first failure
    /// and when the last attempt went well for long enough.
    pub(super) fn wait(&self, failed: Instant) -> Option<Duration> {
        self.wait.filter(|_| failed - self.attempted <= FORGOTTEN)
    }

    /// A new attempt is made at `now` after one that failed at `failed`.
    pub(super) fn attempt(&mut self, failed: Instant, now: Instant) {
        let doubled = |wait: Duration| Duration::from_micros(wait.as_micros().saturating_mul(2));
        self.wait = Some(self.wait(failed).map_or(FIRST, |it| doubled(it).min(LONGEST)));
        self.attempted = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        let mut now = Instant::START;
        for _ in 0..8 {
            let wait = backoff.wait(now);
            waits.push(wait.map_or(0, Duration::as_secs));
            let failed = now;
            now = failed + wait.unwrap_or_default();
            backoff.attempt(failed, now);
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn ten_good_minutes_are_forgiven() {
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        let mut backoff = Backoff::default();
        backoff.attempt(at(0), at(0));
        backoff.attempt(at(1), at(11));
        assert_eq!(backoff.wait(at(611)), Some(Duration::from_secs(20)));
        assert_eq!(backoff.wait(at(612)), None);
    }
}
