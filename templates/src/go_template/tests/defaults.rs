//! Every default template, beside the text that Alertmanager's own makes of the same alerts.

use std::process::Command;

use super::notifications::{DATA, render};
use crate::go_template::Escape;

const THEIRS: &str = "/usr/share/prometheus/alertmanager/default.tmpl";

/// The default templates of Alertmanager 0.25.
const NAMES: [&str; 35] = [
    "discord.default.message",
    "discord.default.title",
    "opsgenie.default.description",
    "opsgenie.default.message",
    "opsgenie.default.source",
    "pagerduty.default.client",
    "pagerduty.default.clientURL",
    "pagerduty.default.description",
    "pushover.default.message",
    "pushover.default.title",
    "pushover.default.url",
    "slack.default.callbackid",
    "slack.default.fallback",
    "slack.default.footer",
    "slack.default.iconemoji",
    "slack.default.iconurl",
    "slack.default.pretext",
    "slack.default.text",
    "slack.default.title",
    "slack.default.titlelink",
    "slack.default.username",
    "sns.default.message",
    "sns.default.subject",
    "telegram.default.message",
    "victorops.default.entity_display_name",
    "victorops.default.monitoring_tool",
    "victorops.default.state_message",
    "webex.default.message",
    "wechat.default.agent_id",
    "wechat.default.message",
    "wechat.default.to_party",
    "wechat.default.to_tag",
    "wechat.default.to_user",
    "__subject",
    "__alertmanagerURL",
];

#[test]
fn all_make_alertmanagers_bytes() {
    let theirs = |text: &str, mode: &str, data: &std::path::Path| {
        let mut command = Command::new("amtool");
        command.args(["template", "render", "--template.glob", THEIRS, "--template.text", text]);
        command.args(["--template.type", mode, "--template.data"]).arg(data);
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let folder = std::env::temp_dir().join(format!("watchfire-defaults-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let data = folder.join("data.json");
    std::fs::write(&data, DATA).expect("a file");
    let mut wrong = Vec::new();
    for (name, mode, escape) in
        NAMES.iter().flat_map(|name| [(name, "text", Escape::None), (name, "html", Escape::Html)])
    {
        let text = format!("{{{{ template {name:?} . }}}}");
        let Some(wanted) = theirs(&text, mode, &data) else {
            skipped();
            return;
        };
        let found = render(&text, escape).unwrap_or_else(|error| error.to_string());
        if found != wanted {
            wrong.push(format!("{name}\n  want {wanted:?}\n  got  {found:?}"));
        }
    }
    std::fs::remove_dir_all(&folder).expect("a folder");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped() {
    eprintln!("skipped: all_make_alertmanagers_bytes needs amtool and Alertmanager's templates");
}
