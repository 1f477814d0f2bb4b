//! A page that stands alone: no script, nothing from elsewhere. Everything that comes from files or series is escaped.

use std::fmt::Write;

use super::{ALERT_HEADS, Report, Side, addressee, alert_row, gist, shown_time, timeline};
use crate::simulate::timeline::Delivered;
use crate::unit_test::outcome::escaped;

/// Most pages listed in a table; the JSON has all.
const PAGES_MAX: usize = 2_000;

const STYLE: &str = "\
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1rem;color:#1c1e21;background:#fff}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p{color:#555}\
table{border-collapse:collapse;margin:.5rem 0}th,td{padding:.2rem .7rem .2rem 0;text-align:left;vertical-align:top}\
th{font-weight:600;border-bottom:1px solid #ccc}td.n,th.n{text-align:right}td{border-bottom:1px solid #eee}\
svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:#555}\
.firing{fill:#c62828}.pending{fill:#f0b429}.page{fill:#1c1e21}.axis{stroke:#ddd}.repeat{fill:#9e9e9e}\
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181b}p,svg text{color:#aaa;fill:#aaa}td{border-color:#2b2e33}\
.page{fill:#e6e6e6}.axis{stroke:#333}}";

/// The whole page.
pub fn html(report: &Report<'_>) -> String {
    let mut out = Out::default();
    let period = format!("{} to {}", shown_time(report.period.from), shown_time(report.period.to));
    out.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    out.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
    out.element("title", &format!("Back-test {period}"));
    out.raw("<style>").raw(STYLE).raw("</style></head><body>\n");
    out.element("h1", "Back-test").element("p", &period);
    for (name, side) in report.sides() {
        out.side(report, name, side);
    }
    if let Some(comparison) = report.comparison() {
        out.element("h2", "From A to B");
        let (added, removed, moved) = (comparison.added.len(), comparison.removed.len(), comparison.moved.len());
        out.element("p", &format!("{} pages stay, {added} come, {removed} go, {moved} move.", comparison.same));
        out.pages("Pages that come", comparison.added.iter().copied());
        out.pages("Pages that go", comparison.removed.iter().copied());
        out.moved(&comparison.moved);
    } else {
        out.pages("Pages", report.first.outcome.pages.iter());
    }
    out.raw("</body></html>\n");
    out.0
}

#[derive(Default)]
struct Out(String);

impl Out {
    fn raw(&mut self, html: &str) -> &mut Out {
        self.0.push_str(html);
        self
    }

    fn element(&mut self, name: &str, text: &str) -> &mut Out {
        // Writing to a text cannot fail.
        let _written = writeln!(self.0, "<{name}>{}</{name}>", escaped(text));
        self
    }

    fn row(&mut self, cell: &str, texts: &[&str], numbers: &[String]) {
        self.raw("<tr>");
        for text in texts {
            let _written = write!(self.0, "<{cell}>{}</{cell}>", escaped(text));
        }
        for number in numbers {
            let _written = write!(self.0, "<{cell} class=\"n\">{}</{cell}>", escaped(number));
        }
        self.raw("</tr>\n");
    }

    fn side(&mut self, report: &Report<'_>, name: &str, side: &Side<'_>) {
        let days = report.period.to.since(report.period.from).as_secs_f64() / 86_400.0;
        let (pages, a_day) = (side.summary.pages, side.summary.pages as f64 / days.max(f64::MIN_POSITIVE));
        let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
        self.element("h2", &format!("{name}{pages} pages, {a_day:.1} a day"));
        self.element("p", &format!("{} rules ({}), {} evaluations", side.rules, side.files, side.outcome.evaluations));
        self.raw(&timeline::drawing(side.outcome, &side.summary, report.period));
        self.receivers(side);
        self.alerts(side);
        if !side.outcome.failures.is_empty() {
            self.element("h2", "Rules that could not be evaluated").raw("<table>");
            for (rule, failing) in &side.outcome.failures {
                let count = [failing.count.to_string()];
                self.row("td", &[rule.as_str(), &failing.reason, &shown_time(failing.first_at)], &count);
            }
            self.raw("</table>\n");
        }
        if !side.outcome.notes.is_empty() {
            self.element("h2", "Not as it was").raw("<ul>");
            for note in &side.outcome.notes {
                self.element("li", note);
            }
            self.raw("</ul>\n");
        }
    }

    fn receivers(&mut self, side: &Side<'_>) {
        self.raw("<table>");
        self.row("th", &["Receiver"], &["Pages", "Firing", "Resolved", "Repeats"].map(str::to_owned));
        for receiver in &side.summary.receivers {
            let numbers = [receiver.pages, receiver.firing, receiver.resolved, receiver.repeats];
            self.row("td", &[&receiver.receiver], &numbers.map(|number| number.to_string()));
        }
        self.raw("</table>\n");
    }

    fn alerts(&mut self, side: &Side<'_>) {
        self.raw("<table>");
        self.row("th", &["Alert"], &ALERT_HEADS.map(str::to_owned));
        for alert in &side.summary.alerts {
            self.row("td", &[&alert.alert], &alert_row(alert, "–"));
        }
        self.raw("</table>\n");
    }

    fn pages<'p>(&mut self, title: &str, pages: impl ExactSizeIterator<Item = &'p Delivered>) {
        let count = pages.len();
        if count == 0 {
            return;
        }
        self.element("h2", title).raw("<table>");
        self.row("th", &["When", "To", "Why", "What"], &[]);
        for page in pages.take(PAGES_MAX) {
            let reason = page.notification.reason.as_str();
            self.row("td", &[&shown_time(page.at), &addressee(page), reason, &gist(page)], &[]);
        }
        self.raw("</table>\n");
        if count > PAGES_MAX {
            self.element("p", &format!("and {} more: the JSON has them", count - PAGES_MAX));
        }
    }

    fn moved(&mut self, moved: &[(&Delivered, &Delivered)]) {
        if moved.is_empty() {
            return;
        }
        self.element("h2", "Pages that move").raw("<table>");
        self.row("th", &["From", "To", "Receiver", "What"], &[]);
        for (before, after) in moved.iter().take(PAGES_MAX) {
            let times = (shown_time(before.at), shown_time(after.at));
            self.row("td", &[&times.0, &times.1, &addressee(before), &gist(before)], &[]);
        }
        self.raw("</table>\n");
    }
}
