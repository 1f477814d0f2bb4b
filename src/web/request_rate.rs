//! How many requests are answered in a time: `rate_limit` of the web configuration file.

use std::sync::{Mutex, PoisonError};

use model::Timestamp;

use super::settings::RateLimit;

/// A bucket that holds `burst` requests and gets another one each `interval`.
#[derive(Debug)]
pub(super) struct RequestRate {
    limit: RateLimit,
    /// When the bucket was looked at, and what was in it then.
    level: Mutex<(Timestamp, f64)>,
}

impl RequestRate {
    /// Full at first.
    pub(super) fn new(limit: RateLimit, now: Timestamp) -> Self {
        Self { limit, level: Mutex::new((now, f64::from(limit.burst))) }
    }

    /// Takes a request out of the bucket, if there is one.
    pub(super) fn allows(&self, now: Timestamp) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back fills nothing.
        let filled = now.since(level.0).as_secs_f64() / self.limit.interval.as_secs_f64();
        let there = (level.1 + filled).min(f64::from(self.limit.burst));
        let is_allowed = there >= 1.0;
        *level = (now, if is_allowed { there - 1.0 } else { there });
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_one_each_interval() {
        let start = Timestamp::from_secs(1000);
        let rate = RequestRate::new(RateLimit { interval: Duration::from_secs(2), burst: 3 }, start);
        let allowed = |secs: u64| rate.allows(start.plus(Duration::from_secs(secs)));
        assert_eq!(
            [0, 0, 0, 0, 1, 2, 2, 3, 4].map(allowed),
            [true, true, true, false, false, true, false, false, true]
        );
        assert_eq!([100, 100, 100, 100].map(allowed), [true, true, true, false], "no more than the burst is kept");
        assert_eq!(
            [50, 101, 102].map(allowed),
            [false, true, true],
            "a clock set back fills nothing, and goes on from there"
        );
    }
}
