//! `info`: labels of info metrics, such as `target_info`, added to the series of the same target.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use model::labels::METRIC_NAME;
use model::{LabelSet, MatchOp, Matcher};

use crate::ast::{At, Call, Duration, Expr};
use crate::eval::context::{Context, Evaluated};
use crate::eval::label_table::{LabelId, Memo};
use crate::eval::node::VectorNode;
use crate::eval::selection::Selection;
use crate::eval::value::Vector;
use crate::eval::window::latest;
use crate::eval::{EvalError, Settings, plan};
use crate::span::Span;

/// The labels that tell which target a series belongs to.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// A call of it.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Info {
    vector: VectorNode,
    info_series: Selection,
    /// What a series' name must match to be an info metric itself, which is not added to.
    own_names: Vec<Matcher>,
    /// Which labels are added; all if none is named.
    wanted: Vec<String>,
    /// Series without info are left out.
    required: bool,
    /// The modifiers around the samples the vector is made of, outermost first.
    modifiers: Vec<(Option<At>, Option<Duration>)>,
    targets: Memo,
    enriched: HashMap<(LabelId, Vec<LabelId>), LabelId, FixedState>,
    span: Span,
}

/// An info series at one instant.
struct Known {
    name: String,
    labels: LabelId,
    at_ms: i64,
}

impl Info {
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<Info> {
        let argument = plan::argument(call, 0)?;
        let mut matchers = match call.arguments.get(1).map(plan::inner) {
            Some(Expr::Vector(selector)) => selector.matchers.clone(),
            _ => Vec::new(),
        };
        let data: Vec<&Matcher> = matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME).collect();
        let wanted = data.iter().map(|matcher| matcher.name().to_owned()).collect();
        let required = data.iter().any(|matcher| !matcher.matches_value(""));
        if matchers.iter().all(|matcher| matcher.name() != METRIC_NAME) {
            matchers.push(Matcher::equal(METRIC_NAME, "target_info"));
        }
        let positive = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op().is_positive();
        if !matchers.iter().any(|matcher| positive(&matcher)) {
            // What is excluded is excluded from the info metrics, not from everything there is.
            matchers.extend(Matcher::of_selector(METRIC_NAME, MatchOp::Regex, ".+_info"));
        }
        let own_names = matchers.iter().filter(positive).cloned().collect();
        let mut modifiers = Vec::new();
        collect_modifiers(argument, &mut modifiers);
        Ok(Info {
            vector: plan::vector(argument, settings)?,
            info_series: Selection::new(matchers),
            own_names,
            wanted,
            required,
            modifiers,
            targets: Memo::default(),
            enriched: HashMap::with_hasher(FixedState::default()),
            span: call.span,
        })
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let vector = self.vector.eval(cx, t_ms)?;
        let mut at_ms = t_ms;
        for (at, offset) in &self.modifiers {
            at_ms = cx.at(*at, at_ms).saturating_sub(cx.offset(offset.as_ref())?);
        }
        let known = self.known_at(cx, at_ms)?;
        let mut result = Vec::with_capacity(vector.len());
        for mut sample in vector {
            if !self.is_info_metric(cx, sample.labels) {
                let target = self.target(cx, sample.labels);
                match known.get(&target) {
                    Some(infos) => sample.labels = self.enriched(cx, sample.labels, infos)?,
                    None if self.required => continue,
                    None => {}
                }
            }
            result.push(sample);
        }
        cx.check_unique(&result)?;
        Ok(result)
    }

    fn is_info_metric(&self, cx: &Context<'_>, labels: LabelId) -> bool {
        let name = cx.metric_name(labels);
        !self.own_names.is_empty() && self.own_names.iter().all(|matcher| matcher.matches_value(name))
    }

    fn target(&mut self, cx: &mut Context<'_>, labels: LabelId) -> LabelId {
        self.targets.get_or(labels, || {
            let target = cx.labels(labels).filter(|name, _| IDENTIFYING.contains(&name));
            cx.table.id(&target)
        })
    }

    /// The info series of each target: of every metric the one whose sample is latest.
    fn known_at(&mut self, cx: &mut Context<'_>, at_ms: i64) -> Evaluated<HashMap<LabelId, Vec<Known>, FixedState>> {
        let (storage, lookback_ms) = (cx.storage, cx.settings.lookback_ms);
        let mut known: HashMap<LabelId, Vec<Known>, FixedState> = HashMap::default();
        let mut found = Vec::new();
        for selected in self.info_series.refresh(cx) {
            let Some(series) = storage.get(selected.id) else { continue };
            if let Some((sample_ms, ..)) = latest(series, at_ms, lookback_ms, &mut selected.cursor) {
                found.push((selected.labels, sample_ms));
            }
        }
        cx.read(found.len())?;
        for (labels, sample_ms) in found {
            let target = self.target(cx, labels);
            let new = Known { name: cx.metric_name(labels).to_owned(), labels, at_ms: sample_ms };
            let infos = known.entry(target).or_default();
            match infos.iter_mut().find(|other| other.name == new.name) {
                None => infos.push(new),
                Some(other) if other.at_ms < new.at_ms => *other = new,
                Some(other) if other.at_ms > new.at_ms => {}
                Some(other) => {
                    let (a, b) = (cx.labels(other.labels).clone(), cx.labels(labels));
                    let message = format!("found duplicate series for info metric: existing {a}, new {b}");
                    return Err(EvalError::at(self.span, message));
                }
            }
        }
        Ok(known)
    }

    fn enriched(&mut self, cx: &mut Context<'_>, base: LabelId, infos: &[Known]) -> Evaluated<LabelId> {
        let key = (base, infos.iter().map(|info| info.labels).collect::<Vec<LabelId>>());
        if let Some(&known) = self.enriched.get(&key) {
            return Ok(known);
        }
        let own = cx.labels(base).clone();
        let mut added = LabelSet::empty();
        for info in infos {
            for (name, value) in cx.labels(info.labels).iter() {
                let identifying = IDENTIFYING.contains(&name) || name == METRIC_NAME;
                let unwanted = !self.wanted.is_empty() && !self.wanted.iter().any(|wanted| wanted == name);
                if identifying || unwanted || own.get(name).is_some() {
                    continue;
                }
                if added.get(name).is_some_and(|other| other != value) {
                    let message = format!("conflicting label: {name}");
                    return Err(EvalError::at(self.span, message));
                }
                added = added.with(name, value);
            }
        }
        let labels = cx.table.id(&own.overlay(added.iter()));
        self.enriched.insert(key, labels);
        Ok(labels)
    }
}

/// The modifiers on the way to the first selector: info series are read when the samples are.
fn collect_modifiers(expr: &Expr, modifiers: &mut Vec<(Option<At>, Option<Duration>)>) -> bool {
    match expr {
        Expr::Vector(selector) => {
            modifiers.push((selector.at, selector.offset.clone()));
            true
        }
        Expr::Range(range) => {
            modifiers.push((range.selector.at, range.selector.offset.clone()));
            true
        }
        Expr::Subquery(subquery) => {
            modifiers.push((subquery.at, subquery.offset.clone()));
            if collect_modifiers(&subquery.expr, modifiers) {
                return true;
            }
            modifiers.pop();
            false
        }
        expr => expr.children().into_iter().any(|child| collect_modifiers(child, modifiers)),
    }
}
