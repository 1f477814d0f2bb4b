//! The machines' clock, which is moved now and then, and ours, which is not.

use model::Timestamp;

/// From when on the machines' clock was how many nanoseconds ahead; none before the first.
pub(super) struct Clocks(pub(super) Vec<(Timestamp, i64)>);

impl Clocks {
    /// What the machines' clock shows at an instant of ours.
    pub(super) fn theirs(&self, at: Timestamp) -> Timestamp {
        let ahead = self.0.iter().rev().find(|(moved, _)| *moved <= at).map_or(0, |(_, ahead)| *ahead);
        shifted(at, ahead)
    }

    /// Our instants at which the machines' clock shows a time: two where it was set back over it.
    pub(super) fn ours(&self, shown: Timestamp) -> Vec<Timestamp> {
        self.periods()
            .map(|(from, to, ahead)| (from, to, shifted(shown, -ahead)))
            .filter(within)
            .map(|it| it.2)
            .collect()
    }

    /// Our first instant, not before another, at which the machines' clock shows a time or a later one.
    pub(super) fn first_showing(&self, shown: Timestamp, not_before: Timestamp) -> Option<Timestamp> {
        let reached = |(from, to, ahead): (Timestamp, Timestamp, i64)| {
            (from, to, shifted(shown, -ahead).max(from).max(not_before))
        };
        self.periods().map(reached).find(within).map(|it| it.2)
    }

    /// How often the clock was moved in between.
    pub(super) fn moves_between(&self, from: Timestamp, to: Timestamp) -> u32 {
        self.0.iter().filter(|(moved, _)| from < *moved && *moved <= to).count() as u32
    }

    fn periods(&self) -> impl Iterator<Item = (Timestamp, Timestamp, i64)> {
        let begins = [(Timestamp::MIN, 0)].into_iter().chain(self.0.iter().copied());
        let ends = self.0.iter().map(|(moved, _)| *moved).chain([Timestamp::MAX]);
        begins.zip(ends).map(|((from, ahead), to)| (from, to, ahead))
    }
}

fn within((from, to, at): &(Timestamp, Timestamp, Timestamp)) -> bool {
    from <= at && at < to
}

fn shifted(at: Timestamp, nanos: i64) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos().saturating_add(nanos))
}
