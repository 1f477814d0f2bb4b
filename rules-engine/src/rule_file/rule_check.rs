//! What Prometheus' loader demands of a rule, and the rule as meant.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use model::LabelSet;
use model::labels::METRIC_NAME;
use model::source::Spanned;
use templates::go_template::{Functions, Template, rule_functions};
use yaml::Decoder;

use super::located::LocatedRule;
use super::written::{TextMap, WrittenRule, label_set};
use super::{Defaults, NameScheme};
use crate::rule::{Alerting, Language, Rule, RuleKind};

/// What templates of rules may call.
static FUNCTIONS: LazyLock<Functions> = LazyLock::new(rule_functions::functions);

/// Checks the rule at a position of its group and gives it as meant, if nothing is wrong with it. `group_labels` lie
/// under the rule's own.
pub(super) fn resolve(
    written: WrittenRule,
    number: usize,
    group_labels: &LabelSet,
    language: Language,
    defaults: &Defaults,
    decoder: &Decoder,
) -> Option<LocatedRule> {
    let kind = kind_of(&written, decoder);
    let expr = written.expr.as_ref().and_then(|expr| check_expr(expr, language, defaults, decoder));
    check_labels(&written.labels, defaults.names, decoder);
    match &kind {
        Some(Kind::Recording(name)) => check_recording(name, &written, defaults.names, decoder),
        Some(Kind::Alerting(_)) => check_alerting(&written, defaults.names, decoder),
        None => {}
    }
    let (kind, expr, parsed) = match (kind, written.expr, expr) {
        (Some(kind), Some(written), Some(parsed)) if !decoder.has_errors() => (kind, written, parsed),
        _ => return None,
    };
    let labels = group_labels.overlay(label_set(&written.labels).iter());
    let hold_span = written.hold.as_ref().map(|hold| hold.span);
    let (name, kind) = match kind {
        Kind::Recording(name) => (name, RuleKind::Recording),
        Kind::Alerting(name) => {
            let time = |field: Option<Spanned<Duration>>| field.map_or(Duration::ZERO, |field| field.value);
            let alerting = Alerting {
                hold: time(written.hold),
                keep_firing_for: time(written.keep_firing_for),
                annotations: label_set(&written.annotations),
            };
            (name, RuleKind::Alerting(alerting))
        }
    };
    let shown_expr = parsed.as_ref().map_or_else(|| expr.value.clone(), promql::Expr::to_string);
    let rule = Rule {
        name: name.value,
        expr: expr.value.clone(),
        shown_expr,
        labels,
        kind,
        history: written.history,
        is_logged: written.is_logged,
    };
    Some(LocatedRule {
        rule: Arc::new(rule),
        number,
        whole: written.whole,
        name: name.span,
        expr,
        parsed,
        hold: hold_span,
        labels: written.labels,
        annotations: written.annotations,
    })
}

/// Which of `record` and `alert` is written.
enum Kind {
    Recording(Spanned<String>),
    Alerting(Spanned<String>),
}

/// Exactly one of the two must be there; an empty one is not.
fn kind_of(written: &WrittenRule, decoder: &Decoder) -> Option<Kind> {
    let given = |field: &Option<Spanned<String>>| field.clone().filter(|name| !name.value.is_empty());
    match (given(&written.record), given(&written.alert)) {
        (Some(record), None) => Some(Kind::Recording(record)),
        (None, Some(alert)) => Some(Kind::Alerting(alert)),
        (Some(record), Some(alert)) => {
            let later = if record.span > alert.span { record } else { alert };
            decoder
                .error(later.span, "only one of \"record\" and \"alert\" may be set")
                .hint("make two rules of it, or remove one of the two");
            None
        }
        (None, None) => {
            let empty = written.record.as_ref().or(written.alert.as_ref());
            let place = empty.map_or(written.place, |name| name.span);
            decoder
                .error(place, "one of \"record\" and \"alert\" must be set")
                .hint("name the series to record with \"record\", or the alert with \"alert\"");
            None
        }
    }
}

/// Parses the expression if it is PromQL. Each mistake is reported where it stands in the file. Other languages are for
/// the server to judge: there is nothing inside then.
fn check_expr(
    expr: &Spanned<String>,
    language: Language,
    defaults: &Defaults,
    decoder: &Decoder,
) -> Option<Option<promql::Expr>> {
    if expr.value.is_empty() {
        decoder.error(expr.span, "field \"expr\" must be set");
        return None;
    }
    if !language.reads_metrics() {
        return Some(None);
    }
    match promql::parse_with(&expr.value, defaults.promql) {
        Ok(parsed) => Some(Some(parsed)),
        Err(_) if language == Language::MetricsQl => Some(None),
        Err(mistakes) => {
            for mistake in mistakes {
                let message = format!("could not parse expression: {}", mistake.message);
                decoder.error_in(expr, mistake.span.start, message);
            }
            None
        }
    }
}

/// A label may not be the metric's name, and must have a name that the scheme allows.
pub(super) fn check_labels(labels: &TextMap, names: NameScheme, decoder: &Decoder) {
    for (name, _) in labels {
        if name.value == METRIC_NAME {
            decoder
                .error(name.span, format!("invalid label name {:?}", name.value))
                .hint("\"record\" names the series a rule gives; remove this label");
        } else {
            check_label_name(name, "label", names, decoder);
        }
    }
}

fn check_label_name(name: &Spanned<String>, what: &str, names: NameScheme, decoder: &Decoder) {
    if !names.allows_label(&name.value) {
        let hint = match names {
            NameScheme::Utf8 => "a name must not be empty",
            NameScheme::Legacy => "use letters, digits and \"_\", and no digit in front",
        };
        decoder.error(name.span, format!("invalid {what} name {:?}", name.value)).hint(hint);
    }
}

fn check_recording(name: &Spanned<String>, written: &WrittenRule, names: NameScheme, decoder: &Decoder) {
    if name.value.contains(['{', '}']) {
        decoder
            .error(name.span, format!("braces in the name of a recorded series: {:?}", name.value))
            .hint("a selector belongs into \"expr\", labels into \"labels\"");
    } else if !names.allows_metric(&name.value) {
        decoder
            .error(name.span, format!("invalid metric name {:?}", name.value))
            .hint("use letters, digits, \"_\" and \":\", and no digit in front");
    }
    let time =
        |field: &Option<Spanned<Duration>>| field.as_ref().filter(|time| !time.value.is_zero()).map(|time| time.span);
    let alerts_only = [
        ("for", time(&written.hold)),
        ("keep_firing_for", time(&written.keep_firing_for)),
        ("annotations", written.annotations.first().map(|(name, _)| name.span)),
    ];
    for (field, span) in alerts_only {
        if let Some(span) = span {
            decoder
                .error(span, format!("a recording rule has no {field:?}"))
                .hint("remove it, or write \"alert\" in place of \"record\"");
        }
    }
}

/// The values of an alerting rule's labels and annotations are templates.
fn check_alerting(written: &WrittenRule, names: NameScheme, decoder: &Decoder) {
    for (name, _) in &written.annotations {
        check_label_name(name, "annotation", names, decoder);
    }
    let templates = [("label", &written.labels), ("annotation", &written.annotations)];
    for (what, (name, template)) in
        templates.into_iter().flat_map(|(what, map)| map.iter().map(move |pair| (what, pair)))
    {
        if let Err((offset, message)) = check_template(&template.value) {
            decoder.error_in(template, offset, format!("{what} {:?} is not a valid template: {message}", name.value));
        }
    }
}

/// Parses a template with the functions and variables a rule's templates have, without running it.
///
/// # Errors
/// The byte where it goes wrong, and how.
fn check_template(text: &str) -> Result<(), (usize, String)> {
    let Err(error) = Template::parse("", text, &FUNCTIONS) else { return Ok(()) };
    let message = error.failure().message();
    let offset = error.position().map_or(0, |at| {
        let before: usize = text.split_inclusive('\n').take(at.line.saturating_sub(1)).map(str::len).sum();
        before + at.column
    });
    Err((begin_of_word(text, offset.min(text.len()), &message), message))
}

/// The parser notices a wrong word when it has read it: where the message quotes it, the place is where it begins.
fn begin_of_word(text: &str, offset: usize, message: &str) -> usize {
    let quoted = message.split('"').nth(1).filter(|word| !word.is_empty());
    let read = text.get(..offset).unwrap_or(text);
    let here = quoted.filter(|word| text.get(offset..).is_some_and(|rest| rest.starts_with(word)));
    match (here, quoted) {
        (None, Some(word)) => read.rfind(word).unwrap_or(offset),
        _ => offset,
    }
}
