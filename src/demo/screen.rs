//! The demo in the terminal.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use model::Timestamp;
use rules_engine::alerting::AlertState;

use super::story::{Event, HEROINE, Story};
use crate::inbox::{Page, Tells};

/// Lines of a mail that are shown.
const MAIL_LINES_MAX: usize = 8;

/// What is told, and how.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Whether lines are coloured.
    pub colours: bool,
    /// How this program is called.
    pub program: String,
    /// Where the services are.
    pub url: String,
    /// Where the rules lie.
    pub rules: PathBuf,
    /// Where the notifier's configuration lies.
    pub config: PathBuf,
}

impl Screen {
    /// Prints. Where nobody reads any more, the story goes on unheard.
    pub fn tell(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        drop(writeln!(out, "{text}").and_then(|()| out.flush()));
    }

    /// What comes first.
    pub fn beginning(&self) -> String {
        let Self { url, .. } = self;
        format!(
            "Watchfire demo: rules, notifier and an inbox in one process; a small shop has a bad day.\n\
             Alerts: {}   The story and its inbox: {}   End it with Ctrl-C.\n",
            self.painted(AnsiColor::Cyan, &format!("{url}/")),
            self.painted(AnsiColor::Cyan, &format!("{url}/demo"))
        )
    }

    /// A line or more for something that happened.
    pub fn event(&self, after: Duration, event: &Event) -> String {
        let at = format!("{:5.1}s", after.as_secs_f64());
        match event {
            Event::News(text) => format!("{at}  shop       {}", self.strong(text)),
            Event::Rule { labels, was, is, summary } => {
                let name = printable(labels.alert_name());
                let (colour, word) = match (was, is) {
                    (_, AlertState::Pending) => (AnsiColor::Yellow, "pending"),
                    (_, AlertState::Firing) => (AnsiColor::Red, "firing"),
                    (AlertState::Firing, AlertState::Inactive) => (AnsiColor::Green, "resolved"),
                    (_, AlertState::Inactive) => (AnsiColor::Green, "over before it fired"),
                };
                // The summary of what is over is of its last moment.
                let is_told = *is != AlertState::Inactive && !summary.is_empty();
                let summary = if is_told { format!(": {}", printable(summary)) } else { String::new() };
                format!("{at}  rule       {name} is {}{summary}", self.painted(colour, word))
            }
            Event::Page(page) => self.page(&at, page),
        }
    }

    fn page(&self, at: &str, page: &Page) -> String {
        let colour = match page.tells {
            Tells::Firing => AnsiColor::Red,
            Tells::Resolved => AnsiColor::Green,
            Tells::Other => AnsiColor::White,
        };
        let name = match page.channel {
            "email" => "e-mail",
            other => other,
        };
        let summary = self.painted(colour, &printable(&page.summary));
        let mut text = format!("{at}  {name:<9}  {summary}  → {}", printable(&page.to));
        if page.channel == "email" {
            let lines = page.body.lines().filter(|line| !line.trim().is_empty());
            for line in lines.take(MAIL_LINES_MAX) {
                text.push_str(&format!("\n                  │ {}", printable(line)));
            }
        }
        text
    }

    /// The end of the story.
    pub fn end(&self, story: &Story, now: Timestamp) -> String {
        let took = story.took(now).as_secs_f64();
        let all = format!("\nPending, firing, told three ways, resolved, told three ways: {took:.1} seconds.");
        self.strong(&all)
    }

    /// What has not happened in time.
    pub fn missing(&self, story: &Story, deadline: Duration) -> String {
        let missing = story.missing().join(", ");
        let text = format!("\nNot within {deadline:?}: {missing}. --log.level=debug tells more.");
        self.painted(AnsiColor::Red, &text)
    }

    /// What to try next.
    pub fn hints(&self) -> String {
        let Self { program, url, rules, config, .. } = self;
        let (rules, config) = (rules.display(), config.display());
        let step = |what: &str, how: String| format!("\n  {}\n      {how}", self.strong(what));
        let mut text = String::from(
            "\nThe day goes on: the provider fails again each minute, and soon a disk is full and stays so. Try:",
        );
        text.push_str(&step("look at the inbox", format!("{url}/demo")));
        text.push_str(&step(
            "draw what the rule saw",
            format!("{program} query --query.url={url} --last=2m 'shop:checkout_failures:ratio'"),
        ));
        text.push_str(&step("ask what the rule did", format!("{program} explain rule {HEROINE} --rules.url={url}")));
        text.push_str(&step(
            "ask who is told of it, and why",
            format!("{program} explain {HEROINE} --alertmanager.url={url}; {program} history --alertmanager.url={url}"),
        ));
        let silence = format!(
            "{program} silence add --alertmanager.url={url} --duration=10m --comment='known' alertname=DiskAlmostFull"
        );
        text.push_str(&step("silence the full disk", silence));
        text.push_str(&step("change the rules", format!("$EDITOR {rules}; curl -X POST {url}/-/reload")));
        let own =
            format!("{program} run --config.file={config} --rule.file={rules} --query.url=http://YOUR-PROMETHEUS:9090");
        text.push_str(&step("point it at your Prometheus (with rules and receivers of yours)", own));
        text.push('\n');
        text
    }

    fn painted(&self, colour: AnsiColor, text: &str) -> String {
        self.styled(colour.on_default(), text)
    }

    fn strong(&self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Without what would steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use model::LabelSet;

    use super::*;

    fn screen(colours: bool) -> Screen {
        let (rules, config) = ("/tmp/d/rules.yaml".into(), "/tmp/d/alertmanager.yml".into());
        Screen { colours, program: "watchfire".to_owned(), url: "http://127.0.0.1:9".to_owned(), rules, config }
    }

    #[test]
    fn events_are_lines_without_control_characters() {
        let rule = Event::Rule {
            labels: LabelSet::from_pairs([("alertname", "A\x1b[2J")]),
            was: AlertState::Pending,
            is: AlertState::Firing,
            summary: "40%\nof it".to_owned(),
        };
        let after = Duration::from_millis(5123);
        assert_eq!(screen(false).event(after, &rule), "  5.1s  rule       A\u{fffd}[2J is firing: 40%\u{fffd}of it");
        assert!(screen(true).event(after, &rule).contains("\x1b[31mfiring\x1b[0m"));
        let page = Page {
            number: 1,
            at: Timestamp::EPOCH,
            channel: "email",
            to: "a@b.example".to_owned(),
            tells: Tells::Resolved,
            summary: "[RESOLVED] A".to_owned(),
            body: "one\n\n\x1b]0;two\r\n".to_owned(),
        };
        let shown = screen(false).event(after, &Event::Page(page));
        let expected = "  5.1s  e-mail     [RESOLVED] A  → a@b.example\n                  │ one\n                  │ \u{fffd}]0;two";
        assert_eq!(shown, expected);
    }

    #[test]
    fn hints_name_the_real_address() {
        let hints = screen(false).hints();
        for part in ["--alertmanager.url=http://127.0.0.1:9 ", "--rules.url=http://127.0.0.1:9\n", "/tmp/d/rules.yaml"]
        {
            assert!(hints.contains(part), "{hints}");
        }
    }
}
