//! `/api/v1/explain/rule`: what a rule did in its last evaluations. Not part of Prometheus' API.

use std::iter;

use serde::Serialize;
use url::form_urlencoded;

use super::answer::{Time, state_text};
use crate::engine::{Engine, GroupView, PastEvaluation, RuleView};
use crate::rule::RuleKind;

/// Which rules are asked about.
#[derive(Default)]
pub(super) struct Question {
    rule: Option<String>,
    group: Option<String>,
    file: Option<String>,
}

/// The rules with the name.
#[derive(Serialize)]
pub(super) struct RulesAnswer {
    rules: Vec<RuleAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleAnswer {
    name: String,
    group: String,
    file: String,
    r#type: &'static str,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    health: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_error: String,
    interval: f64,
    /// Newest first.
    evaluations: Vec<EvaluationAnswer>,
}

#[derive(Serialize)]
struct EvaluationAnswer {
    timestamp: Time,
    duration: f64,
    attempts: u32,
    series: usize,
    pending: u32,
    firing: u32,
    resolved: u32,
    withdrawn: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Question {
    /// From the query of the URL.
    ///
    /// # Errors
    /// Neither a rule nor a group is named.
    pub(super) fn parse(query: &str) -> Result<Question, String> {
        let mut question = Question::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "rule" if !value.is_empty() => question.rule = Some(value.into_owned()),
                "group" => question.group = Some(value.into_owned()),
                "file" => question.file = Some(value.into_owned()),
                _ => {}
            }
        }
        if question.rule.is_none() && question.group.is_none() {
            return Err("invalid parameter \"rule\": the name of a rule or group is needed".to_owned());
        }
        Ok(question)
    }

    /// What the engine knows; `None` if there is no such rule.
    pub(super) fn of(&self, engine: &Engine) -> Option<RulesAnswer> {
        let groups = engine.groups().filter(|group| self.is_about(group));
        let rules = groups.flat_map(|group| group.rules().zip(iter::repeat(group)));
        let rules = rules.filter(|(rule, _)| self.rule.as_ref().is_none_or(|name| *name == rule.rule().name));
        let rules: Vec<RuleAnswer> = rules.map(|(rule, group)| RuleAnswer::of(&rule, &group)).collect();
        (!rules.is_empty()).then_some(RulesAnswer { rules })
    }

    fn is_about(&self, group: &GroupView<'_>) -> bool {
        let key = group.key();
        self.group.as_ref().is_none_or(|name| **name == *key.name)
            && self.file.as_ref().is_none_or(|file| **file == *key.file)
    }
}

impl RuleAnswer {
    fn of(view: &RuleView<'_>, group: &GroupView<'_>) -> RuleAnswer {
        let (rule, status) = (view.rule(), view.status());
        let is_alerting = matches!(rule.kind, RuleKind::Alerting(_));
        RuleAnswer {
            name: rule.name.clone(),
            group: group.key().name.to_string(),
            file: group.key().file.to_string(),
            r#type: if is_alerting { "alerting" } else { "recording" },
            query: rule.shown_expr.clone(),
            state: is_alerting.then(|| view.state().map_or("unknown", state_text)),
            health: status.health.as_str(),
            last_error: status.last_error.clone(),
            interval: group.interval().as_secs_f64(),
            evaluations: view.history().rev().map(EvaluationAnswer::of).collect(),
        }
    }
}

impl EvaluationAnswer {
    fn of(past: &PastEvaluation) -> EvaluationAnswer {
        let moved = past.transitions;
        EvaluationAnswer {
            timestamp: Time(Some(past.at)),
            duration: past.duration.as_secs_f64(),
            attempts: past.attempts,
            series: past.series,
            pending: moved.pending,
            firing: moved.firing,
            resolved: moved.resolved,
            withdrawn: moved.withdrawn,
            error: past.error.as_deref().map(str::to_owned),
            warnings: past.warnings.to_vec(),
        }
    }
}
