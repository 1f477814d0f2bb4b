//! The `route` tree as written, and how options are handed down in it.

use std::time::Duration;

use model::duration::{format_duration, parse_duration};
use model::matcher::is_classic_name;
use model::matcher::parse::{ParseMode, print_matchers};
use model::{LabelSet, Matcher};
use yaml::{Decoder, Field, Fields, Kind, Node, Span, Spanned};

use super::matchers::{self, MatcherKeys};
use super::{EscalationStep, GroupBy, Route};
use crate::receiver::template_check::check_go_template;

const KEYS: MatcherKeys = MatcherKeys { matchers: "matchers", equal: "match", regex: "match_re" };

/// `group_by: ['...']`
const EVERY_LABEL: &str = "...";

const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);

/// A route as written: what is left out is handed down from its parent.
pub(super) struct RawRoute {
    /// Where to report what concerns the route as a whole.
    pub(super) span: Span,
    pub(super) receiver: Option<Spanned<String>>,
    matchers: Vec<Matcher>,
    group_by: Option<GroupBy>,
    group_wait: Option<Duration>,
    group_interval: Option<Spanned<Duration>>,
    repeat_interval: Option<Spanned<Duration>>,
    continues: bool,
    pub(super) mute_time_intervals: Vec<Spanned<String>>,
    pub(super) active_time_intervals: Vec<Spanned<String>>,
    labels: Vec<(String, String)>,
    pub(super) escalate: Option<Vec<RawStep>>,
    /// Keys that the root may not have.
    pub(super) not_on_root: Vec<Spanned<&'static str>>,
    pub(super) routes: Vec<RawRoute>,
}

impl RawRoute {
    pub(super) fn decode(node: &Node, decoder: &Decoder, mode: ParseMode) -> Option<RawRoute> {
        let mut fields = decoder.mapping(node, "a route")?;
        let continues = fields.optional("continue").boolean().is_some_and(|flag| flag.value);
        let route = RawRoute {
            span: fields.span(),
            receiver: fields.optional("receiver").string().filter(|name| !name.value.is_empty()),
            matchers: matchers::decode(&mut fields, decoder, &KEYS, mode),
            group_by: decode_group_by(fields.optional("group_by"), decoder, mode),
            group_wait: fields.optional("group_wait").parse_with(parse_duration).map(|wait| wait.value),
            group_interval: positive_duration(fields.optional("group_interval"), decoder),
            repeat_interval: positive_duration(fields.optional("repeat_interval"), decoder),
            continues,
            mute_time_intervals: fields.optional("mute_time_intervals").string_list().unwrap_or_default(),
            active_time_intervals: fields.optional("active_time_intervals").string_list().unwrap_or_default(),
            labels: decode_labels(fields.optional("labels"), decoder),
            escalate: fields.optional("escalate").sequence(RawStep::decode),
            not_on_root: not_on_root(node, &fields, continues),
            routes: fields
                .optional("routes")
                .sequence(|node, decoder| RawRoute::decode(node, decoder, mode))
                .unwrap_or_default(),
        };
        fields.finish();
        Some(route)
    }

    /// The root as meant, with all below it.
    pub(super) fn resolve(self, decoder: &Decoder) -> Route {
        let defaults = Route {
            key: "{}".to_owned(),
            id: 0,
            receiver: String::new(),
            matchers: Vec::new(),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            continues: false,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            labels: LabelSet::empty(),
            escalate: Vec::new(),
            routes: Vec::new(),
        };
        self.inherit(&defaults, defaults.key.clone(), &mut 0, decoder)
    }

    fn inherit(self, parent: &Route, key: String, next_id: &mut usize, decoder: &Decoder) -> Route {
        self.warn_about_repeat(parent, decoder);
        let receiver = self.receiver.map_or_else(|| parent.receiver.clone(), |receiver| receiver.value);
        let escalate = steps(self.escalate, &parent.escalate, &receiver, decoder);
        let mut route = Route {
            key,
            id: *next_id,
            receiver,
            matchers: self.matchers,
            group_by: self.group_by.unwrap_or_else(|| parent.group_by.clone()),
            group_wait: self.group_wait.unwrap_or(parent.group_wait),
            group_interval: self.group_interval.map_or(parent.group_interval, |interval| interval.value),
            repeat_interval: self.repeat_interval.map_or(parent.repeat_interval, |interval| interval.value),
            continues: self.continues,
            mute_time_intervals: self.mute_time_intervals.into_iter().map(|name| name.value).collect(),
            active_time_intervals: self.active_time_intervals.into_iter().map(|name| name.value).collect(),
            labels: parent.labels.overlay(self.labels.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
            escalate,
            routes: Vec::new(),
        };
        *next_id += 1;
        for child in self.routes {
            let key = format!("{}/{}", route.key, print_matchers(&child.matchers));
            let child = child.inherit(&route, key, next_id, decoder);
            route.routes.push(child);
        }
        route
    }

    /// Repeats happen on ticks of group_interval, so a shorter repeat_interval is not what is meant.
    fn warn_about_repeat(&self, parent: &Route, decoder: &Decoder) {
        let Some(own) = self.repeat_interval.as_ref().or(self.group_interval.as_ref()) else { return };
        let value = |interval: &Option<Spanned<Duration>>, parent| interval.as_ref().map_or(parent, |own| own.value);
        let repeat = value(&self.repeat_interval, parent.repeat_interval);
        if repeat < value(&self.group_interval, parent.group_interval) {
            let report = decoder.warning(own.span, "repeat_interval is shorter than group_interval");
            report.hint("notifications repeat at most once in each group_interval");
        }
    }
}

/// A step of `escalate` as written.
pub(super) struct RawStep {
    after: Spanned<Duration>,
    pub(super) to: Spanned<String>,
}

impl RawStep {
    fn decode(node: &Node, decoder: &Decoder) -> Option<RawStep> {
        let mut fields = decoder.mapping(node, "a step of an escalation")?;
        let after = positive_duration(fields.required("after"), decoder);
        let to = fields.required("to").string();
        fields.finish();
        Some(RawStep { after: after?, to: to? })
    }
}

/// A route's own steps, or those handed down to it, of which its own receiver needs none.
fn steps(
    own: Option<Vec<RawStep>>,
    inherited: &[EscalationStep],
    receiver: &str,
    decoder: &Decoder,
) -> Vec<EscalationStep> {
    let Some(own) = own else {
        return inherited.iter().filter(|step| step.to != receiver).cloned().collect();
    };
    let mut steps: Vec<EscalationStep> = Vec::new();
    for RawStep { after, to } in own {
        if to.value == receiver {
            let report = decoder.error(to.span, format!("{receiver:?} is told by the route already"));
            report.hint("a step tells another receiver; the route's own is told again every repeat_interval");
        }
        if steps.iter().any(|step| step.to == to.value) {
            let report = decoder.error(to.span, format!("receiver {:?} has a step before", to.value));
            report.hint("each receiver has one step; it is told again every repeat_interval");
        }
        if let Some(last) = steps.last().filter(|last| last.after > after.value) {
            let last = format_duration(last.after);
            let report = decoder.error(after.span, format!("this step comes before the one above it ({last})"));
            report.hint("steps are counted from the first notification and stand in the order of time");
        }
        steps.push(EscalationStep { after: after.value, to: to.value });
    }
    steps
}

fn positive_duration(field: Field<'_>, decoder: &Decoder) -> Option<Spanned<Duration>> {
    let duration = field.parse_with(parse_duration)?;
    if duration.value.is_zero() {
        decoder.error(duration.span, "the interval must not be zero");
        return None;
    }
    Some(duration)
}

fn decode_group_by(field: Field<'_>, decoder: &Decoder, mode: ParseMode) -> Option<GroupBy> {
    let names = field.string_list()?;
    let mut labels: Vec<&str> = Vec::new();
    for name in &names {
        if name.value != EVERY_LABEL {
            matchers::check_label_name(name, mode, decoder);
        }
        if labels.contains(&name.value.as_str()) {
            decoder.error(name.span, format!("label {:?} is given twice", name.value));
        } else {
            labels.push(&name.value);
        }
    }
    let Some(every) = names.iter().find(|name| name.value == EVERY_LABEL) else {
        labels.sort_unstable();
        return Some(GroupBy::Labels(labels.into_iter().map(str::to_owned).collect()));
    };
    if names.len() > 1 {
        let report = decoder.error(every.span, "\"...\" stands for every label and cannot have others beside it");
        report.hint("keep \"...\" or the names");
    }
    Some(GroupBy::All)
}

fn decode_labels(field: Field<'_>, decoder: &Decoder) -> Vec<(String, String)> {
    let labels = field.string_map().unwrap_or_default();
    for (name, text) in &labels {
        if !is_classic_name(&name.value) {
            decoder.error(name.span, format!("{:?} is not a label name", name.value));
        }
        check_go_template(decoder, text, false);
    }
    labels.into_iter().map(|(name, text)| (name.value, text.value)).collect()
}

fn not_on_root(route: &Node, fields: &Fields<'_>, continues: bool) -> Vec<Spanned<&'static str>> {
    const KEYS: [&str; 5] = ["matchers", "match", "match_re", "mute_time_intervals", "active_time_intervals"];
    let filled = |key: &str| match route.get(key).map(|node| &node.kind) {
        None | Some(Kind::Null) => false,
        Some(Kind::Sequence(items)) => !items.is_empty(),
        Some(Kind::Mapping(entries)) => !entries.is_empty(),
        Some(Kind::Scalar(_)) => true,
    };
    let given = KEYS.into_iter().filter(|key| filled(key)).chain(continues.then_some("continue"));
    given.filter_map(|key| Some(Spanned::new(key, fields.key_span(key)?))).collect()
}
