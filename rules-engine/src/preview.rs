//! A rule evaluated once, now, without consequences: nothing is sent, written, remembered or counted.
//!
//! An engine of its own evaluates the rule; what it wants to write is kept to be shown, what it wants to send is not sent.

use std::sync::Arc;
use std::time::Duration;

use model::{LabelSet, Timestamp};

use crate::alerting::AlertState;
use crate::engine::{Effect, Engine, Health, QueryId, Settings};
use crate::rule::{Rule, RuleGroup, RuleKind, Source};
use crate::sample::{QueryAnswer, QueryFailure, Sample};

/// The interval of the engine that evaluates: its first slot is at most this far from now.
const INTERVAL: Duration = Duration::from_millis(1);

/// One rule under way.
#[derive(Debug)]
pub struct Preview {
    engine: Engine,
    rule: Arc<Rule>,
    samples: Vec<Sample>,
}

/// A query that the preview needs answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// To answer with.
    pub id: QueryId,
    /// Who is asked.
    pub source: Arc<Source>,
    /// PromQL.
    pub expr: Arc<str>,
    /// The instant to evaluate at.
    pub at: Timestamp,
    /// Until when the answer is waited for.
    pub deadline: Timestamp,
}

/// What would come of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Previewed {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Why its evaluation failed.
    pub error: Option<String>,
    /// What the query API warned of, and texts that could not be rendered.
    pub warnings: Vec<String>,
    /// Series in the result.
    pub series: usize,
    /// The alerts.
    pub alerts: Vec<PreviewedAlert>,
    /// What a recording rule would write.
    pub samples: Vec<Sample>,
}

/// An alert that would come up.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewedAlert {
    /// Its labels, templates expanded.
    pub labels: LabelSet,
    /// Its annotations, templates expanded.
    pub annotations: LabelSet,
    /// Pending if its rule has a `for`.
    pub state: AlertState,
    /// The value of its series.
    pub value: f64,
}

impl Preview {
    /// Begins to evaluate each rule of a group for itself: none sees what another would write.
    pub fn of(group: &RuleGroup, settings: &Settings, now: Timestamp) -> Vec<(Preview, Vec<Wanted>)> {
        group.rules.iter().map(|rule| Preview::begin(group, rule, settings, now)).collect()
    }

    fn begin(group: &RuleGroup, rule: &Arc<Rule>, settings: &Settings, now: Timestamp) -> (Preview, Vec<Wanted>) {
        let alone = RuleGroup { interval: INTERVAL, rules: vec![Arc::clone(rule)], ..group.clone() };
        // No past is asked for, and everything that would be written is shown.
        let settings = Settings { writes: true, for_outage_tolerance: Duration::ZERO, ..settings.clone() };
        let mut preview =
            Preview { engine: Engine::new(settings.clone()), rule: Arc::clone(rule), samples: Vec::new() };
        let mut effects = Vec::new();
        preview.engine.configure(now.minus(INTERVAL), vec![alone], settings, &mut effects);
        preview.engine.advance(now, &mut effects);
        // One evaluation is enough.
        preview.engine.stop();
        let wanted = preview.take(now, effects);
        (preview, wanted)
    }

    /// A query has been answered: these are to be answered next. Done once none is left.
    pub fn answered(&mut self, now: Timestamp, id: QueryId, answer: Result<QueryAnswer, QueryFailure>) -> Vec<Wanted> {
        // Whoever asks sees the failure and may ask again.
        let answer = answer.map_err(|failure| QueryFailure { is_passing: false, ..failure });
        let mut effects = Vec::new();
        self.engine.queried(now, id, answer, &mut effects);
        self.take(now, effects)
    }

    fn take(&mut self, now: Timestamp, effects: Vec<Effect>) -> Vec<Wanted> {
        let (mut wanted, mut more) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Query { id, source, expr, at, deadline } => {
                    wanted.push(Wanted { id, source, expr, at, deadline });
                }
                Effect::Write { id, samples, .. } => {
                    self.samples.extend(samples);
                    self.engine.written(now, id, Ok(()), &mut more);
                }
                Effect::Send(_) | Effect::Persist { .. } | Effect::Forget { .. } | Effect::Log(_) => {}
            }
        }
        if !more.is_empty() {
            wanted.extend(self.take(now, more));
        }
        wanted
    }

    /// What came of it.
    pub fn finish(self) -> Previewed {
        let Preview { engine, rule, samples } = self;
        let is_recording = rule.kind == RuleKind::Recording;
        let mut previewed = Previewed {
            rule,
            error: None,
            warnings: Vec::new(),
            series: 0,
            alerts: Vec::new(),
            samples: if is_recording { samples } else { Vec::new() },
        };
        for view in engine.groups().flat_map(|group| group.rules()) {
            let status = view.status();
            previewed.error = match status.health {
                Health::Good => None,
                Health::Bad => Some(status.last_error.clone()),
                Health::Unknown => Some("the evaluation did not end".to_owned()),
            };
            previewed.warnings.clone_from(&status.warnings);
            let failures = view.tally().template_failures;
            if failures > 0 {
                previewed.warnings.push(format!("{failures} texts could not be rendered"));
            }
            previewed.series = status.series;
            previewed.alerts.extend(view.alerts().map(|alert| PreviewedAlert {
                labels: alert.labels.clone(),
                annotations: alert.annotations.clone(),
                state: alert.course.state,
                value: alert.value,
            }));
        }
        previewed
    }
}

#[cfg(test)]
mod tests {
    use model::source::SourceFile;

    use super::*;
    use crate::rule_file::{self, Defaults};

    /// Every rule of a text, with `up` answered by two series and the templates' query by one.
    fn previewed(text: &str) -> Vec<Previewed> {
        let (groups, _) = rule_file::read_any(&SourceFile::new("t", text), &Defaults::default()).unwrap();
        let now = Timestamp::from_millis(1_700_000_000_500);
        let row = |job: &str, value| (LabelSet::from_pairs([("__name__", "up"), ("job", job)]), value);
        let previews = groups.iter().flat_map(|group| Preview::of(group, &Settings::default(), now));
        let finish = |(mut preview, mut wanted): (Preview, Vec<Wanted>)| {
            while let Some(Wanted { id, expr, at, deadline, .. }) = wanted.pop() {
                assert!(now.since(at) <= INTERVAL && deadline > now, "{at:?}");
                let answer = match &*expr {
                    "up" => Ok(QueryAnswer::vector(vec![row("a", 1.0), row("b", 2.5)])),
                    "lookup" => Ok(QueryAnswer::vector(vec![(LabelSet::empty(), 7.0)])),
                    _ => Err(QueryFailure::passing("away")),
                };
                wanted.extend(preview.answered(now, id, answer));
            }
            preview.finish()
        };
        previews.map(finish).collect()
    }

    #[test]
    fn alerts_come_with_their_texts() {
        let text = "alert: A\nexpr: up\nfor: 30m\nlabels: {job: '{{ $labels.job }}!'}\n\
                    annotations: {n: '{{ $value }} {{ query \"lookup\" | first | value }}', bad: '{{ query 1 }}'}\n";
        let [one] = previewed(text).try_into().unwrap();
        assert_eq!((one.error, one.series, one.samples.len()), (None, 2, 0));
        assert_eq!(one.warnings, ["2 texts could not be rendered"]);
        let alert = &one.alerts[1];
        assert_eq!(alert.labels, LabelSet::from_pairs([("alertname", "A"), ("job", "b!")]));
        assert_eq!((alert.annotations.get("n"), alert.state, alert.value), (Some("2.5 7"), AlertState::Pending, 2.5));
        let [fires] = previewed("alert: A\nexpr: up\n").try_into().unwrap();
        assert_eq!(fires.alerts[0].state, AlertState::Firing);
    }

    #[test]
    fn every_rule_of_a_group_or_file_for_itself() {
        let group = "name: g\nlimit: 1\nrules:\n- {record: r, expr: up, labels: {x: '1'}}\n- {alert: B, expr: gone}\n";
        let [limited, away] = previewed(group).try_into().unwrap();
        assert_eq!(limited.error.as_deref(), Some("exceeded limit of 1 with 2 series"));
        assert_eq!(away.error.as_deref(), Some("away"));
        let [record] =
            previewed("groups: [{name: g, rules: [{record: r, expr: up, labels: {x: '1'}}]}]").try_into().unwrap();
        let series: Vec<String> = record.samples.iter().map(|sample| sample.labels.to_string()).collect();
        assert_eq!(series, [r#"{__name__="r", job="a", x="1"}"#, r#"{__name__="r", job="b", x="1"}"#]);
    }
}
