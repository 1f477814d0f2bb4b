//! Where we differ from a recording knowingly, each with its reason (`docs/differences.md` says the same to users).

use regex::Regex;

use super::Manner;

/// Scenarios about the names of labels, replayed in classic mode: since 0.27 a name may be any UTF-8 text, as here.
const CLASSIC: [&str; 4] = ["api_alert_filter", "api_post_invalid", "api_post_partial", "config_reload_tree"];

/// Scenario, regular expression of the differences it may have, reason. In either manner.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "amtool_config",
        r"^\[[\d.]+ amtool config routes ",
        "since 0.26 the URL of a webhook is a secret; amtool 0.25 cannot read `<secret>` as one",
    ),
    ("api_post_invalid", r"\.startsAt: expected .*1970", "an empty startsAt is one not given, not 1970"),
    ("api_post_invalid", r"^webhook /hook/main .*: only in the recording", "so the group waits its group_wait"),
    ("route_nested", r#"alerts/groups\]\.body|severity="info""#, "since 0.31 `group_by: []` overrides the parent's"),
    ("mute_always", r"groups\?muted=false\]\.body", "0.25 did not know the parameter `muted`"),
    ("restart_term_dedup", r"^\[3\.0 GET /api/v2/alerts\]\.body", "alerts survive a restart"),
    ("tmpl_data", r"fields\[2\]\.value: expected .*map\[alertname:CpuHigh\]", "0.34 prints label sets as `a=b, c=d`"),
];

/// The same in our own manner only: what `--compat=alertmanager` switches off.
const OURS: &[(&str, &str, &str)] = &[
    (
        "flap_inside_interval",
        r"^webhook /hook/main .* #2: only in ours",
        "an alert that fires again between two flushes is another episode, and told",
    ),
    (
        "restart_silence_survives",
        r"^webhook /hook/main .* #1\.at: ",
        "told when the silence ends, not at the next flush",
    ),
    ("silence_ends", r"^webhook /hook/main .* #1\.at: ", "told when the silence ends, not at the next flush"),
    ("silence_expire_api", r"^webhook /hook/main .* #1\.at: ", "told when the silence ends, not at the next flush"),
    (
        "reload_moves_receiver",
        r"^webhook /hook/other .* #1\.at: ",
        "a reload moves no timer: the group's next notification is due at its interval",
    ),
    (
        "silence_after_first",
        r"^webhook /hook/main .* #2: only in ours",
        "what was told as firing is told as resolved, once the silence that hid it ends",
    ),
];

/// The same for every scenario; needs not be met in each.
const EVERYWHERE: [(&str, &str); 1] = [(
    r"^smtp .*\.headers\.auto-submitted: only in ours",
    "mails say that no person wrote them, so that nobody's absence answers",
)];

/// Scenarios that need something that does not exist yet.
const WAITING: &[(&str, &str)] = &[];

/// What a scenario waits for, if it does.
pub fn waiting(id: &str) -> Option<&'static str> {
    WAITING.iter().find(|(scenario, _)| *scenario == id).map(|(_, reason)| *reason)
}

/// The feature a scenario is replayed with.
pub fn mode(id: &str) -> Option<&'static str> {
    CLASSIC.contains(&id).then_some("classic-mode")
}

/// The differences that no exception covers, and the exceptions that cover none.
pub fn beyond(id: &str, manner: Manner, differences: Vec<String>) -> Vec<String> {
    let mut left = differences;
    let everywhere = EVERYWHERE.map(|(pattern, _)| Regex::new(pattern).unwrap());
    left.retain(|line| !everywhere.iter().any(|pattern| pattern.is_match(line)));
    let ours = OURS.iter().filter(|_| manner == Manner::Ours);
    for (_, pattern, reason) in EXCEPTIONS.iter().chain(ours).filter(|(scenario, ..)| *scenario == id) {
        let pattern = Regex::new(pattern).unwrap();
        let before = left.len();
        left.retain(|line| !pattern.is_match(line));
        if left.len() == before {
            left.push(format!("no difference needs the exception `{pattern}` ({reason}): remove it"));
        }
    }
    left
}
