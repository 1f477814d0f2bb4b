//! What a rule reads that other rules record, and who reads what it records.

use promql::selector::selectors;
use rules_engine::engine::Engine;
use rules_engine::io::state::RulesState;
use rules_engine::rule::{Rule, RuleKind};
use serde::Serialize;

use super::Address;
use crate::shown::{SHORT, shown};

/// Relatives of each kind that are shown.
const SHOWN: usize = 30;
/// Rules that may read what a rule records, and are looked at.
const LOOKED_AT: usize = 500;

/// A rule that is read, or reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Relative {
    name: String,
    group: String,
    query: String,
}

/// Rules around a rule.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Relatives {
    pub(super) reads: Vec<Relative>,
    pub(super) read_by: Vec<Relative>,
}

impl Relative {
    fn of(address: &Address) -> Self {
        Self { name: shown(&address.name, SHORT), group: shown(&address.group, SHORT), query: address.query() }
    }
}

impl Relatives {
    /// Of a rule; expressions are parsed while nobody waits for the engine.
    pub(super) fn find<S: RulesState>(rules: &S, rule: &Rule) -> Relatives {
        let options = promql::Options::all();
        let reads = match promql::parse_with(&rule.expr, options) {
            Ok(tree) => rules.with_engine(|engine| recorded(engine, &tree)),
            Err(_) => Vec::new(),
        };
        let read_by = match rule.kind {
            RuleKind::Recording => {
                let may_read = rules.with_engine(|engine| mentioning(engine, &rule.name));
                let reads = |expr: &str| {
                    let tree = promql::parse_with(expr, options);
                    tree.is_ok_and(|tree| selectors(&tree).iter().any(|one| one.selector.selects_metric(&rule.name)))
                };
                let readers = may_read.into_iter().filter(|(expr, _)| reads(expr));
                readers.map(|(_, address)| Relative::of(&address)).take(SHOWN).collect()
            }
            RuleKind::Alerting(_) => Vec::new(),
        };
        Relatives { reads, read_by }
    }
}

/// The rules that record what an expression selects by name.
fn recorded(engine: &Engine, tree: &promql::Expr) -> Vec<Relative> {
    let selected = selectors(tree);
    let named: Vec<_> = selected.iter().filter(|one| one.selector.metric_name().is_some()).collect();
    let mut found = Vec::new();
    for group in engine.groups() {
        for (place, rule) in group.rules().enumerate().filter(|(_, rule)| rule.rule().kind == RuleKind::Recording) {
            if found.len() < SHOWN && named.iter().any(|one| one.selector.selects_metric(&rule.rule().name)) {
                found.push(Relative::of(&Address::of(&group, place, &rule)));
            }
        }
    }
    found
}

/// Expressions with a name in them.
fn mentioning(engine: &Engine, name: &str) -> Vec<(String, Address)> {
    let mut found = Vec::new();
    for group in engine.groups() {
        for (place, rule) in group.rules().enumerate() {
            if found.len() < LOOKED_AT && rule.rule().expr.contains(name) {
                found.push((rule.rule().expr.clone(), Address::of(&group, place, &rule)));
            }
        }
    }
    found
}
