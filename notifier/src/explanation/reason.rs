//! Every reason there is, and what it comes to.

use serde::Serialize;

/// What an answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does not arrive.
    Failing,
    /// It was refused.
    Refused,
    /// It will be told at a known instant, if nothing changes.
    Waiting,
    /// It is kept back.
    Hidden,
    /// It was told.
    Told,
    /// It will not be told.
    NotTold,
    /// It fires.
    Firing,
    /// It is over.
    Over,
    /// It does not exist.
    Supposed,
    /// It is not known.
    Unknown,
}

/// Why. To add a reason is to say what it comes to, and which situation of `docs/explain.md` it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The group waits for others before its first notification.
    GroupWait,
    /// The group is decided about from time to time only.
    GroupInterval,
    /// Nothing is sent so soon after the start.
    StartDelay,
    /// It fires again since the receiver was told of it.
    FiresAgain,
    /// It was hidden since the receiver was told of it, and is so no longer.
    NoLongerHidden,
    /// It is over, which is told next.
    EndDue,
    /// It is over, which is told when it is no longer hidden.
    EndOwed,
    /// An attempt is under way.
    AttemptUnderWay,
    /// The last attempt failed.
    Retrying,
    /// The receiver asked to be left alone.
    LeftAlone,
    /// The receiver has been told as often as it wishes; a digest follows, or its turn.
    BeyondRate,
    /// The receiver will never take the content.
    Refused,
    /// Silences.
    Silenced,
    /// Another alert.
    Inhibited,
    /// A mute time interval.
    Muted,
    /// No active time interval.
    OutsideActiveIntervals,
    /// It was told, and nothing has changed.
    Unchanged,
    /// It was told, and somebody has taken it on.
    Acknowledged,
    /// Its end was told.
    EndTold,
    /// Nobody takes it on, and a step of the route is yet to come.
    EscalationWaits,
    /// The receiver has no integrations.
    NoIntegrations,
    /// It is routed elsewhere since it was told here.
    Moved,
    /// It is over, of which the integration does not want to hear.
    ResolvesUnwanted,
    /// It ended before it was to be told.
    EndedUntold,
    /// It ended while it was hidden.
    EndedHidden,
    /// It ended before the receiver took any notification of it.
    GivenUp,
    /// Its source reports it.
    Reported,
    /// It was not reported since the restart; it is held for as long as its source had promised.
    HeldAfterRestart,
    /// Its source said that it is over.
    EndedBySource,
    /// It was not reported for as long as its source had promised.
    EndsAtPassed,
    /// It was not reported within `resolve_timeout`.
    ResolveTimeout,
    /// It is over and known from the history only.
    Past,
    /// It does not exist; what would become of it was asked.
    Supposed,
    /// No such alert was ever heard of, as far as the history goes back.
    NeverSeen,
    /// As many alerts of its name as allowed fire.
    LimitReached,
}

impl Why {
    /// What it comes to.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::GroupWait
            | Self::GroupInterval
            | Self::StartDelay
            | Self::FiresAgain
            | Self::NoLongerHidden
            | Self::EndDue
            | Self::EscalationWaits
            | Self::BeyondRate
            | Self::AttemptUnderWay => Verdict::Waiting,
            Self::Retrying | Self::LeftAlone => Verdict::Failing,
            Self::Refused => Verdict::Refused,
            Self::Silenced | Self::Inhibited | Self::Muted | Self::OutsideActiveIntervals | Self::EndOwed => {
                Verdict::Hidden
            }
            Self::Unchanged | Self::Acknowledged | Self::EndTold => Verdict::Told,
            Self::NoIntegrations
            | Self::Moved
            | Self::ResolvesUnwanted
            | Self::EndedUntold
            | Self::EndedHidden
            | Self::GivenUp => Verdict::NotTold,
            Self::Reported | Self::HeldAfterRestart => Verdict::Firing,
            Self::Supposed => Verdict::Supposed,
            Self::EndedBySource | Self::EndsAtPassed | Self::ResolveTimeout | Self::Past => Verdict::Over,
            Self::NeverSeen | Self::LimitReached => Verdict::Unknown,
        }
    }
}
