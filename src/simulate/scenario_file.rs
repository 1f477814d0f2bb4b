//! Scenario files as written (YAML). `tests/scenarios/README.md` describes them.

mod event;
mod expected;

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::duration::parse_duration;
use model::source::{Diagnostics, SourceFile};
use model::{LabelSet, Timestamp};
use yaml::{Decoder, Field, Fields, Node, Span};

use super::scenario::{Answer, Asked, Expected, Reply, Scenario};
use super::series::parse_values;

/// A Monday morning.
const START: Timestamp = Timestamp::from_secs(1_767_600_000);

/// Reads a scenario, collecting every mistake.
pub(super) fn read(file: &SourceFile, base: &Path) -> Result<Scenario, Diagnostics> {
    let decoder = Decoder::new(file);
    let reader = Reader { decoder: &decoder, base, start: START };
    let scenario = decoder.first_document().and_then(|root| reader.scenario(&root));
    decoder.finish(scenario).map(|(scenario, _)| scenario)
}

/// Expected deliveries as scenarios write them, for a story that begins at `start`.
pub(crate) fn expected_deliveries(decoder: &Decoder, start: Timestamp, field: Field<'_>) -> Option<Vec<Expected>> {
    let reader = Reader { decoder, base: Path::new(""), start };
    field.sequence(|node, _| reader.expected(node))
}

struct Reader<'a> {
    decoder: &'a Decoder,
    base: &'a Path,
    start: Timestamp,
}

impl Reader<'_> {
    fn scenario(mut self, root: &Node) -> Option<Scenario> {
        let mut fields = self.decoder.mapping(root, "a scenario")?;
        fields.ignore(&["about"]);
        if let Some(start) = fields.optional("start").parse_with(Timestamp::parse_rfc3339) {
            self.start = start.value;
        }
        let length = duration(fields.required("length"));
        let seed = fields.optional("seed").integer();
        let latency = duration(fields.optional("latency"));
        let interval = duration(fields.optional("evaluation_interval"));
        let start_delay = duration(fields.optional("start_delay"));
        let compat = fields.optional("compat").one_of(&[("alertmanager", true)]);
        let resend_on_error = fields.optional("resend_on_error").boolean();
        let rules = self.texts(&mut fields, "rules", "rule_files");
        let config = self.text(&mut fields, "config", "config_file");
        let answers = fields.optional("answers").sequence(|node, _| self.answer(node));
        let mut events = fields.optional("events").sequence(|node, _| self.event(node)).unwrap_or_default();
        let expected = fields.optional("expect").sequence(|node, _| self.expected(node));
        fields.finish();
        events.sort_by_key(|(at, _)| *at);
        Some(Scenario {
            file: self.decoder.file().clone(),
            start: self.start,
            length: length?,
            seed: seed.map_or(0, |seed| seed.value.unsigned_abs()),
            latency: latency.unwrap_or_default(),
            rules: rules.unwrap_or_default(),
            evaluation_interval: interval.unwrap_or(Duration::from_secs(60)),
            answers: answers.unwrap_or_default(),
            storage: None,
            config,
            start_delay: start_delay.unwrap_or_default(),
            as_alertmanager: compat.is_some(),
            resend_on_error: resend_on_error.is_none_or(|on| on.value),
            events,
            is_watched: false,
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
        let rule = fields.optional("rule").string().map(|name| Asked::Rule(name.value));
        let expr = fields.optional("expr").string().map(|expr| Asked::Expr(expr.value));
        let step = duration(fields.optional("step")).unwrap_or(Duration::from_secs(60));
        let series = fields.optional("series").sequence(|node, decoder| {
            let mut fields = decoder.mapping(node, "a series")?;
            let labels = labels(fields.optional("labels"));
            let values = fields.required("values").parse_with(parse_values);
            fields.finish();
            Some((labels, values?.value))
        });
        let error = fields.optional("error").string().map(|text| Reply::Error(text.value));
        let span = fields.span();
        fields.finish();
        let asked = self.one("an answer is to a `rule` or an `expr`", span, [rule, expr]);
        let series = series.map(|series| Reply::Series { step, series });
        let reply = self.one("an answer is `series` or an `error`", span, [series, error]);
        Some(Answer { asked: asked?, reply: reply? })
    }

    /// The only one that is there.
    fn one<T>(&self, otherwise: &str, span: Span, found: impl IntoIterator<Item = Option<T>>) -> Option<T> {
        let mut found = found.into_iter().flatten();
        let (one, more) = (found.next(), found.next());
        if one.is_none() || more.is_some() {
            self.decoder.error(span, otherwise);
        }
        one.filter(|_| more.is_none())
    }

    /// An instant: RFC 3339, or a duration after the start of the scenario; one with a minus sign lies before it.
    fn instant(&self, field: Field<'_>) -> Option<Timestamp> {
        let instant = field.parse_with(|text| {
            let away = |text| parse_duration(text).ok();
            match text.strip_prefix('-').and_then(away) {
                Some(before) => Ok(self.start.minus(before)),
                None => away(text).map_or_else(|| Timestamp::parse_rfc3339(text), |after| Ok(self.start.plus(after))),
            }
        });
        instant.map(|instant| instant.value)
    }
}

fn duration(field: Field<'_>) -> Option<Duration> {
    field.parse_with(parse_duration).map(|duration| duration.value)
}

fn labels(field: Field<'_>) -> LabelSet {
    let pairs = field.string_map().unwrap_or_default();
    LabelSet::from_pairs(pairs.into_iter().map(|(name, value)| (name.value, value.value)))
}
