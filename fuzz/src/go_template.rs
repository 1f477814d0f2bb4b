//! Go templates: of rules, of notifications as text and as HTML. Parsed and executed within their limits.

use std::sync::LazyLock;

use model::Timestamp;
use templates::go_template::notifier_data::{Alert, Notification};
use templates::go_template::rule_functions::{self, RuleContext, RuleData};
use templates::go_template::{
    At, Escape, Functions, Limits, Map, Render, Template, TemplateSet, Value, notifier_functions,
};

use super::text;

static RULE_FUNCTIONS: LazyLock<Functions> = LazyLock::new(rule_functions::functions);
static SHIPPED: LazyLock<TemplateSet> = LazyLock::new(notifier_functions::template_set);
static DOT: LazyLock<Value> = LazyLock::new(|| notification().dot());

/// Few, so that the fuzzer tries much: what is stopped is stopped at any limit.
const LIMITS: Limits = Limits { output_bytes: 1 << 16, steps: 20_000, template_depth: 100 };

pub fn check(data: &[u8]) {
    let Some((choice, written)) = text::choice(data) else { return };
    let rendered = match choice % 3 {
        0 => of_rule(written),
        1 => of_notification(written, Escape::None),
        _ => of_notification(written, Escape::Html),
    };
    match rendered {
        Ok(out) => assert!(out.len() <= LIMITS.output_bytes, "{} bytes", out.len()),
        Err(message) => text::says(&message),
    }
}

fn of_rule(written: &str) -> Result<String, String> {
    let template = Template::parse("t", written, &RULE_FUNCTIONS).map_err(|error| error.to_string())?;
    let data = RuleData { labels: Map::strings([("job", "api")]).into(), value: 1.5.into(), ..RuleData::default() };
    let context = RuleContext { now_seconds: 1e9, external_url: "http://w", answers: &|_| Some(Ok(Vec::new())) };
    let (dot, variables) = (data.dot(), data.variables());
    let render = Render { data: &dot, variables: &variables, context: &context, limits: &LIMITS, escape: Escape::None };
    template.execute(&render).map_err(|error| error.to_string())
}

fn of_notification(written: &str, escape: Escape) -> Result<String, String> {
    let template = SHIPPED.parse("t", written).map_err(|error| error.to_string())?;
    let render = Render { data: &DOT, variables: &[], context: &At(1e9), limits: &LIMITS, escape };
    template.execute(&render).map_err(|error| error.to_string())
}

fn notification() -> Notification {
    let pairs = |text: &str| {
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.into(), value.into()));
        text.split(',').filter_map(pair).collect()
    };
    let alert = |name: &str| Alert {
        status: "firing".to_owned(),
        labels: pairs(&format!("alertname={name},job=<api>")),
        annotations: pairs("summary=\"x\" & y"),
        starts_at: Some(Timestamp::from_secs(1_767_225_600).to_jiff()),
        ..Alert::default()
    };
    Notification {
        receiver: "team".to_owned(),
        status: "firing".to_owned(),
        alerts: vec![alert("Down"), alert("Slow")],
        group_labels: pairs("alertname=Down"),
        common_labels: pairs("job=<api>"),
        external_url: "http://w".to_owned(),
        ..Notification::default()
    }
}
