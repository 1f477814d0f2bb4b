//! Rule files in every dialect, single groups and rules, with every lint.

use std::collections::BTreeSet;

use rules_engine::rule_file::check::{Checks, LintChoice, check_file};
use rules_engine::rule_file::lint::Lint;
use rules_engine::rule_file::{Defaults, Dialect, read, read_any, read_group};

use super::text;

pub fn check(data: &[u8]) {
    let Some((choice, _)) = text::choice(data) else { return };
    let Some(file) = text::file("rules.yml", &data[1..]) else { return };
    let dialect = [Dialect::Any, Dialect::Prometheus, Dialect::Vmalert][usize::from(choice % 3)];
    let promql = if choice & 4 == 0 { promql::Options::default() } else { promql::Options::all() };
    let defaults = Defaults { dialect, promql, ignores_unknown_fields: choice & 8 != 0, ..Defaults::default() };
    let whole = read(&file, &defaults);
    match &whole {
        Ok((_, warnings)) => text::tells(warnings),
        Err(mistakes) => text::tells(mistakes),
    }
    for mistakes in [read_any(&file, &defaults).err(), read_group(&file, "ns", &defaults).err()].iter().flatten() {
        text::tells(mistakes);
    }
    let lints = LintChoice { failing: Lint::ALL.into_iter().collect(), told: BTreeSet::new() };
    let report = check_file(&file, &Checks { defaults, lints, ..Checks::default() });
    assert_eq!(report.outcome.is_ok(), whole.is_ok(), "what can be read can be checked");
    if let (Ok(good), Ok((groups, _))) = (&report.outcome, &whole) {
        assert_eq!(good.rules, groups.iter().map(|group| group.rules.len()).sum::<usize>());
    }
    let _shown = (report.stdout(), report.stderr());
}
