//! The events of a scenario file.

use std::time::Duration;

use model::matcher::parse::{ParseMode, parse_matcher};
use model::{Alert, Matcher};
use notifier::schedule::WrittenSchedule;
use yaml::{Field, Node};

use super::super::scenario::{Event, Failure, Via};
use super::{Reader, duration, labels};

impl Reader<'_> {
    pub(super) fn event(&self, node: &Node) -> Option<(Duration, Event)> {
        let mut fields = self.decoder.mapping(node, "an event")?;
        let at = duration(fields.required("at"));
        let span = fields.span();
        let found = [
            fields.optional("alerts").sequence(|node, _| self.alert(node, at.unwrap_or_default())).map(Event::Alerts),
            fields.optional("silence").decode(|node, _| self.silence(node)),
            fields.optional("maintenance").decode(|node, _| self.maintenance(node)),
            fields.optional("expire").string().map(|name| Event::Expire(name.value)),
            fields.optional("acknowledge").decode(|node, _| self.acknowledge(node)),
            self.matchers(fields.optional("unacknowledge")).map(Event::Unacknowledge),
            duration(fields.optional("restart")).map(Event::Restart),
            fields.optional("crash").decode(|node, _| self.crash(node)),
            duration(fields.optional("clock_back")).map(Event::ClockBack),
            duration(fields.optional("clock_forward")).map(Event::ClockForward),
            fields.optional("failing").decode(|node, _| self.failing(node)),
            duration(fields.optional("query_outage_until")).map(Event::QueryOutage),
            fields.optional("reload").decode(|node, _| self.reload(node)),
            fields.optional("undelivered").decode(|node, _| self.undelivered(node)),
            fields.optional("why").decode(|node, _| self.why(node)),
        ];
        fields.finish();
        let choice = "an event is exactly one of alerts, silence, maintenance, expire, acknowledge, unacknowledge, restart, crash, clock_back, clock_forward, failing, query_outage_until, reload, undelivered, why";
        let event = self.one(choice, span, found);
        Some((at?, event?))
    }

    /// An alert that begins as it is posted, unless it says otherwise.
    fn alert(&self, node: &Node, at: Duration) -> Option<Alert> {
        let mut fields = self.decoder.mapping(node, "an alert")?;
        let ends_at = self.instant(fields.optional("ends_at"));
        let posted = self.start.plus(at);
        let alert = Alert {
            labels: labels(fields.required("labels")),
            annotations: labels(fields.optional("annotations")),
            starts_at: self
                .instant(fields.optional("starts_at"))
                .or(Some(ends_at.map_or(posted, |end| end.min(posted)))),
            ends_at,
            generator_url: "".into(),
        };
        fields.finish();
        Some(alert)
    }

    fn silence(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a silence")?;
        let name = fields.required("name").string();
        let matchers = self.matchers(fields.required("matchers"));
        let starts_in = duration(fields.optional("starts_in")).unwrap_or_default();
        let length = duration(fields.required("for"));
        let until_resolved = fields.optional("until_resolved").boolean().is_some_and(|is| is.value);
        fields.finish();
        Some(Event::Silence { name: name?.value, matchers: matchers?, starts_in, length: length?, until_resolved })
    }

    fn maintenance(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a recurring silence")?;
        let name = fields.required("name").string();
        let matchers = self.matchers(fields.required("matchers"));
        let cron = fields.required("cron").string();
        let length = duration(fields.required("for"));
        let timezone = fields.optional("timezone").string().map_or_else(|| "UTC".to_owned(), |zone| zone.value);
        let until = self.instant(fields.optional("until"));
        fields.finish();
        let schedule = WrittenSchedule { cron: cron?.value, duration: length?, timezone, until };
        Some(Event::Maintenance { name: name?.value, matchers: matchers?, schedule })
    }

    fn matchers(&self, field: Field<'_>) -> Option<Vec<Matcher>> {
        field.sequence(|node, decoder| {
            let parse = |text: &str| parse_matcher(text, ParseMode::Fallback).map(|parsed| parsed.value);
            decoder.value(node).parse_with(parse).map(|matcher| matcher.value)
        })
    }

    fn acknowledge(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "an acknowledgement")?;
        let matchers = self.matchers(fields.required("matchers"));
        let by = fields.required("by").string();
        let length = duration(fields.optional("for"));
        fields.finish();
        Some(Event::Acknowledge { matchers: matchers?, by: by?.value, length })
    }

    fn undelivered(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "what is owed")?;
        let receiver = fields.required("receiver").string();
        let count = fields.required("count").integer().and_then(|count| usize::try_from(count.value).ok());
        fields.finish();
        Some(Event::Undelivered { receiver: receiver?.value, count: count? })
    }

    fn why(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a decision")?;
        let receiver = fields.required("receiver").string();
        let says = fields.required("says").string();
        fields.finish();
        Some(Event::Why { receiver: receiver?.value, says: says?.value })
    }

    fn crash(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a crash")?;
        let effects = fields.required("effects").integer().and_then(|effects| usize::try_from(effects.value).ok());
        let down = duration(fields.required("down"));
        fields.finish();
        Some(Event::Crash { effects: effects?, down: down? })
    }

    fn failing(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a failing receiver")?;
        let receiver = fields.required("receiver").string();
        let via = fields.optional("via").parse_with(parse_via).map(|via| via.value);
        let busy = duration(fields.optional("retry_after"));
        let how = fields.required("how").one_of(&[
            ("unwell", Failure::Unwell),
            ("busy", Failure::Busy(busy.unwrap_or_default())),
            ("refusing", Failure::Refusing),
            ("hanging", Failure::Hanging),
        ]);
        let until = duration(fields.required("until"));
        fields.finish();
        Some(Event::Failing { receiver: receiver?.value, via, how: how?.value, until: until? })
    }

    fn reload(&self, node: &Node) -> Option<Event> {
        let mut fields = self.decoder.mapping(node, "a reload")?;
        let config = self.text(&mut fields, "config", "config_file");
        let rules = self.texts(&mut fields, "rules", "rule_files");
        fields.finish();
        Some(Event::Reload { config, rules })
    }
}

/// `webhook` or `webhook/1`.
pub(super) fn parse_via(text: &str) -> Result<Via, String> {
    let Some((kind, index)) = text.split_once('/') else { return Ok(Via { kind: text.to_owned(), index: None }) };
    let index = index.parse().map_err(|_| format!("{text:?} is not an integration such as webhook or webhook/1"))?;
    Ok(Via { kind: kind.to_owned(), index: Some(index) })
}
