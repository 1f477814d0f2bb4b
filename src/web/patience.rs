//! How long we wait for a client in the midst of something: 20 seconds in all, and a second more for each KiB that passes. Who
//! drips a byte now and then runs out of it, who has a slow line does not.

use std::time::Duration;

/// At first, and at most.
const WHOLE: Duration = Duration::from_secs(20);
/// Bytes that are worth a second.
const BYTES_A_SECOND: u64 = 1024;

/// What is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(WHOLE)
    }
}

impl Patience {
    /// How long we wait from now on.
    pub(super) const fn left(self) -> Duration {
        self.0
    }

    /// Whether nobody has kept us waiting lately.
    pub(super) fn is_whole(self) -> bool {
        self.0 == WHOLE
    }

    /// After a wait, some bytes passed.
    pub(super) fn passed(&mut self, waited: Duration, bytes: usize) {
        let earned = Duration::from_millis((bytes as u64).saturating_mul(1000) / BYTES_A_SECOND);
        self.0 = self.0.saturating_sub(waited).saturating_add(earned).min(WHOLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drips_runs_out_of_it_and_a_slow_line_does_not() {
        let mut patience = Patience::default();
        for _ in 0..19 {
            patience.passed(Duration::from_secs(1), 1);
        }
        assert!(patience.left() < Duration::from_secs(2), "{patience:?}");
        let mut patience = Patience::default();
        for _ in 0..1000 {
            patience.passed(Duration::from_secs(1), 2048);
        }
        assert!(patience.is_whole());
    }
}
