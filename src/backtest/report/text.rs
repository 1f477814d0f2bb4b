//! For the terminal.

use std::fmt::Write;

use super::{ALERT_HEADS, Report, Side, addressee, alert_row, gist, shown_seconds, shown_time};
use crate::backtest::comparison::Comparison;
use crate::client::table::Table;
use crate::simulate::timeline::Delivered;

/// Most pages listed; the JSON has all.
const PAGES_MAX: usize = 200;

/// The whole report.
pub fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    let length = report.period.to.since(report.period.from).as_secs_f64();
    line(
        &mut text,
        format_args!(
            "Back-test from {} to {} ({})",
            shown_time(report.period.from),
            shown_time(report.period.to),
            shown_seconds(length)
        ),
    );
    for (name, side) in report.sides() {
        push_side(&mut text, name, side, length);
    }
    match report.comparison() {
        None => push_pages(&mut text, "\nPages", &report.first.outcome.pages.iter().collect::<Vec<_>>()),
        Some(comparison) => push_comparison(&mut text, &comparison),
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _written = writeln!(text, "{line}");
}

fn push_side(text: &mut String, name: &str, side: &Side<'_>, seconds: f64) {
    let head = if name.is_empty() { String::new() } else { format!("{name}: ") };
    line(text, format_args!("\n{head}{} rules ({})", side.rules, side.files));
    let a_day = side.summary.pages as f64 * 86_400.0 / seconds.max(1.0);
    line(
        text,
        format_args!("{} pages, {a_day:.1} a day; {} evaluations\n", side.summary.pages, side.outcome.evaluations),
    );
    let mut table = Table::default();
    table.open_row(&["RECEIVER", "PAGES", "FIRING", "RESOLVED", "REPEATS"]);
    for receiver in &side.summary.receivers {
        let numbers = [receiver.pages, receiver.firing, receiver.resolved, receiver.repeats].map(|n| n.to_string());
        table.open_row(&[std::slice::from_ref(&receiver.receiver), &numbers].concat());
    }
    text.push_str(&table.text());
    text.push('\n');
    let mut table = Table::default();
    let heads = ALERT_HEADS.map(str::to_uppercase);
    table.open_row(&[&["ALERT".to_owned()], heads.as_slice()].concat());
    for alert in &side.summary.alerts {
        table.open_row(&[std::slice::from_ref(&alert.alert), &alert_row(alert, "-")].concat());
    }
    text.push_str(&table.text());
    if !side.outcome.failures.is_empty() {
        line(text, format_args!("\nRules that could not be evaluated"));
        for (rule, failing) in &side.outcome.failures {
            let (count, at) = (failing.count, shown_time(failing.first_at));
            line(text, format_args!("  {rule}: {count} times, first at {at}: {}", failing.reason));
        }
    }
    if !side.outcome.notes.is_empty() {
        line(text, format_args!("\nNot as it was"));
        side.outcome.notes.iter().for_each(|note| line(text, format_args!("  {note}")));
    }
}

fn push_pages(text: &mut String, title: &str, pages: &[&Delivered]) {
    if pages.is_empty() {
        return;
    }
    line(text, format_args!("{title}"));
    let mut table = Table::default();
    for page in pages.iter().take(PAGES_MAX) {
        let reason = page.notification.reason.as_str();
        table.open_row(&[format!("  {}", shown_time(page.at)), addressee(page), reason.to_owned(), gist(page)]);
    }
    text.push_str(&table.text());
    if pages.len() > PAGES_MAX {
        line(text, format_args!("  and {} more: see the JSON or the page", pages.len() - PAGES_MAX));
    }
}

fn push_comparison(text: &mut String, comparison: &Comparison<'_>) {
    let Comparison { same, added, removed, moved } = comparison;
    line(
        text,
        format_args!(
            "\nFrom A to B: {same} pages stay, {} come, {} go, {} move",
            added.len(),
            removed.len(),
            moved.len()
        ),
    );
    push_pages(text, "\nPages that come", added);
    push_pages(text, "\nPages that go", removed);
    if moved.is_empty() {
        return;
    }
    line(text, format_args!("\nPages that move"));
    let mut table = Table::default();
    for (before, after) in moved.iter().take(PAGES_MAX) {
        let times = format!("  {} to {}", shown_time(before.at), shown_time(after.at));
        table.open_row(&[times, addressee(before), after.notification.reason.as_str().to_owned(), gist(before)]);
    }
    text.push_str(&table.text());
}
