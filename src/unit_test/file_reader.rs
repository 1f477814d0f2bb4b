//! Test files as written.

use std::time::Duration;

use model::duration::parse_duration;
use model::labels::ALERT_NAME;
use model::source::{Diagnostics, SourceFile};
use model::{LabelSet, Timestamp};
use promql::eval::Value;
use promql::test_language::series_notation::{Unreadable, parse_labels, parse_values};
use yaml::{Decoder, Field, Fields, Node};

use super::file::{
    AlertTest, ExpectedAlert, ExpectedSample, ExprTest, InputSeries, Notifications, TestFile, TestGroup,
};
use crate::simulate::scenario_file::expected_deliveries;

/// promtool's, where a file says nothing.
const EVALUATION_INTERVAL: Duration = Duration::from_secs(60);

/// Reads a test file.
///
/// # Errors
/// Every mistake of it.
pub(super) fn read(file: &SourceFile, ignores_unknown_fields: bool) -> Result<TestFile, Diagnostics> {
    let decoder = Decoder::new(file);
    let reader = Reader { decoder: &decoder, ignores_unknown_fields };
    let read = decoder.first_document().and_then(|root| reader.file(&root));
    decoder.finish(read).map(|(file, _)| file)
}

struct Reader<'a> {
    decoder: &'a Decoder,
    ignores_unknown_fields: bool,
}

impl Reader<'_> {
    fn file(&self, root: &Node) -> Option<TestFile> {
        let mut fields = self.decoder.mapping(root, "a file of rule tests")?;
        let rule_files = strings(fields.optional("rule_files"));
        let evaluation_interval = duration(fields.optional("evaluation_interval")).unwrap_or(EVALUATION_INTERVAL);
        let evaluation_interval = if evaluation_interval.is_zero() { EVALUATION_INTERVAL } else { evaluation_interval };
        let group_order = self.group_order(fields.optional("group_eval_order"));
        let honours_group_interval = fields.optional("group_intervals").boolean().is_some_and(|on| on.value);
        let fuzzy_compare = fields.optional("fuzzy_compare").boolean().is_some_and(|on| on.value);
        let tests = fields.optional("tests").sequence(|node, _| self.test(node, evaluation_interval));
        self.finish(fields);
        let tests = tests.unwrap_or_default();
        Some(TestFile { rule_files, evaluation_interval, honours_group_interval, group_order, fuzzy_compare, tests })
    }

    fn finish(&self, mut fields: Fields<'_>) {
        if self.ignores_unknown_fields {
            fields.rest();
        }
        fields.finish();
    }

    fn group_order(&self, field: Field<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for name in field.string_list().unwrap_or_default() {
            if names.contains(&name.value) {
                self.decoder.error(name.span, format!("group name repeated in evaluation order: {}", name.value));
            }
            names.push(name.value);
        }
        names
    }

    fn test(&self, node: &Node, evaluation_interval: Duration) -> Option<TestGroup> {
        let mut fields = self.decoder.mapping(node, "a test")?;
        let interval = duration(fields.optional("interval")).filter(|interval| !interval.is_zero());
        let mut test = TestGroup {
            name: fields.optional("name").string().map(|name| name.value).unwrap_or_default(),
            interval: interval.unwrap_or(evaluation_interval),
            start: fields.optional("start_timestamp").parse_with(instant).map_or(Timestamp::EPOCH, |start| start.value),
            external_labels: labels(fields.optional("external_labels")),
            external_url: fields.optional("external_url").string().map(|url| url.value).unwrap_or_default(),
            series: fields.optional("input_series").sequence(|node, _| self.series(node)).unwrap_or_default(),
            notifications: None,
            alert_tests: fields
                .optional("alert_rule_test")
                .sequence(|node, _| self.alert_test(node))
                .unwrap_or_default(),
            expr_tests: fields
                .optional("promql_expr_test")
                .sequence(|node, _| self.expr_test(node))
                .unwrap_or_default(),
        };
        test.notifications = self.notifications(&mut fields, test.start);
        self.finish(fields);
        Some(test)
    }

    fn notifications(&self, fields: &mut Fields<'_>, start: Timestamp) -> Option<Notifications> {
        let config = fields.optional("notifier_config").string();
        let span = fields.key_span("exp_notifications");
        let expected = expected_deliveries(self.decoder, start, fields.optional("exp_notifications"));
        if let (None, Some(span)) = (&config, span) {
            self.decoder.error(span, "exp_notifications needs a notifier_config beside it");
        }
        Some(Notifications { config: config?.value.into(), expected: expected.unwrap_or_default() })
    }

    fn series(&self, node: &Node) -> Option<InputSeries> {
        let mut fields = self.decoder.mapping(node, "a series")?;
        let labels = fields.required("series").parse_located(|text| parse_labels(text).map_err(located));
        let values = fields.optional("values").parse_located(|text| parse_values(text).map_err(located));
        self.finish(fields);
        Some(InputSeries { labels: labels?.value, values: values.map(|values| values.value).unwrap_or_default() })
    }

    fn alert_test(&self, node: &Node) -> Option<AlertTest> {
        let mut fields = self.decoder.mapping(node, "a test of alerts")?;
        let eval_time = duration(fields.optional("eval_time")).unwrap_or_default();
        let name = fields.optional("alertname").string();
        let span = fields.span();
        let alert_name = name.map(|name| name.value).unwrap_or_default();
        if alert_name.is_empty() {
            self.decoder.error(span, "an item under alert_rule_test misses required attribute alertname");
        }
        let mut alerts = |field: &'static str| fields.optional(field).sequence(|node, _| self.alert(node, &alert_name));
        let firing = alerts("exp_alerts").unwrap_or_default();
        let (pending, resolved) = (alerts("exp_pending"), alerts("exp_resolved"));
        self.finish(fields);
        Some(AlertTest { eval_time, alert_name, firing, pending, resolved })
    }

    fn alert(&self, node: &Node, name: &str) -> Option<ExpectedAlert> {
        let mut fields = self.decoder.mapping(node, "an alert")?;
        let alert = ExpectedAlert {
            labels: labels(fields.optional("exp_labels")).with(ALERT_NAME, name),
            annotations: labels(fields.optional("exp_annotations")),
        };
        self.finish(fields);
        Some(alert)
    }

    fn expr_test(&self, node: &Node) -> Option<ExprTest> {
        let mut fields = self.decoder.mapping(node, "a test of an expression")?;
        let expr = fields.required("expr").string();
        let eval_time = duration(fields.optional("eval_time")).unwrap_or_default();
        let samples = fields.optional("exp_samples").sequence(|node, _| self.sample(node)).unwrap_or_default();
        let error = fields.optional("exp_error").string().map(|text| text.value);
        self.finish(fields);
        Some(ExprTest { expr: expr?.value, eval_time, samples, error })
    }

    fn sample(&self, node: &Node) -> Option<ExpectedSample> {
        let mut fields = self.decoder.mapping(node, "a sample")?;
        let labels = fields.optional("labels").parse_located(|text| match text.trim() {
            "" => Ok(LabelSet::empty()),
            text => parse_labels(text).map_err(located),
        });
        let number = fields.optional("value").float().map_or(0.0, |value| value.value);
        let histogram = fields.optional("histogram").parse_located(|text| match text.trim() {
            "" => Ok(None),
            text => parse_values(text).map_err(located).map(|values| values.into_iter().next().flatten()),
        });
        self.finish(fields);
        let histogram = histogram.and_then(|histogram| histogram.value);
        let labels = labels.map_or_else(LabelSet::empty, |labels| labels.value);
        Some(ExpectedSample { labels, value: histogram.unwrap_or(Value::Float(number)) })
    }
}

fn located(unreadable: Unreadable) -> (usize, String) {
    (unreadable.at, unreadable.message)
}

fn strings(field: Field<'_>) -> Vec<String> {
    field.string_list().unwrap_or_default().into_iter().map(|text| text.value).collect()
}

fn duration(field: Field<'_>) -> Option<Duration> {
    field.parse_with(parse_duration).map(|duration| duration.value)
}

fn labels(field: Field<'_>) -> LabelSet {
    let pairs = field.string_map().unwrap_or_default();
    LabelSet::from_pairs(pairs.into_iter().map(|(name, value)| (name.value, value.value)))
}

/// RFC 3339, or seconds since the epoch.
fn instant(text: &str) -> Result<Timestamp, model::timestamp::InvalidTimestamp> {
    match text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        Ok(seconds) if seconds.is_finite() => Ok(Timestamp::from_millis((seconds * 1000.0).round() as i64)),
        _ => Timestamp::parse_rfc3339(text),
    }
}
