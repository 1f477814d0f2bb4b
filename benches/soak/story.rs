//! What happens to the alerts of a group: a function of its number and the time, so that any part of the bench can tell.

/// Alerts of one group in a thousand, twice: such groups are big.
const BIG: usize = 250;
/// After that many seconds a group's alerts are others, where they change at all.
const LIFE_SECS: i64 = 240;
/// An alert that flaps fires for that long, and is over for that long.
pub(crate) const FLAP_SECS: i64 = 90;

/// What becomes of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    /// Fires from the beginning to the end.
    Steady,
    /// A third of its alerts is over and fires again, by turns.
    Flapping,
    /// Its alerts give way to others in the same group.
    Rolling,
    /// It resolves, and another group comes.
    Leaving,
    /// It is not reported any more, and another group comes.
    Vanishing,
    /// As leaving, and silenced before it fires; if `lifted`, until half of its life.
    Silenced { lifted: bool },
    /// As leaving, and inhibited before it fires; if `lifted`, until half of its life.
    Inhibited { lifted: bool },
    /// A third of its alerts changes at each evaluation, faster than anybody is told.
    Restless,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Team {
    Fast(u8),
    Slow(u8),
    Flaky,
    Dead,
}

impl Team {
    pub(crate) const ALL: [Self; 8] = [
        Self::Fast(0),
        Self::Fast(1),
        Self::Fast(2),
        Self::Fast(3),
        Self::Slow(0),
        Self::Slow(1),
        Self::Flaky,
        Self::Dead,
    ];

    /// The receiver's name, and the alerts' label `team`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fast(0) => "fast-0",
            Self::Fast(1) => "fast-1",
            Self::Fast(2) => "fast-2",
            Self::Fast(_) => "fast-3",
            Self::Slow(0) => "slow-0",
            Self::Slow(_) => "slow-1",
            Self::Flaky => "flaky",
            Self::Dead => "dead",
        }
    }
}

/// Of the group with this number.
pub(crate) fn story(group: usize) -> Story {
    match group % 100 {
        70..=79 => Story::Flapping,
        80..=83 => Story::Rolling,
        84..=88 => Story::Leaving,
        89..=92 => Story::Vanishing,
        93..=94 => Story::Silenced { lifted: group.is_multiple_of(2) },
        95..=96 => Story::Inhibited { lifted: group.is_multiple_of(2) },
        97..=98 => Story::Restless,
        _ => Story::Steady,
    }
}

/// Whom the group is told.
pub(crate) fn team(group: usize) -> Team {
    match (group / 7 + group / 100) % 20 {
        n @ 0..=12 => Team::Fast((n % 4) as u8),
        n @ 13..=16 => Team::Slow((n % 2) as u8),
        17 | 18 => Team::Flaky,
        _ => Team::Dead,
    }
}

/// How many alerts each group has: a few big ones, the others alike.
pub(crate) fn sizes(alerts: usize, groups: usize) -> Vec<usize> {
    let is_big = |group: usize| matches!(group % 1000, 3 | 75);
    let big = (0..groups).filter(|group| is_big(*group)).count();
    let (left, small) = (alerts.saturating_sub(big * BIG), groups - big);
    let size = |group: usize| left / small + usize::from(group % small < left % small);
    (0..groups).map(|group| if is_big(group) { BIG } else { size(group).max(1) }).collect()
}

impl Story {
    /// Which of the group's alerts there are; others have another number.
    pub(crate) fn generation(self, group: usize, now: i64) -> i64 {
        match self {
            Self::Steady | Self::Flapping | Self::Restless => 0,
            _ => (now + offset(group)) / LIFE_SECS,
        }
    }

    /// Seconds until the generation ends.
    pub(crate) fn left(self, group: usize, now: i64) -> i64 {
        match self {
            Self::Steady | Self::Flapping | Self::Restless => i64::MAX,
            _ => LIFE_SECS - (now + offset(group)) % LIFE_SECS,
        }
    }

    /// Whether generations are groups of their own.
    pub(crate) fn is_new_group(self) -> bool {
        self != Self::Rolling
    }

    /// Whether an alert of the group fires. `round` counts its evaluations.
    pub(crate) fn fires(self, group: usize, alert: usize, now: i64, round: u64) -> bool {
        match self {
            Self::Flapping if alert.is_multiple_of(3) => {
                (now + offset(group) + 20 * alert as i64).rem_euclid(2 * FLAP_SECS) < FLAP_SECS
            }
            Self::Restless if alert.is_multiple_of(3) => round.is_multiple_of(2),
            _ => true,
        }
    }

    /// Whether what hides its alerts has been taken away.
    pub(crate) fn is_lifted(self, group: usize, now: i64) -> bool {
        matches!(self, Self::Silenced { lifted: true } | Self::Inhibited { lifted: true })
            && self.left(group, now) <= LIFE_SECS / 2
    }

    /// Whether its alerts are hidden when they begin to fire.
    pub(crate) fn is_hidden(self) -> bool {
        matches!(self, Self::Silenced { .. } | Self::Inhibited { .. })
    }
}

/// Groups do not do the same at the same time.
fn offset(group: usize) -> i64 {
    (group as i64 * 37) % LIFE_SECS
}
