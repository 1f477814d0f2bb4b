//! A prepared expression, and what it answers.

use std::fmt;

use model::LabelSet;

use super::annotation::Annotations;
use super::context::{Context, Evaluated};
use super::label_table::{LabelTable, Slots};
use super::node::{ScalarNode, VectorNode};
use super::range_source::RangeSource;
use super::storage::Storage;
use super::value::{Value, Vector};
use super::{EvalError, Settings, plan};
use crate::ast::{Expr, ValueType};
use crate::{ParseError, parse_with};

/// An expression that can be asked at any number of instants.
#[derive(Debug, Clone)]
pub struct Query {
    expr: Expr,
    settings: Settings,
    plan: Plan,
    table: LabelTable,
    unique: Slots,
    runs: u64,
}

/// Once a query has met so many label sets it forgets them all and begins anew. Bounds its memory.
const LABEL_SETS_MAX: usize = 1 << 21;

#[derive(Debug, Clone)]
enum Plan {
    Scalar(ScalarNode),
    Vector(VectorNode),
    Matrix(RangeSource),
    Text(String),
}

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unprepared {
    /// It does not parse, or its types do not fit. Never empty.
    Parse(Vec<ParseError>),
    /// It cannot be evaluated, whatever the series are.
    Eval(EvalError),
}

/// A result, and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The result.
    pub data: Data,
    /// Remarks about it.
    pub annotations: Annotations,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A number.
    Scalar(f64),
    /// A text.
    Text(String),
    /// Series with one sample each, in the order the query gives them.
    Vector(Vec<InstantSample>),
    /// Series with any number of samples, by their labels.
    Matrix(Vec<Row>),
}

/// A series of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct InstantSample {
    /// Its labels, the metric name among them where it has one.
    pub labels: LabelSet,
    /// Its value.
    pub value: Value,
}

/// A series of a result over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its labels.
    pub labels: LabelSet,
    /// Time in milliseconds and value of each sample, oldest first.
    pub points: Vec<(i64, Value)>,
}

impl Query {
    /// Reads an expression.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn prepare(text: &str, settings: &Settings) -> Result<Query, Unprepared> {
        let expr = parse_with(text, settings.language).map_err(Unprepared::Parse)?;
        Query::of(expr, settings).map_err(Unprepared::Eval)
    }

    /// A query of a parsed expression.
    ///
    /// # Errors
    /// It cannot be evaluated, whatever the series are: a pattern in `label_replace` that is none, for example.
    pub fn of(expr: Expr, settings: &Settings) -> Result<Query, EvalError> {
        let plan = Plan::of(&expr, settings)?;
        let settings = settings.clone();
        Ok(Query { expr, settings, plan, table: LabelTable::new(), unique: Slots::default(), runs: 0 })
    }

    /// The expression.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// What the expression gives at an instant.
    ///
    /// # Errors
    /// The series do not fit the expression, or there are too many samples.
    pub fn instant(&mut self, storage: &Storage, at_ms: i64) -> Result<Answer, EvalError> {
        self.run(storage, (at_ms, at_ms, 0), |plan, cx| plan.instant(cx, at_ms))
    }

    /// What the expression gives at each step from `start_ms` to `end_ms`, as a matrix.
    ///
    /// # Errors
    /// As [`Query::instant`]; also for texts and range vectors, which have no place in a range query, and for a step
    /// that is not positive.
    pub fn range(&mut self, storage: &Storage, start_ms: i64, end_ms: i64, step_ms: i64) -> Result<Answer, EvalError> {
        if step_ms <= 0 {
            return Err(EvalError::new("the step of a range query must be greater than 0"));
        }
        if matches!(self.plan, Plan::Matrix(_) | Plan::Text(_)) {
            let got = self.expr.value_type();
            let message =
                format!("invalid expression type \"{got}\" for range query, must be Scalar or instant Vector");
            return Err(EvalError::at(self.expr.span(), message));
        }
        self.run(storage, (start_ms, end_ms, step_ms), Plan::range)
    }

    fn run(
        &mut self,
        storage: &Storage,
        (start_ms, end_ms, step_ms): (i64, i64, i64),
        evaluate: impl FnOnce(&mut Plan, &mut Context<'_>) -> Evaluated<Data>,
    ) -> Result<Answer, EvalError> {
        if self.table.len() > LABEL_SETS_MAX {
            self.plan = Plan::of(&self.expr, &self.settings)?;
            self.table = LabelTable::new();
            self.unique = Slots::default();
        }
        self.runs += 1;
        let mut cx = Context {
            storage,
            settings: &self.settings,
            table: &mut self.table,
            annotations: Annotations::default(),
            start_ms,
            end_ms,
            step_ms,
            run: self.runs,
            samples: 0,
            unique: &mut self.unique,
        };
        let data = evaluate(&mut self.plan, &mut cx)?;
        Ok(Answer { data, annotations: cx.annotations })
    }
}

impl Plan {
    fn of(expr: &Expr, settings: &Settings) -> Evaluated<Plan> {
        Ok(match expr.value_type() {
            ValueType::Scalar => Plan::Scalar(plan::scalar(expr, settings)?),
            ValueType::Vector => Plan::Vector(plan::vector(expr, settings)?),
            ValueType::Matrix => Plan::Matrix(plan::range(expr, settings)?),
            ValueType::String => Plan::Text(plan::text(expr)?),
        })
    }

    fn instant(&mut self, cx: &mut Context<'_>, at_ms: i64) -> Evaluated<Data> {
        Ok(match self {
            Plan::Scalar(node) => Data::Scalar(node.eval(cx, at_ms)?),
            Plan::Text(text) => Data::Text(text.clone()),
            Plan::Vector(node) => {
                let vector = node.eval(cx, at_ms)?;
                let vector = named(cx, vector)?;
                let sample = |sample: super::value::Sample| InstantSample {
                    labels: cx.labels(sample.labels).clone(),
                    value: sample.value,
                };
                Data::Vector(vector.into_iter().map(sample).collect())
            }
            Plan::Matrix(source) => {
                let mut rows = Vec::new();
                source.visit(cx, at_ms, |cx, visited| {
                    let labels = if visited.drop_name { cx.table.nameless(visited.labels) } else { visited.labels };
                    rows.push(Row { labels: cx.labels(labels).clone(), points: visited.window.in_order() });
                    Ok(())
                })?;
                rows.sort_by(|a, b| a.labels.cmp(&b.labels));
                Data::Matrix(rows)
            }
        })
    }

    fn range(&mut self, cx: &mut Context<'_>) -> Evaluated<Data> {
        cx.check_steps(cx.start_ms, cx.end_ms, cx.step_ms)?;
        let mut rows: Vec<Row> = Vec::new();
        let mut places = Slots::default();
        places.clear();
        let mut kept = 0;
        let mut t_ms = cx.start_ms;
        while t_ms <= cx.end_ms {
            cx.samples = kept;
            let vector = match self {
                Plan::Scalar(node) => {
                    let labels = super::node::no_labels(cx);
                    let value = Value::Float(node.eval(cx, t_ms)?);
                    vec![super::value::Sample { labels, drop_name: false, value }]
                }
                Plan::Vector(node) => {
                    let vector = node.eval(cx, t_ms)?;
                    named(cx, vector)?
                }
                Plan::Matrix(_) | Plan::Text(_) => Vec::new(),
            };
            kept += vector.len();
            for sample in vector {
                let place = places.get(sample.labels).unwrap_or_else(|| {
                    let place = u32::try_from(rows.len()).unwrap_or(u32::MAX);
                    places.put(sample.labels, place);
                    rows.push(Row { labels: cx.labels(sample.labels).clone(), points: Vec::new() });
                    place
                });
                if let Some(row) = rows.get_mut(place as usize) {
                    row.points.push((t_ms, sample.value));
                }
            }
            match t_ms.checked_add(cx.step_ms) {
                Some(next_ms) => t_ms = next_ms,
                None => break,
            }
        }
        rows.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Data::Matrix(rows))
    }
}

/// A vector without the names that were to go.
fn named(cx: &mut Context<'_>, mut vector: Vector) -> Evaluated<Vector> {
    for sample in vector.iter_mut().filter(|sample| sample.drop_name) {
        sample.labels = cx.table.nameless(sample.labels);
        sample.drop_name = false;
    }
    cx.check_unique(&vector)?;
    Ok(vector)
}

impl Unprepared {
    /// The first thing that is wrong, with its place, as Prometheus shows it. `text` is the expression.
    pub fn located(&self, text: &str) -> String {
        match self {
            Unprepared::Parse(errors) => errors.first().map(|error| error.located(text)).unwrap_or_default(),
            Unprepared::Eval(error) => error.located(text),
        }
    }
}

impl fmt::Display for Unprepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unprepared::Parse(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    write!(f, "{separator}{error}")?;
                }
                Ok(())
            }
            Unprepared::Eval(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for Unprepared {}
