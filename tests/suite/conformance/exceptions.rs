//! Where we differ from a recording knowingly, each with its reason (`docs/differences.md` says the same to users).

use regex::Regex;

/// Scenario, regular expression of the differences it may have, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Scenarios that need something that does not exist yet.
const WAITING: &[(&str, &str)] = &[
    ("slack_basic", "the Slack receiver"),
    ("slack_fields_actions", "the Slack receiver"),
    ("tmpl_control", "the Slack receiver"),
    ("tmpl_data", "the Slack receiver"),
    ("tmpl_files", "the Slack receiver"),
    ("tmpl_strings", "the Slack receiver"),
];

/// What a scenario waits for, if it does.
pub fn waiting(id: &str) -> Option<&'static str> {
    WAITING.iter().find(|(scenario, _)| *scenario == id).map(|(_, reason)| *reason)
}

/// The differences that no exception covers, and the exceptions that cover none.
pub fn beyond(id: &str, differences: Vec<String>) -> Vec<String> {
    let mut left = differences;
    for (_, pattern, reason) in EXCEPTIONS.iter().filter(|(scenario, ..)| *scenario == id) {
        let pattern = Regex::new(pattern).unwrap();
        let before = left.len();
        left.retain(|line| !pattern.is_match(line));
        if left.len() == before {
            left.push(format!("no difference needs the exception `{pattern}` ({reason}): remove it"));
        }
    }
    left
}
