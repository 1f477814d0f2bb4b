//! How much of everything, as the command line says.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// What a run is made of.
#[derive(Clone)]
pub(crate) struct Plan {
    /// How long alerts are posted.
    pub(crate) minutes: f64,
    /// Active alerts.
    pub(crate) alerts: usize,
    /// Groups they lie in.
    pub(crate) groups: usize,
    pub(crate) rules: usize,
    pub(crate) binary: PathBuf,
    /// Where the report, the samples, the picture and the log go.
    pub(crate) out: PathBuf,
}

/// Shorter runs say nothing about growth: what is kept for minutes has not been dropped yet.
const MINUTES_JUDGED_MIN: f64 = 10.0;

impl Plan {
    /// From the arguments of the program.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("the target folder")?;
        let mut plan = Self {
            minutes: 3.0,
            alerts: 100_000,
            groups: 10_000,
            rules: 1_000,
            binary: env!("CARGO_BIN_EXE_watchfire").into(),
            out: target.join("soak"),
        };
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{name} wants a value"));
            match name.as_str() {
                "--minutes" => plan.minutes = value()?.parse().context("--minutes wants a number")?,
                "--alerts" => plan.alerts = value()?.parse().context("--alerts wants a number")?,
                "--groups" => plan.groups = value()?.parse().context("--groups wants a number")?,
                "--rules" => plan.rules = value()?.parse().context("--rules wants a number")?,
                "--binary" => plan.binary = value()?.into(),
                "--out" => plan.out = value()?.into(),
                _ => bail!(
                    "{name} is none of --minutes N, --alerts N, --groups N, --rules N, --binary PATH, --out FOLDER"
                ),
            }
        }
        anyhow::ensure!(plan.groups >= 100 && plan.alerts >= plan.groups, "at least 100 groups, none of them empty");
        Ok(plan)
    }

    /// Whether it is long enough to tell growth from a beginning.
    pub(crate) fn is_judged(&self) -> bool {
        self.minutes >= MINUTES_JUDGED_MIN
    }
}
