//! When to try again: an exponential schedule with jitter that is a pure function, so that a replay gives the same instants.

use std::time::Duration;

/// An exponential schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Delay before the second attempt.
    pub first: Duration,
    /// No delay is longer (before jitter).
    pub most: Duration,
    /// Growth per attempt.
    pub factor: f64,
    /// Share of the delay that jitter may add or take, 0 to 1.
    pub jitter: f64,
}

impl Backoff {
    /// Alertmanager's schedule for notifications: 500 ms × 1.5, ±50 %, at most 60 s.
    pub const NOTIFICATION: Self =
        Self { first: Duration::from_millis(500), most: Duration::from_secs(60), factor: 1.5, jitter: 0.5 };

    /// The delay after `failed_attempts` (1 or more). `key` spreads different deliveries over time and makes the
    /// jitter repeatable: the same key and attempt give the same delay.
    pub fn delay(&self, failed_attempts: u32, key: u64) -> Duration {
        let grown = self.first.as_secs_f64()
            * self.factor.powi(i32::try_from(failed_attempts.saturating_sub(1)).unwrap_or(i32::MAX).min(1000));
        let capped = grown.min(self.most.as_secs_f64());
        let unit = (mix(key ^ u64::from(failed_attempts).rotate_left(32)) >> 11) as f64 / (1u64 << 53) as f64;
        Duration::from_secs_f64(capped * (1.0 + self.jitter * (2.0 * unit - 1.0)))
    }
}

/// Spreads the bits of a key (the finaliser of SplitMix64).
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_cap_within_jitter() {
        for key in 0..1000 {
            for attempt in 1..200 {
                let middle = (0.5 * 1.5f64.powi(attempt - 1)).min(60.0);
                let delay = Backoff::NOTIFICATION.delay(attempt.unsigned_abs(), key).as_secs_f64();
                assert!((middle * 0.5 - 1e-9..=middle * 1.5 + 1e-9).contains(&delay), "{attempt} {delay}");
            }
        }
        assert_eq!(Backoff::NOTIFICATION.delay(3, 7), Backoff::NOTIFICATION.delay(3, 7));
        assert_ne!(Backoff::NOTIFICATION.delay(3, 7), Backoff::NOTIFICATION.delay(3, 8));
        let _never_panics = Backoff::NOTIFICATION.delay(u32::MAX, u64::MAX);
    }
}
