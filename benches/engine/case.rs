//! Test files: generated ones of any size, and those of the corpus.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file that is run.
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) file: PathBuf,
    /// Both must say that its tests pass.
    pub(crate) must_pass: bool,
}

/// How much there is in a generated file.
pub(crate) struct Size {
    name: &'static str,
    /// Half of them counters that rise, half of them `up`.
    series: usize,
    /// Half of them recorded, half of them alerts, some of which fire for half an hour.
    rules: usize,
    /// Evaluations and samples, one a minute.
    minutes: usize,
}

/// What a long window, many series and many rules cost, each by itself, and all of them together.
pub(crate) const FULL: &[Size] = &[
    Size { name: "seven days", series: 20, rules: 10, minutes: 7 * 24 * 60 },
    Size { name: "many series", series: 2_000, rules: 10, minutes: 120 },
    Size { name: "many rules", series: 40, rules: 1_000, minutes: 120 },
    Size { name: "a day of much", series: 400, rules: 100, minutes: 24 * 60 },
];

/// The same kinds, smaller.
pub(crate) const QUICK: &[Size] = &[
    Size { name: "a day", series: 20, rules: 10, minutes: 24 * 60 },
    Size { name: "many series", series: 1_000, rules: 10, minutes: 60 },
    Size { name: "many rules", series: 40, rules: 200, minutes: 60 },
];

/// How long the targets are down in the middle of the window.
const DOWN_MINUTES: usize = 30;

impl Size {
    /// Writes the test file and its rules.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<Case> {
        let Size { name, series, rules, minutes } = self;
        let stem = name.replace(' ', "-");
        fs::write(folder.join(format!("{stem}.rules.yml")), self.rules())?;
        let file = folder.join(format!("{stem}.yml"));
        fs::write(&file, self.tests(&stem))?;
        let title = format!("{name} ({series} series, {rules} rules, {minutes} evaluations)");
        Ok(Case { title, file, must_pass: true })
    }

    fn tests(&self, stem: &str) -> String {
        let (targets, minutes) = (self.series / 2, self.minutes);
        let mut text = format!(
            "rule_files: [{stem}.rules.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n"
        );
        let up = minutes / 2;
        let after = minutes - up - DOWN_MINUTES - 1;
        for target in 0..targets {
            let job = ["api", "db", "cache", "queue"][target % 4];
            let labels = format!(
                "job=\"{job}\", instance=\"10.0.{}.{}:9100\", cluster=\"eu-1\", namespace=\"tenant-{}\"",
                target / 256,
                target % 256,
                target % 20
            );
            let _ = write!(
                text,
                "      - series: 'http_requests_total{{{labels}}}'\n        values: '0+{}x{minutes}'\n",
                30 + target % 7
            );
            let _ = write!(
                text,
                "      - series: 'up{{{labels}}}'\n        values: '1x{up} 0x{} 1x{after}'\n",
                DOWN_MINUTES - 1
            );
        }
        let _ = write!(
            text,
            "    promql_expr_test:\n      - expr: count(up)\n        eval_time: {minutes}m\n        exp_samples: [{{labels: '{{}}', \
             value: {targets}}}]\n      - expr: count(ALERTS{{alertname=\"InstanceDown1\",alertstate=\"firing\"}})\n        \
             eval_time: {}m\n        exp_samples: [{{labels: '{{}}', value: {}}}]\n    alert_rule_test:\n      - {{eval_time: \
             {minutes}m, alertname: InstanceDown1, exp_alerts: []}}\n",
            up + 10,
            targets.div_ceil(4)
        );
        text
    }

    fn rules(&self) -> String {
        let mut text = "groups:\n".to_owned();
        for n in 0..self.rules {
            if n % 50 == 0 {
                let _ = write!(text, "- name: group-{}\n  interval: 1m\n  rules:\n", n / 50);
            }
            text.push_str(&rule(n));
        }
        text
    }
}

/// One of five kinds; the third reads what the first records.
fn rule(n: usize) -> String {
    match n % 5 {
        0 => format!(
            "  - record: job:http_requests:rate5m:{n}\n    expr: sum by (job) (rate(http_requests_total[5m]))\n    labels: \
             {{n: '{n}'}}\n"
        ),
        1 => format!(
            "  - alert: InstanceDown{n}\n    expr: up{{job=\"api\"}} == 0\n    for: 5m\n    labels: {{severity: page}}\n    \
             annotations: {{summary: 'Instance {{{{ $labels.instance }}}} down for {{{{ $value }}}}'}}\n"
        ),
        2 => format!(
            "  - alert: TooManyRequests{n}\n    expr: job:http_requests:rate5m:{} > 100000\n    for: 10m\n    annotations: \
             {{summary: '{{{{ $labels.job }}}} has {{{{ $value | humanize }}}} requests'}}\n",
            n - 2
        ),
        3 => format!(
            "  - record: namespace:up:ratio{n}\n    expr: avg by (namespace) (up) * on (namespace) group_left () count by \
             (namespace) (up)\n"
        ),
        _ => format!(
            "  - alert: Mean{n}\n    expr: avg_over_time(up[15m]) < 0.5 and on (instance) rate(http_requests_total[5m]) > 0\n    \
             annotations: {{summary: x}}\n"
        ),
    }
}

/// The test files of the corpus, by name.
pub(crate) fn of_corpus(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        // Rule files lie beside them.
        if fs::read_to_string(&file)?.contains("\ntests:") {
            let title = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            cases.push(Case { title, file, must_pass: false });
        }
    }
    cases.sort_by(|a, b| a.title.cmp(&b.title));
    Ok(cases)
}
