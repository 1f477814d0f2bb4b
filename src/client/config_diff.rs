//! What another configuration would change, as text.

use notifier::comparison::{Change, Comparison};

use super::table::Table;

/// Stands where there is nothing on a side.
const NOTHING: &str = "-";

/// A table, and how many alerts it is about.
pub fn text(comparison: &Comparison) -> String {
    let mut table = Table::default();
    if !comparison.changes.is_empty() {
        let first = if comparison.alerts.is_some() { "ALERT" } else { "ROUTE OR RECEIVER" };
        table.open_row(&[first, "RECEIVER", "WHAT", "OLD", "NEW"]);
    }
    for Change { of, receiver, what, old, new } in &comparison.changes {
        let [old, new] = [old, new].map(|side| side.as_deref().unwrap_or(NOTHING));
        let receiver = if receiver.is_empty() { NOTHING } else { receiver.as_str() };
        table.open_row(&[of.as_str(), receiver, *what, old, new]);
    }
    let summary = match (comparison.alerts, comparison.changed_alerts) {
        (Some(all), Some(changed)) => format!("{changed} of {all} alerts change"),
        _ if comparison.changes.is_empty() => "no route, receiver or timing changes".to_owned(),
        _ => return table.text(),
    };
    let gap = if comparison.changes.is_empty() { "" } else { "\n" };
    format!("{}{gap}{summary}\n", table.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_how_many_alerts_change() {
        let change = Change {
            of: "{a=\"b\"}".to_owned(),
            receiver: String::new(),
            what: "receiver",
            old: None,
            new: Some("x".to_owned()),
        };
        let some = Comparison { alerts: Some(2), changed_alerts: Some(1), changes: vec![change] };
        let shown = text(&some);
        assert!(shown.starts_with("ALERT") && shown.contains("{a=\"b\"}") && shown.contains(" - "), "{shown}");
        assert!(shown.ends_with("\n\n1 of 2 alerts change\n"), "{shown}");
        let none = Comparison { alerts: None, changed_alerts: None, changes: Vec::new() };
        assert_eq!(text(&none), "no route, receiver or timing changes\n");
    }
}
