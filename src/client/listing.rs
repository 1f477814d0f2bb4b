//! Alerts, silences, cluster and status as text, in the three forms of amtool.

use model::MatchOp;
use model::labels::ALERT_NAME;
use model::matcher::is_classic_name;
use model::quote::Quoted;

use super::session::Session;
use super::table::Table;
use super::wire::{
    Cluster, MaintenancePreview, Pairs, Schedule, ShownAlert, ShownMaintenance, ShownSilence, SilenceMatcher, Status,
};
use crate::cli::client::OutputFormat;

/// Alerts: tables begin with the one that began first, JSON keeps the notifier's order.
pub fn alerts(session: &Session, mut alerts: Vec<ShownAlert>) -> String {
    if session.output == OutputFormat::Json {
        return Session::json(&alerts);
    }
    alerts.sort_by_key(|alert| alert.starts_at.at());
    let mut table = Table::default();
    if session.output == OutputFormat::Simple {
        table.row(&["Alertname", "Starts At", "Summary", "State"]);
        for alert in &alerts {
            let text = |pairs: &Pairs, name: &str| pairs.get(name).cloned().unwrap_or_default();
            let (name, summary) = (text(&alert.labels, ALERT_NAME), text(&alert.annotations, "summary"));
            table.row(&[&name, &session.layout.print(&alert.starts_at), &summary, &alert.status.state]);
        }
    } else {
        table.row(&["Labels", "Annotations", "Starts At", "Ends At", "Generator URL", "State"]);
        for alert in &alerts {
            table.row(&[
                &pairs(&alert.labels),
                &pairs(&alert.annotations),
                &session.layout.print(&alert.starts_at),
                &session.layout.print(&alert.ends_at),
                &alert.generator_url,
                &alert.status.state,
            ]);
        }
    }
    table.text()
}

/// Silences: tables begin with the one that ends first, JSON keeps the given order.
pub fn silences(session: &Session, mut silences: Vec<ShownSilence>) -> String {
    if session.output == OutputFormat::Json {
        return Session::json(&silences);
    }
    silences.sort_by_key(|shown| shown.silence.ends_at.at());
    let mut table = Table::default();
    if session.output == OutputFormat::Simple {
        table.row(&["ID", "Matchers", "Ends At", "Created By", "Comment"]);
        for shown @ ShownSilence { id, silence, .. } in &silences {
            let ends_at = session.layout.print(&silence.ends_at);
            table.row(&[id, &matchers(&silence.matchers, " "), &ends_at, &silence.created_by, &comment(shown)]);
        }
    } else {
        table.row(&["ID", "Matchers", "Starts At", "Ends At", "Updated At", "Created By", "Comment"]);
        for shown @ ShownSilence { id, silence, updated_at, .. } in &silences {
            table.row(&[
                id,
                &format!("{{{}}}", matchers(&silence.matchers, ",")),
                &session.layout.print(&silence.starts_at),
                &session.layout.print(&silence.ends_at),
                &session.layout.print(updated_at),
                &silence.created_by,
                &comment(shown),
            ]);
        }
    }
    table.text()
}

/// The configuration; with everything about the program; or the whole answer.
pub fn status(output: OutputFormat, status: &Status) -> String {
    let original = &status.config.original;
    let info = &status.version_info;
    match output {
        OutputFormat::Json => Session::json(status),
        OutputFormat::Simple => format!("{original}\n"),
        OutputFormat::Extended => format!(
            "{original}\nbuildUser {}\ngoVersion {}\nrevision {}\nversion {}\nbranch {}\nbuildDate {}\nuptime {}\n",
            info.build_user,
            info.go_version,
            info.revision,
            info.version,
            info.branch,
            info.build_date,
            status.uptime.as_str(),
        ),
    }
}

/// The cluster's state; with its peers by address; or the answer.
pub fn cluster(output: OutputFormat, cluster: &Cluster) -> String {
    if output == OutputFormat::Json {
        return Session::json(cluster);
    }
    let mut table = Table::default();
    table.open_row(&["Cluster Status:", &cluster.status]);
    table.open_row(&["Node Name:", &cluster.name]);
    if output == OutputFormat::Extended {
        table.open_row(&[""]);
        table.open_row(&["Address", "Name"]);
        let mut peers = cluster.peers.clone();
        peers.sort();
        for peer in &peers {
            table.open_row(&[&peer.address, &peer.name]);
        }
    }
    table.text()
}

pub(crate) fn pairs(pairs: &Pairs) -> String {
    let mut shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    shown.sort();
    shown.join(" ")
}

fn matchers(matchers: &[SilenceMatcher], between: &str) -> String {
    let shown: Vec<String> = matchers.iter().map(matcher).collect();
    shown.join(between)
}

/// A comment, and in brackets what Alertmanager's silences are not.
fn comment(shown: &ShownSilence) -> String {
    let mut text = shown.silence.comment.clone();
    if shown.silence.until_resolved {
        text += " [until resolved]";
    }
    if let Some(schedule) = &shown.schedule {
        text += &format!(" [recurs: {}]", recurs(schedule));
    }
    text.trim_start().to_owned()
}

fn recurs(schedule: &Schedule) -> String {
    format!("{} {} for {}", schedule.cron, schedule.timezone, schedule.duration)
}

/// Recurring silences, the one that comes next first.
pub fn schedules(session: &Session, mut schedules: Vec<ShownMaintenance>) -> String {
    if session.output == OutputFormat::Json {
        return Session::json(&schedules);
    }
    let next = |one: &ShownMaintenance| one.occurrences.first().map(|occurrence| occurrence.starts_at.at());
    schedules.sort_by_key(|one| (next(one).is_none(), next(one)));
    let mut table = Table::default();
    table.row(&["ID", "Matchers", "Recurs", "Next", "Until", "Created By", "Comment"]);
    for one in &schedules {
        let next = match one.occurrences.first() {
            Some(occurrence) => occurrence.local_starts_at.as_str(),
            None if one.status.state == "expired" => "ended",
            None => "",
        };
        let until = one.schedule.until.as_ref().map(|until| session.layout.print(until)).unwrap_or_default();
        let recurs = format!("{}{}", recurs(&one.schedule), if one.until_resolved { " [until resolved]" } else { "" });
        table.row(&[&one.id, &matchers(&one.matchers, " "), &recurs, next, &until, &one.created_by, &one.comment]);
    }
    table.text()
}

/// The next times of a recurring silence, on the clock of its zone and in UTC.
pub fn occurrences(zone: &str, preview: &MaintenancePreview) -> String {
    let mut table = Table::default();
    table.open_row(&[&*format!("Begins ({zone})"), "Ends", "Begins (UTC)", "Ends (UTC)", ""]);
    for occurrence in &preview.occurrences {
        table.open_row(&[
            occurrence.local_starts_at.as_str(),
            &occurrence.local_ends_at,
            &occurrence.starts_at.at().to_rfc3339(),
            &occurrence.ends_at.at().to_rfc3339(),
            occurrence.note.as_deref().unwrap_or_default(),
        ]);
    }
    let covered = preview.matching_alerts;
    format!("{}{covered} alerts that fire now match\n", table.text())
}

fn matcher(matcher: &SilenceMatcher) -> String {
    let op = match (matcher.is_equal, matcher.is_regex) {
        (true, false) => MatchOp::Equal,
        (false, false) => MatchOp::NotEqual,
        (true, true) => MatchOp::Regex,
        (false, true) => MatchOp::NotRegex,
    };
    let value = Quoted(&matcher.value);
    if is_classic_name(&matcher.name) {
        return format!("{}{}{value}", matcher.name, op.as_str());
    }
    format!("{}{}{value}", Quoted(&matcher.name), op.as_str())
}
