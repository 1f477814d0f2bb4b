//! A drawing of a back-test as SVG: a line for each alert, with bars where it was pending or fired, and a mark for each page.

use std::collections::BTreeMap;
use std::fmt::Write;

use model::Timestamp;

use super::{addressee, gist, shown_time};
use crate::backtest::Period;
use crate::backtest::replay::Outcome;
use crate::backtest::summary::Summary;
use crate::simulate::timeline::Delivered;
use crate::unit_test::outcome::escaped;

/// Alerts drawn, those with the most pages.
const LINES_MAX: usize = 60;

/// Marks of pages, and bars of a line, drawn at most; more of them would hide one another.
const MARKS_MAX: usize = 2_000;

const WIDTH: f64 = 1160.0;
const NAMES: f64 = 260.0;
const LINE: f64 = 18.0;
const BAR: f64 = 10.0;

/// The marks of days.
const TICKS_MAX: usize = 14;

struct Drawing {
    svg: String,
    period: Period,
}

/// The drawing, as an element of a page.
pub(super) fn drawing(outcome: &Outcome, summary: &Summary, period: Period) -> String {
    let receivers: Vec<&str> = summary.receivers.iter().map(|receiver| receiver.receiver.as_str()).collect();
    let alerts: Vec<&str> = summary
        .alerts
        .iter()
        .filter(|alert| alert.fired > 0 || alert.pending_only > 0 || alert.pages > 0)
        .map(|alert| alert.alert.as_str())
        .take(LINES_MAX)
        .collect();
    let lines = receivers.len() + alerts.len();
    let height = LINE * (lines as f64 + 2.0);
    let mut drawing = Drawing { svg: String::new(), period };
    drawing.put(format_args!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">"));
    drawing.axis(height);
    let place: BTreeMap<&str, f64> = lines_from(1.5, &receivers);
    for (receiver, &y) in &place {
        drawing.name(receiver, y);
        let pages = outcome.pages.iter().filter(|page| page.notification.receiver == *receiver);
        pages.take(MARKS_MAX).for_each(|page| drawing.page(page, y));
    }
    let place: BTreeMap<&str, f64> = lines_from(1.5 + receivers.len() as f64, &alerts);
    for (alert, &y) in &place {
        drawing.name(alert, y);
    }
    let mut drawn: BTreeMap<&str, usize> = BTreeMap::new();
    for episode in &outcome.episodes {
        let name = episode.labels.alert_name();
        let count = drawn.entry(name).or_default();
        let Some(&y) = place.get(name).filter(|_| *count < MARKS_MAX) else { continue };
        *count += 1;
        let end = episode.ended_at.unwrap_or(period.to);
        let fired = episode.fired_at.unwrap_or(end);
        let title = format!("{} from {}", episode.labels, shown_time(episode.active_at));
        drawing.bar("pending", (episode.active_at, fired), y, &title);
        if episode.fired_at.is_some() {
            drawing.bar("firing", (fired, end), y, &title);
        }
    }
    drawing.put(format_args!("</svg>\n"));
    drawing.svg
}

fn lines_from<'n>(first: f64, names: &[&'n str]) -> BTreeMap<&'n str, f64> {
    names.iter().enumerate().map(|(at, name)| (*name, (first + at as f64) * LINE)).collect()
}

impl Drawing {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _written = self.svg.write_fmt(text);
    }

    fn x(&self, at: Timestamp) -> f64 {
        let Period { from, to, .. } = self.period;
        let whole = to.since(from).as_secs_f64().max(f64::MIN_POSITIVE);
        NAMES + (WIDTH - NAMES) * (at.since(from).as_secs_f64() / whole).clamp(0.0, 1.0)
    }

    fn axis(&mut self, height: f64) {
        let seconds = self.period.to.since(self.period.from).as_secs();
        let step = [3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400]
            .into_iter()
            .find(|step| seconds / step <= TICKS_MAX as u64)
            .unwrap_or(365 * 86_400);
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let from = self.period.from.as_millis().div_euclid(1000);
        let mut at = (from.div_euclid(step) + 1) * step;
        while Timestamp::from_secs(at) < self.period.to {
            let x = self.x(Timestamp::from_secs(at));
            let time = shown_time(Timestamp::from_secs(at));
            let shown = if step < 86_400 { time.get(5..16) } else { time.get(..10) }.unwrap_or_default();
            self.put(format_args!(
                "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"14\" y2=\"{height:.0}\"/><text x=\"{x:.1}\" y=\"11\">{}</text>",
                escaped(&shown.replace('T', " "))
            ));
            at = at.saturating_add(step);
        }
    }

    fn name(&mut self, name: &str, y: f64) {
        let shown: String =
            if name.chars().count() > 42 { name.chars().take(41).chain(['…']).collect() } else { name.to_owned() };
        let y = y + BAR - 1.0;
        self.put(format_args!("<text x=\"0\" y=\"{y:.1}\"><title>{}</title>{}</text>", escaped(name), escaped(&shown)));
    }

    fn bar(&mut self, class: &str, (from, to): (Timestamp, Timestamp), y: f64, title: &str) {
        if to <= from && class == "pending" {
            return;
        }
        let (x, end) = (self.x(from), self.x(to));
        // Short ones are to be seen too.
        let width = (end - x).max(1.0);
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\"><title>{}</title></rect>",
            escaped(title)
        ));
    }

    fn page(&mut self, page: &Delivered, y: f64) {
        let x = self.x(page.at);
        let is_repeat = page.notification.reason == notifier::notification::Reason::RepeatInterval;
        let class = if is_repeat { "repeat" } else { "page" };
        let title = format!("{} {}: {}", shown_time(page.at), addressee(page), gist(page));
        let y = y + BAR / 2.0;
        self.put(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{}</title></circle>",
            escaped(&title)
        ));
    }
}
