//! What happened to an alert, from the first evaluation of its rule that saw it to the last delivery.

use std::sync::Arc;
use std::time::Duration;

use model::duration::format_duration;
use model::{LabelSet, Timestamp};
use notifier::explanation::Explanation;
use rules_engine::alerting::Course;
use rules_engine::engine::{Engine, PastEvaluation};
use rules_engine::rule::{RuleKind, Source};
use serde::Serialize;
use url::form_urlencoded;

use super::Rule;
use crate::here::query_of;
use crate::house::RuleDesk;
use crate::moment::Moment;
use crate::plot::expression::Asked;
use crate::plot::{self, Drawing};
use crate::shown::{LONG, SHORT, shown};

/// The plot begins so long before the alert.
const BEFORE: Duration = Duration::from_secs(30 * 60);
/// A longer course is drawn from here back.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// The latest events that are told.
const CHAPTERS_MAX: usize = 300;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Chapter {
    at: Moment,
    /// `rule`, or what the notifier calls it: a style class.
    kind: String,
    /// Who it concerns.
    who: String,
    text: String,
}

/// The rule an alert comes from, and what it remembers.
pub(super) struct RuleStory {
    name: String,
    group: String,
    file: String,
    /// In its group, from 0.
    place: usize,
    expr: String,
    shown_expr: String,
    hold: Duration,
    interval: Duration,
    source: Arc<Source>,
    course: Option<Course>,
    evaluations: Vec<PastEvaluation>,
}

impl RuleStory {
    /// The rule of an alert: of its name, with an instance whose labels are among the alert's, and with the expression that its link
    /// says if there are several.
    pub(super) fn find(engine: &Engine, labels: &LabelSet, generator_url: &str) -> Option<Self> {
        let expr = expression(generator_url);
        let name = labels.alert_name();
        let mut found: Option<(u8, Self)> = None;
        for group in engine.groups() {
            for (place, rule) in group.rules().enumerate().filter(|(_, rule)| rule.rule().name == name) {
                let RuleKind::Alerting(alerting) = &rule.rule().kind else { continue };
                let is_same = |own: &LabelSet| own.iter().all(|(name, value)| labels.get(name) == Some(value));
                let instance = rule.instances().iter().find(|instance| is_same(&instance.labels));
                let rank =
                    u8::from(instance.is_some()) * 2 + u8::from(expr.as_deref() == Some(&rule.rule().shown_expr));
                if found.as_ref().is_some_and(|(best, _)| *best >= rank) {
                    continue;
                }
                let story = Self {
                    name: rule.rule().name.clone(),
                    group: group.key().name.to_string(),
                    file: group.key().file.to_string(),
                    place,
                    expr: rule.rule().expr.clone(),
                    shown_expr: rule.rule().shown_expr.clone(),
                    hold: alerting.hold,
                    interval: group.interval(),
                    source: group.source().clone(),
                    course: instance.map(|instance| instance.course),
                    evaluations: rule.history().cloned().collect(),
                };
                found = Some((rank, story));
            }
        }
        found.map(|(_, story)| story)
    }

    /// What its expression gave around the alert.
    pub(super) async fn plot<R: RuleDesk>(
        &self,
        rules: &R,
        explanation: &Explanation,
        now: Timestamp,
    ) -> Result<Drawing, String> {
        let began = self.course.map(|course| course.active_at).or(explanation.starts_at.map(|at| at.0)).unwrap_or(now);
        let end = match explanation.ends_at {
            Some(over) if over.0 < now => over.0.plus(BEFORE).min(now),
            _ => now,
        };
        let asked = Asked {
            id: "alert-plot",
            source: &self.source,
            expr: &self.expr,
            of_alert: Some(&explanation.labels),
            start: began.minus(BEFORE).max(end.minus(LONGEST)),
            end,
            interval: self.interval,
            moments: self.moments(explanation),
        };
        asked.drawing(rules).await
    }

    fn moments(&self, explanation: &Explanation) -> Vec<plot::Moment> {
        let moment =
            |at: Timestamp, kind, text: &str| plot::Moment { at_ms: at.as_millis(), kind, text: text.to_owned() };
        let course = self.course;
        let pending = course.map(|course| moment(course.active_at, "pending", "pending"));
        let fired = course.and_then(|course| course.fired_at).or(explanation.starts_at.map(|at| at.0));
        let resolved = course.and_then(|course| course.resolved_at);
        let fired = fired.map(|at| moment(at, "firing", "fires"));
        let resolved = resolved.map(|at| moment(at, "resolved", "resolved"));
        pending.into_iter().chain(fired).chain(resolved).collect()
    }

    /// As the page says it.
    pub(super) fn shown(&self) -> Rule {
        let place = self.place.to_string();
        let address = [("file", self.file.as_str()), ("group", &self.group), ("place", &place), ("name", &self.name)];
        Rule {
            name: shown(&self.name, SHORT),
            group: shown(&self.group, SHORT),
            file: shown(&self.file, SHORT),
            expr: shown(&self.shown_expr, LONG),
            hold: format_duration(self.hold),
            interval: format_duration(self.interval),
            query: query_of(address),
        }
    }

    fn chapters(&self) -> Vec<Chapter> {
        let told = |at: Timestamp, text: String| Chapter {
            at: at.into(),
            kind: "rule".to_owned(),
            who: "rule".to_owned(),
            text,
        };
        let mut chapters = Vec::new();
        for past in &self.evaluations {
            if let Some(error) = &past.error {
                chapters.push(told(past.at, format!("the evaluation failed: {}", shown(error, SHORT))));
            }
            let moved = past.transitions;
            let parts = [
                (moved.pending, "pending"),
                (moved.firing, "firing"),
                (moved.resolved, "resolved"),
                (moved.withdrawn, "withdrawn"),
            ];
            let parts: Vec<String> =
                parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
            if !parts.is_empty() {
                let text = format!("the rule gave {} series; alerts that moved: {}", past.series, parts.join(", "));
                chapters.push(told(past.at, text));
            }
        }
        if let Some(course) = self.course {
            let hold = if self.hold.is_zero() {
                String::new()
            } else {
                format!(", to fire after {}", format_duration(self.hold))
            };
            chapters.push(told(course.active_at, format!("first evaluation that gave it{hold}")));
            chapters.extend(course.fired_at.map(|at| told(at, "it fires".to_owned())));
            chapters.extend(
                course
                    .keep_firing_since
                    .map(|at| told(at, "the expression no longer gives it; kept firing".to_owned())),
            );
            chapters.extend(course.resolved_at.map(|at| told(at, "resolved".to_owned())));
            chapters.extend(course.last_sent_at.map(|at| told(at, "last sent to the notifier".to_owned())));
        }
        chapters
    }
}

/// Everything in order of time.
pub(super) fn told(explanation: &Explanation, rule: Option<&RuleStory>) -> Vec<Chapter> {
    let mut chapters = rule.map(RuleStory::chapters).unwrap_or_default();
    if let (Some(at), None) = (explanation.starts_at, rule.and_then(|rule| rule.course)) {
        let text = "it fires, says its source".to_owned();
        chapters.push(Chapter { at: at.0.into(), kind: "firing".to_owned(), who: String::new(), text });
    }
    chapters.extend(explanation.history.iter().map(|told| {
        let integration = told.integration.as_ref().map(|kind| format!(" {kind}[{}]", told.index.unwrap_or_default()));
        Chapter {
            at: told.at.0.into(),
            kind: told.event.to_owned(),
            who: format!("{}{}", shown(&told.receiver, SHORT), integration.unwrap_or_default()),
            text: shown(&told.text, SHORT * 5),
        }
    }));
    chapters.sort_by_key(|chapter| chapter.at.0);
    let beyond = chapters.len().saturating_sub(CHAPTERS_MAX);
    chapters.drain(..beyond);
    chapters
}

/// The expression that a link to Prometheus shows: `…/graph?g0.expr=…`.
fn expression(url: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "g0.expr").map(|(_, expr)| expr.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_of_a_link() {
        assert_eq!(expression("http://p/graph?g0.expr=a+%3E+1&g0.tab=1#x").as_deref(), Some("a > 1"));
        assert_eq!(expression("http://p/graph"), None);
    }
}
