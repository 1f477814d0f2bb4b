//! Scenario files as written (YAML). `tests/scenarios/README.md` describes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::duration::parse_duration;
use model::matcher::parse::{ParseMode, parse_matcher};
use model::source::{Diagnostics, SourceFile};
use model::{Alert, LabelSet, Timestamp};
use yaml::{Decoder, Field, Fields, Node, Span};

use super::scenario::{Answer, Event, Expected, Failure, Scenario};
use super::series::parse_values;

/// Reads a scenario, collecting every mistake.
pub(super) fn read(file: &SourceFile, base: &Path) -> Result<Scenario, Diagnostics> {
    let decoder = Decoder::new(file);
    let reader = Reader { decoder: &decoder, base };
    let scenario = decoder.first_document().and_then(|root| reader.scenario(&root));
    decoder.finish(scenario).map(|(scenario, _)| scenario)
}

struct Reader<'a> {
    decoder: &'a Decoder,
    base: &'a Path,
}

impl Reader<'_> {
    fn scenario(&self, root: &Node) -> Option<Scenario> {
        let mut fields = self.decoder.mapping(root, "a scenario")?;
        fields.ignore(&["about"]);
        let start = fields.optional("start").parse_with(Timestamp::parse_rfc3339);
        let length = duration(fields.required("length"));
        let seed = fields.optional("seed").integer();
        let latency = duration(fields.optional("latency"));
        let interval = duration(fields.optional("evaluation_interval"));
        let rules = self.texts(&mut fields, "rules", "rule_files");
        let config = self.text(&mut fields, "config", "config_file");
        let answers = fields.optional("answers").sequence(|node, _| self.answer(node));
        let mut events = fields.optional("events").sequence(|node, _| self.event(node)).unwrap_or_default();
        let expected = fields.optional("expect").sequence(|node, _| self.expected(node));
        fields.finish();
        events.sort_by_key(|(at, _)| *at);
        Some(Scenario {
            file: self.decoder.file().clone(),
            start: start.map_or(Timestamp::from_secs(1_767_600_000), |start| start.value),
            length: length?,
            seed: seed.map_or(0, |seed| seed.value.unsigned_abs()),
            latency: latency.unwrap_or_default(),
            rules: rules.unwrap_or_default(),
            evaluation_interval: interval.unwrap_or(Duration::from_secs(60)),
            answers: answers.unwrap_or_default(),
            config,
            events,
            expected,
        })
    }

    /// A file's text, inline under one key or named under another.
    fn text(&self, fields: &mut Fields<'_>, inline: &'static str, named: &'static str) -> Option<(PathBuf, String)> {
        let inline = fields.optional(inline).string().map(|text| (self.base.join("inline.yml"), text.value));
        let named = fields.optional(named).string();
        inline.or_else(|| self.open(named?).map(|(path, text)| (self.base.join(path), text)))
    }

    fn texts(
        &self,
        fields: &mut Fields<'_>,
        inline: &'static str,
        named: &'static str,
    ) -> Option<Vec<(PathBuf, String)>> {
        let inline = fields.optional(inline).string().map(|text| (PathBuf::from("rules.yml"), text.value));
        let named = fields.optional(named).string_list();
        if inline.is_none() && named.is_none() {
            return None;
        }
        let named = named.unwrap_or_default().into_iter().filter_map(|path| self.open(path));
        Some(inline.into_iter().chain(named).collect())
    }

    /// A file and its path as written: the slot of a rule group depends on it, and must not depend on the checkout.
    fn open(&self, path: yaml::Spanned<String>) -> Option<(PathBuf, String)> {
        let found = self.base.join(&path.value);
        match std::fs::read_to_string(&found) {
            Ok(text) => Some((path.value.into(), text)),
            Err(error) => {
                self.decoder.error(path.span, format!("cannot read {}: {error}", found.display()));
                None
            }
        }
    }

    fn answer(&self, node: &Node) -> Option<Answer> {
        let mut fields = self.decoder.mapping(node, "an answer")?;
        let rule = fields.required("rule").string();
        let step = duration(fields.required("step"));
        let series = fields.required("series").sequence(|node, decoder| {
            let mut fields = decoder.mapping(node, "a series")?;
            let labels = labels(fields.optional("labels"));
            let values = fields.required("values").parse_with(parse_values);
            fields.finish();
            Some((labels, values?.value))
        });
        fields.finish();
        Some(Answer { rule: rule?.value, step: step?, series: series? })
    }

    fn event(&self, node: &Node) -> Option<(Duration, Event)> {
        let mut fields = self.decoder.mapping(node, "an event")?;
        let at = duration(fields.required("at"));
        let span = fields.span();
        let found: Vec<Event> = [
            fields.optional("alerts").sequence(|node, _| self.alert(node)).map(Event::Alerts),
            fields.optional("silence").decode(|node, _| self.silence(node)),
            fields.optional("expire").string().map(|name| Event::Expire(name.value)),
            duration(fields.optional("restart")).map(Event::Restart),
            fields.optional("failing").decode(|node, _| self.failing(node)),
            duration(fields.optional("query_outage_until")).map(Event::QueryOutage),
            fields.optional("reload").decode(|node, _| self.reload(node)),
        ]
        .into_iter()
        .flatten()
        .collect();
        fields.finish();
        self.only(found, span).map(|event| Some((at?, event)))?
    }

    fn only(&self, found: Vec<Event>, span: Span) -> Option<Event> {
        let one = <[Event; 1]>::try_from(found);
        if one.is_err() {
            self.decoder.error(
                span,
                "an event is exactly one of alerts, silence, expire, restart, failing, query_outage_until, reload",
            );
        }
        one.ok().map(|[event]| event)
    }

    fn alert(&self, node: &Node) -> Option<Alert> {
        let mut fields = self.decoder.mapping(node, "an alert")?;
        let alert = Alert {
            labels: labels(fields.required("labels")),
            annotations: labels(fields.optional("annotations")),
            starts_at: fields.optional("starts_at").parse_with(Timestamp::parse_rfc3339).map(|at| at.value),
            ends_at: fields.optional("ends_at").parse_with(Timestamp::parse_rfc3339).map(|at| at.value),
            generator_url: "".into(),
        };
        fields.finish();
        Some(alert)
    }

    fn silence(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a silence")?;
        let name = fields.required("name").string();
        let matchers = fields.required("matchers").sequence(|node, decoder| {
            let parse = |text: &str| parse_matcher(text, ParseMode::Fallback).map(|parsed| parsed.value);
            decoder.value(node).parse_with(parse).map(|matcher| matcher.value)
        });
        let length = duration(fields.required("for"));
        fields.finish();
        Some(Event::Silence { name: name?.value, matchers: matchers?, length: length? })
    }

    fn failing(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a failing receiver")?;
        let receiver = fields.required("receiver").string();
        let busy = duration(fields.optional("retry_after"));
        let how = fields.required("how").one_of(&[
            ("unwell", Failure::Unwell),
            ("busy", Failure::Busy(busy.unwrap_or_default())),
            ("refusing", Failure::Refusing),
            ("hanging", Failure::Hanging),
        ]);
        let until = duration(fields.required("until"));
        fields.finish();
        Some(Event::Failing { receiver: receiver?.value, how: how?.value, until: until? })
    }

    fn reload(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a reload")?;
        let config = self.text(&mut fields, "config", "config_file");
        let rules = self.texts(&mut fields, "rules", "rule_files");
        fields.finish();
        Some(Event::Reload { config, rules })
    }

    fn expected(&self, node: &Node) -> Option<Expected> {
        let mut fields = self.decoder.mapping(node, "an expected delivery")?;
        let line = self.decoder.file().position(fields.span().start).line;
        let at = duration(fields.required("at"));
        let receiver = fields.required("receiver").string();
        let integration = fields.required("via").string();
        let sets =
            |field: Field<'_>| field.sequence(|node, decoder| Some(labels(decoder.value(node)))).unwrap_or_default();
        let firing = sets(fields.optional("firing"));
        let resolved = sets(fields.optional("resolved"));
        let reason = fields.optional("reason").string().map(|reason| reason.value);
        fields.finish();
        Some(Expected {
            at: at?,
            receiver: receiver?.value,
            integration: integration?.value,
            firing,
            resolved,
            reason,
            line,
        })
    }
}

fn duration(field: Field<'_>) -> Option<Duration> {
    field.parse_with(parse_duration).map(|duration| duration.value)
}

fn labels(field: Field<'_>) -> LabelSet {
    let pairs = field.string_map().unwrap_or_default();
    LabelSet::from_pairs(pairs.into_iter().map(|(name, value)| (name.value, value.value)))
}
