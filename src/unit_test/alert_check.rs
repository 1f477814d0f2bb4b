//! Alerts that must be there, against those that are.

use model::duration::format_duration;
use rules_engine::alerting::{AlertState, Instance};

use super::file::{AlertTest, ExpectedAlert, TestGroup};
use super::plot;
use super::stage::Stage;

/// What differs, in promtool's form.
pub fn difference(stage: &Stage<'_>, test: &TestGroup, expected: &AlertTest) -> Vec<String> {
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
            differences.push(told(stage, test, expected, (&wanted, &got), suffix));
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

fn told(
    stage: &Stage<'_>,
    test: &TestGroup,
    expected: &AlertTest,
    (wanted, got): (&[ExpectedAlert], &[ExpectedAlert]),
    suffix: &str,
) -> String {
    let name = if test.name.is_empty() { String::new() } else { format!("    name: {},\n", test.name) };
    let (alert, time) = (&expected.alert_name, format_duration(expected.eval_time));
    let (wanted, got) = (listed(wanted), listed(got));
    let plot = plot::of_alert(stage, alert, expected.eval_time);
    format!("{name}    alertname: {alert}, time: {time}{suffix}, \n        exp:{wanted}, \n        got:{got}{plot}\n")
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
