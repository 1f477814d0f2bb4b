//! Windows, `for` and intervals that do not fit each other.

use std::time::Duration;

use model::duration::format_duration;
use model::source::{Diagnostic, SourceFile};
use promql::Expr;
use promql::ast::{self, Call};
use promql::selector::walk;

use super::exemption::exemptions;
use super::{Finding, Lint, LocatedGroup, Recorded, Subject, interval_of};
use crate::rule::RuleKind;

/// Functions that need two samples in their window.
const NEEDING_TWO: [&str; 7] = ["rate", "increase", "irate", "delta", "idelta", "deriv", "predict_linear"];

/// How far back Prometheus looks for the last sample of a series.
const LOOKBACK: Duration = Duration::from_secs(300);

/// Windows in which there cannot be two samples.
pub(super) fn rate_window(subject: &Subject<'_>, expr: &Expr, recorded: &Recorded) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(expr, &mut |expr, _| {
        if let Expr::Call(call) = expr
            && NEEDING_TWO.contains(&call.function.name)
        {
            found.extend(call.arguments.iter().find_map(|argument| too_short(subject, call, argument, recorded)));
        }
    });
    found
}

fn too_short(subject: &Subject<'_>, call: &Call, argument: &Expr, recorded: &Recorded) -> Option<Finding> {
    let (window, every, source) = match argument.bare() {
        Expr::Range(range) if range.selector.boundary.is_none() => {
            let recording = range.selector.metric_name().and_then(|name| recorded.0.get(name));
            let (every, source) = match recording {
                Some(recording) => (recording.interval?, "recorded"),
                None => (subject.surroundings.scrape_interval?, "scraped"),
            };
            (fixed(&range.range)?, every, source)
        }
        Expr::Subquery(subquery) => (fixed(&subquery.range)?, fixed(subquery.step.as_ref()?)?, "evaluated"),
        _ => return None,
    };
    if window >= every.saturating_mul(2) {
        return None;
    }
    let name = call.function.name;
    let message = format!(
        "{name} needs two samples, and a window of {} is too short for series that are {source} each {}",
        format_duration(window),
        format_duration(every),
    );
    let hint = format!("use {} or more, which outlives one missed sample", format_duration(every.saturating_mul(4)));
    Some(subject.finding(Lint::RateWindow, subject.place(argument.span()), &message, hint))
}

fn fixed(duration: &ast::Duration) -> Option<Duration> {
    match duration {
        ast::Duration::Fixed(ms) => u64::try_from(*ms).ok().map(Duration::from_millis),
        ast::Duration::Computed(_) => None,
    }
}

/// `for` shorter than the interval: the second evaluation is the first that can tell.
pub(super) fn short_for(subject: &Subject<'_>) -> Option<Finding> {
    let RuleKind::Alerting(alerting) = &subject.rule.rule.kind else { return None };
    let interval = interval_of(subject.group, subject.surroundings)?;
    let span = subject.rule.hold?;
    if alerting.hold.is_zero() || alerting.hold >= interval {
        return None;
    }
    let (hold, interval) = (format_duration(alerting.hold), format_duration(interval));
    let message = format!("for {hold} is shorter than the interval of {interval}: the alert fires after {interval}");
    let hint = "write the time it takes, or evaluate the group more often".to_owned();
    Some(subject.finding(Lint::ShortFor, span, &message, hint))
}

/// Recordings that are older than what queries look back, before the next one comes.
pub(super) fn interval_lookback(file: &SourceFile, group: &LocatedGroup) -> Option<Finding> {
    let interval = group.group.interval;
    let recording = group.rules.iter().find(|rule| matches!(rule.rule.kind, RuleKind::Recording))?;
    let is_exempt = exemptions(file, recording.whole).contains(&Lint::IntervalLookback);
    if !group.has_interval || interval <= LOOKBACK || is_exempt {
        return None;
    }
    let lint = Lint::IntervalLookback;
    let message = format!(
        "group {:?}: evaluated each {}, what it records vanishes for queries {} after each evaluation [{lint}]",
        group.group.name,
        format_duration(interval),
        format_duration(LOOKBACK),
    );
    let diagnostic = Diagnostic::warning(file, recording.name, message);
    let hint = "use an interval of at most 5m, or read the series with last_over_time";
    Some(Finding { lint, diagnostic: diagnostic.hint(hint) })
}
