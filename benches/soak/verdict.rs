//! Whether it was flat, nothing was late or lost, and nothing went wrong.

use std::fmt::Write as _;

use crate::ledger::percentile;
use crate::plan::Plan;
use crate::run::Outcome;
use crate::series::Shape;

/// Growth of a series over the time judged that is not taken for growth, as a share of its mean for an hour.
const GROWTH_AN_HOUR_MAX: f64 = 0.1;
/// Less than this many times its standard error may be chance.
const SIGNIFICANCE_MIN: f64 = 3.0;
/// The most there was, beside the median.
const PEAK_MAX: f64 = 1.5;

/// Series of our own that must be flat, and what is too little to be called growth: so much in an hour.
const FLAT: &[(&str, f64)] = &[
    ("memory MiB", 6.0),
    ("memory of files MiB", 6.0),
    ("threads", 20.0),
    // 32 requests to each of nine receivers may be under way.
    ("open files", 300.0),
    ("store MiB", 30.0),
    ("metrics lines", 10.0),
];
/// The same for gauges.
const GAUGE_GROWTH_AN_HOUR_MIN: f64 = 60.0;
/// Gauges that tell no amount, what is judged above already, or the age of what the dead receiver has not taken, which is right to grow.
const NO_AMOUNT: &[&str] = &[
    "_timestamp_seconds",
    "_start_time_seconds",
    "_duration_seconds",
    "_duration_sum_seconds",
    "_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_open_fds",
    "watchfire_process_threads",
    "watchfire_store_bytes",
    "_highest_sent_timestamp_seconds",
    "watchfire_notifications_oldest_undelivered_seconds",
    "watchfire_notifications_attempts",
];
/// Pages and lists that a busy machine has no time for, as a share of all.
const SHED_MAX: f64 = 0.02;
/// What is in log lines that speak of receivers that are meant to fail.
const EXPECTED_IN_LOG: &[&str] = &["dead", "flaky", "deliveries were still under way at shutdown", "message=audit"];

/// The report, the names of the series that are worth a picture, and whether all is well.
pub(crate) struct Verdict {
    pub(crate) report: String,
    pub(crate) is_good: bool,
}

/// Looks at everything.
pub(crate) fn judge(plan: &Plan, outcome: &Outcome) -> Verdict {
    let mut report = String::new();
    let mut faults = Vec::new();
    work(plan, outcome, &mut report);
    flatness(plan, outcome, &mut report, &mut faults);
    pages(outcome, &mut report, &mut faults);
    answers(outcome, &mut report, &mut faults);
    log(outcome, &mut faults);
    if !outcome.ended_well {
        faults.push("it did not end in good order when it was asked to".to_owned());
    }
    let _ = writeln!(report, "\n## Verdict\n");
    if !plan.is_judged() {
        let _ = writeln!(report, "Too short to tell whether it is flat: that takes ten minutes.\n");
    }
    match faults.as_slice() {
        [] => report.push_str("All is well.\n"),
        faults => faults.iter().for_each(|fault| report.push_str(&format!("- {fault}\n"))),
    }
    Verdict { report, is_good: faults.is_empty() }
}

fn work(plan: &Plan, outcome: &Outcome, report: &mut String) {
    let Outcome { posted, counted, stalls, queries, writes, .. } = outcome;
    let (stalls, lost, longest) = stalls;
    let _ = writeln!(
        report,
        "# Soak: {} minutes\n\n{} alerts in {} groups, {} rules; {}\n\n- clients: {} requests, {} alerts, {} of them changes, {} \
         silences made or ended; their work began {} ms late at most\n- receivers: {} notifications, {:.0} MB; {} requests refused or left \
         unanswered on purpose\n- query API: {queries} queries, {writes} writes\n- the machine, or an answer, kept somebody waiting {stalls} times, {:.1} s \
         in all, {:.2} s at most",
        plan.minutes,
        plan.alerts,
        plan.groups,
        plan.rules,
        plan.binary.display(),
        posted.requests,
        posted.alerts,
        posted.changes,
        posted.silences,
        posted.behind_ms,
        counted.notifications,
        counted.bytes as f64 / 1e6,
        counted.refused,
        lost.as_secs_f64(),
        longest.as_secs_f64(),
    );
}

fn flatness(plan: &Plan, outcome: &Outcome, report: &mut String, faults: &mut Vec<String>) {
    let _ = writeln!(
        report,
        "\n## Over the last two thirds\n\n| series | mean | median | max | growth an hour | in standard errors | |\n|---|---|---|---|---|---|---|"
    );
    for name in outcome.samples.series.keys() {
        let Some(shape) = outcome.samples.shape(name) else { continue };
        let judged = FLAT.iter().find(|(flat, _)| flat == name).copied();
        let is_gauge = name.contains('_');
        let is_amount = is_gauge && !NO_AMOUNT.iter().any(|end| name.ends_with(end));
        if is_gauge && shape.max == 0.0 && shape.mean == 0.0 {
            continue;
        }
        let least = judged.map(|(_, least)| least).or(is_amount.then_some(GAUGE_GROWTH_AN_HOUR_MIN));
        let fault = least.and_then(|least| fault(&shape, least, judged.is_some()));
        let verdict = match (&fault, least) {
            (Some(fault), _) => fault,
            (None, Some(_)) => "flat",
            (None, None) => "not judged",
        };
        let Shape { mean, median, max, growth_an_hour, significance } = shape;
        let growth = 100.0 * growth_an_hour / mean.abs().max(f64::MIN_POSITIVE);
        let _ = writeln!(
            report,
            "| {name} | {} | {} | {} | {} ({growth:+.1} %) | {significance:+.1} | {verdict} |",
            figure(mean),
            figure(median),
            figure(max),
            figure(growth_an_hour)
        );
        if let Some(fault) = fault.filter(|_| plan.is_judged()) {
            faults.push(format!("{name}: {fault}"));
        }
    }
}

fn fault(shape: &Shape, least: f64, has_peak: bool) -> Option<String> {
    let Shape { mean, median, max, growth_an_hour, significance } = *shape;
    if growth_an_hour > least && growth_an_hour > GROWTH_AN_HOUR_MAX * mean && significance > SIGNIFICANCE_MIN {
        return Some(format!("**grows** by {} an hour, mean {}", figure(growth_an_hour), figure(mean)));
    }
    (has_peak && max > PEAK_MAX * median + least)
        .then(|| format!("**peak** of {}, median {}", figure(max), figure(median)))
}

fn pages(outcome: &Outcome, report: &mut String, faults: &mut Vec<String>) {
    let _ = writeln!(
        report,
        "\n## Pages\n\nSeconds after each was due at the latest.\n\n| | told | p50 | p99 | max | late | late by the machine |\n|---|---|---|---|---|---|---|"
    );
    for (class, tally) in &outcome.tallies {
        let mut late: Vec<f64> = tally.late_secs.iter().map(|secs| f64::from(*secs)).collect();
        let (p50, p99, max) = (percentile(&mut late, 0.5), percentile(&mut late, 0.99), percentile(&mut late, 1.0));
        let _ = writeln!(
            report,
            "| {} | {} | {p50:.2} | {p99:.2} | {max:.2} | {} | {} |",
            class.name(),
            tally.told,
            tally.late,
            tally.excused
        );
        if tally.late > 0 {
            faults.push(format!("{} pages {} were late", tally.late, class.name()));
        }
    }
    let counts = [
        (outcome.lost as u64, "changes of alerts were never told"),
        (outcome.told_though_hidden as u64, "alerts were told though they were silenced or inhibited"),
        (outcome.counted.repeated, "notifications said the same as the one before"),
        (outcome.counted.unreadable, "notifications could not be read"),
        (outcome.counted.cut, "alerts were left out of notifications"),
    ];
    for (count, what) in counts {
        let _ = writeln!(report, "\n{count} {what}.");
        if count > 0 {
            faults.push(format!("{count} {what}"));
        }
    }
    for fault in &outcome.faults {
        let _ = writeln!(report, "- {fault}");
    }
}

fn answers(outcome: &Outcome, report: &mut String, faults: &mut Vec<String>) {
    let _ = writeln!(report, "\n## Answers\n\n| | times | p50 ms | max ms |\n|---|---|---|---|");
    for (path, took) in &outcome.looked {
        let mut took = took.clone();
        let (p50, max) = (percentile(&mut took, 0.5), percentile(&mut took, 1.0));
        let _ = writeln!(report, "| `{path}` | {} | {p50:.1} | {max:.1} |", took.len());
    }
    let shed =
        outcome.failures.iter().filter(|failure| failure.starts_with("GET ") && failure.contains(": 503")).count();
    let asked: usize = outcome.looked.iter().map(|(_, took)| took.len()).sum();
    let _ = writeln!(report, "\n{shed} of {} were shed with 503.", asked + shed);
    let is_shed_too_often = shed as f64 > SHED_MAX * asked as f64;
    let is_fault = |failure: &&String| is_shed_too_often || !(failure.starts_with("GET ") && failure.contains(": 503"));
    if let Some(first) = outcome.failures.iter().find(is_fault) {
        faults.push(format!("{} requests were not answered well; the first: {first}", outcome.failures.len()));
    }
}

fn log(outcome: &Outcome, faults: &mut Vec<String>) {
    let is_odd = |line: &&String| !EXPECTED_IN_LOG.iter().any(|word| line.contains(word));
    let odd: Vec<&String> = outcome.log.iter().filter(is_odd).collect();
    if let Some(first) = odd.first() {
        faults.push(format!("{} lines in the log are not to be expected; the first: {first}", odd.len()));
    }
}

fn figure(value: f64) -> String {
    match value.abs() {
        1e4.. => format!("{value:.0}"),
        100.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
