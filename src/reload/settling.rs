//! When files that change are read again: once they have been quiet for a moment. Told what they hold and when, this
//! answers what to do; it knows no clock and no file.

use std::time::Duration;

use model::Timestamp;

/// What changes is read again after so long without a further change.
const QUIET: Duration = Duration::from_millis(300);

/// What never comes to rest is read again after so long all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// A reload that failed is tried again after so long, as its reason may lie elsewhere; each time after twice as long.
const RETRY_FIRST: Duration = Duration::from_secs(30);

/// Never later than this.
const RETRY_MAX: Duration = Duration::from_mins(5);

/// Waits until what was found comes to rest. `T` is what files hold.
#[derive(Debug)]
pub struct Settling<T> {
    changing: Option<Changing<T>>,
    retry: Option<Retry>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read the files again, now.
    Reload,
    /// Look again at that time at the latest.
    LookAt(Timestamp),
    /// Look again when something changes.
    Rest,
}

/// Found, and not what is in force.
#[derive(Debug)]
struct Changing<T> {
    found: T,
    /// When anything first differed.
    since: Timestamp,
    /// When the last change was seen.
    last: Timestamp,
}

#[derive(Debug)]
struct Retry {
    at: Timestamp,
    pause: Duration,
}

impl<T: Clone + PartialEq> Default for Settling<T> {
    fn default() -> Self {
        Self { changing: None, retry: None }
    }
}

impl<T: Clone + PartialEq> Settling<T> {
    /// What to do now that the files hold `found`, and held `tried` when they were last read with or without success.
    pub fn look(&mut self, now: Timestamp, found: &T, tried: &T, has_failed: bool) -> Next {
        if found == tried {
            self.changing = None;
            return self.retry(now, has_failed);
        }
        self.retry = None;
        match &mut self.changing {
            // a clock that was set back starts the wait anew
            Some(changing) if changing.found == *found && changing.last <= now => {}
            Some(changing) => {
                changing.found = found.clone();
                changing.since = changing.since.min(now);
                changing.last = now;
            }
            None => self.changing = Some(Changing { found: found.clone(), since: now, last: now }),
        }
        let due =
            self.changing.as_ref().map_or(now, |changing| changing.last.plus(QUIET).min(changing.since.plus(PATIENCE)));
        if due > now {
            return Next::LookAt(due);
        }
        self.changing = None;
        Next::Reload
    }

    fn retry(&mut self, now: Timestamp, has_failed: bool) -> Next {
        if !has_failed {
            self.retry = None;
            return Next::Rest;
        }
        let retry = self.retry.get_or_insert(Retry { at: now.plus(RETRY_FIRST), pause: RETRY_FIRST });
        if retry.at > now {
            // no clock set back keeps it waiting for long
            retry.at = retry.at.min(now.plus(retry.pause));
            return Next::LookAt(retry.at);
        }
        retry.pause = (retry.pause * 2).min(RETRY_MAX);
        retry.at = now.plus(retry.pause);
        Next::Reload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    #[test]
    fn a_burst_of_changes_is_one_reload_after_a_quiet_moment() {
        let mut settling = Settling::default();
        assert_eq!(settling.look(at(0), &"a", &"a", false), Next::Rest);
        assert_eq!(settling.look(at(10), &"b", &"a", false), Next::LookAt(at(310)));
        assert_eq!(settling.look(at(200), &"c", &"a", false), Next::LookAt(at(500)));
        assert_eq!(settling.look(at(499), &"c", &"a", false), Next::LookAt(at(500)));
        assert_eq!(settling.look(at(500), &"c", &"a", false), Next::Reload);
        assert_eq!(settling.look(at(520), &"c", &"c", false), Next::Rest);
    }

    #[test]
    fn what_goes_back_to_what_is_in_force_is_no_reload() {
        let mut settling = Settling::default();
        settling.look(at(0), &"b", &"a", false);
        assert_eq!(settling.look(at(100), &"a", &"a", false), Next::Rest);
        assert_eq!(settling.look(at(400), &"b", &"a", false), Next::LookAt(at(700)), "the wait begins anew");
    }

    #[test]
    fn what_never_comes_to_rest_is_read_after_some_seconds() {
        let mut settling = Settling::default();
        let reload = (0..100).find(|tick| settling.look(at(tick * 100), tick, &-1, false) == Next::Reload);
        assert_eq!(reload, Some(50));
    }

    #[test]
    fn a_failure_is_tried_again_ever_later_until_the_files_change() {
        let mut settling = Settling::default();
        let mut tries = Vec::new();
        for second in 0..1200 {
            if settling.look(at(second * 1000), &"bad", &"bad", true) == Next::Reload {
                tries.push(second);
            }
        }
        assert_eq!(tries, [30, 90, 210, 450, 750, 1050]);
        assert_eq!(settling.look(at(1_200_000), &"good", &"bad", true), Next::LookAt(at(1_200_300)));
        assert_eq!(settling.look(at(1_200_300), &"good", &"bad", true), Next::Reload);
        assert_eq!(settling.look(at(1_200_310), &"good", &"good", false), Next::Rest);
    }

    #[test]
    fn a_clock_set_back_holds_nothing_up() {
        let mut settling = Settling::default();
        settling.look(at(0), &"b", &"a", false);
        assert_eq!(settling.look(at(-3_600_000), &"b", &"a", false), Next::LookAt(at(-3_600_000 + 300)));
        assert_eq!(settling.look(at(-3_600_000 + 300), &"b", &"a", false), Next::Reload);
        settling.look(at(0), &"bad", &"bad", true);
        assert_eq!(settling.look(at(-3_600_000), &"bad", &"bad", true), Next::LookAt(at(-3_600_000 + 30_000)));
    }
}
