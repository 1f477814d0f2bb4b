//! Silences that mute more than somebody may mean.

use std::fmt;
use std::time::Duration;

use model::Matcher;
use model::duration::format_duration;

/// So many alerts are many.
const MANY: usize = 100;
/// Of fewer alerts, all or most say nothing.
const FEW: usize = 3;
const SEVERAL: usize = 10;
/// Longer silences outlive the memory of why they are there.
const LONG: Duration = Duration::from_secs(30 * 24 * 3600);
/// What nobody means by a pattern that does not mean everything.
const PROBES: [&str; 3] = ["q", "7-watchfire-probe", "\u{1F525} ~ %"];

/// What is worth a second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caution {
    /// No matcher names anything: what does not exist yet is muted too.
    Open,
    /// Every alert there is.
    All(usize),
    /// More than half of them.
    Most(usize, usize),
    /// A hundred and more.
    Many(usize),
    /// For more than a month.
    Long(Duration),
}

impl Caution {
    /// Of a silence that matches so many of all alerts.
    pub(super) fn of(matchers: &[Matcher], matching: usize, total: usize, lasts: Option<Duration>) -> Vec<Caution> {
        let open = matchers.iter().all(is_open).then_some(Caution::Open);
        let breadth = match matching {
            _ if matching == total && total >= FEW => Some(Caution::All(total)),
            _ if matching >= SEVERAL && matching > total / 2 => Some(Caution::Most(matching, total)),
            MANY.. => Some(Caution::Many(matching)),
            _ => None,
        };
        let long = lasts.filter(|length| *length > LONG).map(Caution::Long);
        open.into_iter().chain(breadth).chain(long).collect()
    }

    /// Whether it is only done when somebody says so once more.
    pub(super) fn needs_word(self) -> bool {
        !matches!(self, Caution::Long(_))
    }
}

/// Whether a matcher rules hardly anything out: it says what something is not, or its pattern takes whatever comes.
fn is_open(matcher: &Matcher) -> bool {
    !matcher.op().is_positive() || (matcher.op().is_regex() && PROBES.iter().all(|probe| matcher.matches_value(probe)))
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caution::Open => f.write_str(
                "No matcher says what is meant: alerts that nobody has thought of yet are muted too. Add one with = and a value.",
            ),
            Caution::All(total) => write!(f, "It mutes every one of the {total} alerts there are."),
            Caution::Most(matching, total) => write!(f, "It mutes {matching} of the {total} alerts there are."),
            Caution::Many(matching) => write!(f, "It mutes {matching} alerts."),
            Caution::Long(length) => {
                let length = format_duration(Duration::from_secs(length.as_secs()));
                write!(f, "It lasts {length}. A silence that ends when its alerts resolve, or one that recurs, is forgotten less easily.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::matcher::parse::{ParseMode, parse_matchers};

    use super::*;

    #[test]
    fn cautions() {
        let hour = Some(Duration::from_secs(3600));
        let month = Duration::from_secs(40 * 24 * 3600);
        for (matchers, matching, total, lasts, expected) in [
            ("alertname=\"A\"", 1, 1, hour, vec![]),
            ("alertname=\"A\"", 3, 3, hour, vec![Caution::All(3)]),
            ("alertname=\"A\"", 2, 3, hour, vec![]),
            ("alertname=\"A\"", 51, 100, hour, vec![Caution::Most(51, 100)]),
            ("alertname=\"A\"", 50, 100, hour, vec![]),
            ("alertname=\"A\"", 100, 30_000, hour, vec![Caution::Many(100)]),
            ("alertname=~\".+\"", 0, 0, hour, vec![Caution::Open]),
            ("alertname=~\".*\",job!=\"x\"", 0, 0, hour, vec![Caution::Open]),
            ("job!=\"x\",job!~\"y.*\"", 0, 5, hour, vec![Caution::Open]),
            ("alertname=~\".+\",job=\"x\"", 0, 5, hour, vec![]),
            ("alertname=~\"A|B.*\"", 0, 5, hour, vec![]),
            ("alertname=\"A\"", 0, 5, Some(month), vec![Caution::Long(month)]),
            ("alertname=\"A\"", 0, 5, None, vec![]),
        ] {
            let parsed = parse_matchers(matchers, ParseMode::default()).unwrap().value;
            assert_eq!(Caution::of(&parsed, matching, total, lasts), expected, "{matchers} {matching}/{total}");
        }
        assert!(Caution::Open.needs_word() && !Caution::Long(month).needs_word());
        assert!(Caution::Long(month).to_string().starts_with("It lasts 40d. "), "{}", Caution::Long(month));
    }
}
