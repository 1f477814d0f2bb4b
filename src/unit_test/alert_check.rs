//! Alerts that must be there, against those that are.

use model::duration::format_duration;
use rules_engine::alerting::{AlertState, Instance};

use super::file::{AlertTest, ExpectedAlert, TestGroup};
use super::plot;
use super::stage::Stage;

/// What differs, in promtool's form.
pub fn difference(stage: &Stage<'_>, test: &TestGroup, expected: &AlertTest, is_listed_short: bool) -> Vec<String> {
    let states = [
        (AlertState::Firing, Some(&expected.firing), ""),
        (AlertState::Pending, expected.pending.as_ref(), ", pending"),
        (AlertState::Inactive, expected.resolved.as_ref(), ", resolved"),
    ];
    let mut differences = Vec::new();
    for (state, wanted, suffix) in states {
        let Some(wanted) = wanted else { continue };
        let (mut wanted, got) = (wanted.clone(), alerts(stage, &expected.alert_name, state));
        wanted.sort();
        if wanted != got {
            let lists = if is_listed_short { unlike(&wanted, &got) } else { both(&wanted, &got) };
            differences.push(told(stage, test, expected, &lists, suffix));
        }
    }
    differences
}

/// The alerts of a name in a state, by their labels.
fn alerts(stage: &Stage<'_>, name: &str, state: AlertState) -> Vec<ExpectedAlert> {
    let in_state = |instance: &&Instance| instance.course.state == state;
    let mut alerts: Vec<ExpectedAlert> = Vec::new();
    for rule in stage.alerting_rules(name) {
        let found = rule.instances().iter().filter(in_state).map(|instance| ExpectedAlert {
            labels: instance.labels.clone(),
            annotations: instance.annotations.clone(),
        });
        alerts.extend(found);
    }
    alerts.sort();
    alerts
}

fn told(stage: &Stage<'_>, test: &TestGroup, expected: &AlertTest, lists: &str, suffix: &str) -> String {
    let name = if test.name.is_empty() { String::new() } else { format!("    name: {},\n", test.name) };
    let (alert, time) = (&expected.alert_name, format_duration(expected.eval_time));
    let plot = plot::of_alert(stage, alert, expected.eval_time);
    format!("{name}    alertname: {alert}, time: {time}{suffix}, \n        {lists}{plot}\n")
}

fn both(wanted: &[ExpectedAlert], got: &[ExpectedAlert]) -> String {
    format!("exp:{}, \n        got:{}", listed(wanted), listed(got))
}

/// What is only in one of two sorted lists, an alert as often as it is there more often.
fn unlike(wanted: &[ExpectedAlert], got: &[ExpectedAlert]) -> String {
    let mut extra = got.to_vec();
    let mut lines = Vec::new();
    for alert in wanted {
        match extra.iter().position(|other| other == alert) {
            Some(at) => drop(extra.remove(at)),
            None => lines.push(('-', alert)),
        }
    }
    lines.extend(extra.iter().map(|alert| ('+', alert)));
    let line = |(sign, alert): &(char, &ExpectedAlert)| {
        format!("\n          {sign} Labels:{} Annotations:{}", alert.labels, alert.annotations)
    };
    format!("diff:{}", lines.iter().map(line).collect::<String>())
}

fn listed(alerts: &[ExpectedAlert]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let one = |(index, alert): (usize, &ExpectedAlert)| {
        let indent = " ".repeat(14);
        let (labels, annotations) = (&alert.labels, &alert.annotations);
        format!("            {index}:\n{indent}Labels:{labels}\n{indent}Annotations:{annotations}\n")
    };
    format!("[\n{}            ]", alerts.iter().enumerate().map(one).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: &str) -> ExpectedAlert {
        ExpectedAlert { labels: [("alertname", name)].into_iter().collect(), annotations: Default::default() }
    }

    #[test]
    fn a_short_list_has_what_is_missing_and_what_is_too_many() {
        let (wanted, got) = ([alert("A"), alert("B"), alert("B")], [alert("B"), alert("C")]);
        let line =
            |sign: char, name: &str| format!("\n          {sign} Labels:{{alertname=\"{name}\"}} Annotations:{{}}");
        let expected = format!("diff:{}{}{}", line('-', "A"), line('-', "B"), line('+', "C"));
        assert_eq!(unlike(&wanted, &got), expected);
    }
}
