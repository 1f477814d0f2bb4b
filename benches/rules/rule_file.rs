//! The rules that are evaluated: half of them alerts that fire, half recordings, all independent of one another.

use std::fmt::Write as _;

/// Rules in one group.
const GROUP: usize = 50;

/// So many rules in groups of fifty. Each expression names its rule and asks for so many `series`.
pub(crate) fn rules(count: usize, series: usize, interval_secs: u64) -> String {
    let mut text = "groups:\n".to_owned();
    for n in 0..count {
        if n % GROUP == 0 {
            let group = n / GROUP;
            let _ = write!(text, "- name: group-{group}\n  interval: {interval_secs}s\n  rules:\n");
        }
        let _ = match n % 2 {
            0 => write!(
                text,
                "  - alert: WorkloadIsDegraded{n}\n    expr: asked_{series}{{rule=\"{n}\"}} > 0\n    labels:\n      \
                 severity: warning\n    annotations:\n      summary: A workload is degraded\n      description: Workload \
                 {{{{ $labels.pod }}}} in namespace {{{{ $labels.namespace }}}} has {{{{ $value }}}} restarts.\n"
            ),
            _ => write!(
                text,
                "  - record: workload:degraded:{n}\n    expr: asked_{series}{{rule=\"{n}\"}}\n    labels:\n      \
                 source: rules\n"
            ),
        };
    }
    text
}
