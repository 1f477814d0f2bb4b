//! Fields of groups that vmalert, Thanos and Mimir have and Prometheus has not, and what they mean to us.

use std::sync::Arc;
use std::time::Duration;

use model::duration::parse_duration;
use model::source::{Span, Spanned};
use reqwest::header::{HeaderName, HeaderValue};
use yaml::{Decoder, Field, Fields};

use super::dialect::{Dialect, MIMIR_GROUP, THANOS_STRATEGY, VMALERT_GROUP};
use super::source_choice::TENANT_HEADER;
use crate::rule::{Pace, RuleGroup};

/// Headers of queries that are set by us.
const RESERVED: [&str; 5] = ["accept", "accept-encoding", "content-type", "content-length", "host"];

/// The fields as written.
#[derive(Default)]
pub(super) struct Extension {
    group_type: Option<Spanned<String>>,
    eval_offset: Option<Spanned<SignedDuration>>,
    eval_delay: Option<Spanned<Duration>>,
    eval_alignment: Option<Spanned<bool>>,
    concurrency: Option<Spanned<i64>>,
    params: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    is_logged: bool,
    history: Option<usize>,
    partial_response: Option<bool>,
    evaluation_delay: Option<Spanned<Duration>>,
    is_on_interval: bool,
}

/// A duration that may have a sign.
#[derive(Clone, Copy)]
struct SignedDuration {
    is_negative: bool,
    length: Duration,
}

impl Extension {
    /// Reads the fields that the dialect allows.
    pub(super) fn decode(fields: &mut Fields<'_>, decoder: &Decoder, dialect: Dialect) -> Extension {
        let mut read = Extension::default();
        if dialect == Dialect::Prometheus {
            return read;
        }
        read.partial_response = strategy(fields);
        if dialect == Dialect::Vmalert {
            read.decode_vmalert(fields, decoder);
        } else {
            read.decode_mimir(fields, decoder);
        }
        read
    }

    fn decode_vmalert(&mut self, fields: &mut Fields<'_>, decoder: &Decoder) {
        self.group_type = fields.optional("type").string();
        self.eval_offset = fields.optional("eval_offset").parse_with(parse_signed);
        self.eval_delay = fields.optional("eval_delay").parse_with(parse_duration);
        self.eval_alignment = fields.optional("eval_alignment").boolean();
        self.concurrency = fields.optional("concurrency").integer_in(0..=i64::MAX);
        self.params = params(fields.optional("params"));
        self.headers = headers(fields.optional("headers"), decoder);
        self.is_logged = fields.optional("debug").boolean().is_some_and(|debug| debug.value);
        self.history = history(fields.optional("update_entries_limit"));
        let notifier_headers = fields.optional("notifier_headers").secret().string_list().unwrap_or_default();
        if let Some(first) = notifier_headers.first() {
            decoder
                .error(first.span, "alerts of one group cannot have headers of their own")
                .without_excerpt()
                .hint("give them to the notifier: http_headers in alerting.alertmanagers of the configuration file");
        }
        if let Some(tenant) = fields.optional("tenant").string() {
            decoder
                .error(tenant.span, "a group has no tenant of vmalert's cluster mode")
                .hint("give the group a query source with the tenant's URL in the configuration file");
        }
    }

    fn decode_mimir(&mut self, fields: &mut Fields<'_>, decoder: &Decoder) {
        let tenants = fields.optional("source_tenants").string_list().unwrap_or_default();
        if let Some(first) = tenants.first() {
            let names: Vec<&str> = tenants.iter().map(|tenant| tenant.value.as_str()).collect();
            self.headers.extend(header(TENANT_HEADER, &names.join("|"), first.span, decoder));
        }
        self.evaluation_delay = fields.optional("evaluation_delay").parse_with(parse_duration);
        let aligned = fields.optional("align_evaluation_time_on_interval").boolean();
        self.is_on_interval = aligned.is_some_and(|aligned| aligned.value);
    }

    /// vmalert's `type` of the group.
    pub(super) fn group_type(&self) -> Option<&str> {
        self.group_type.as_ref().map(|group_type| group_type.value.as_str())
    }

    /// How many evaluations of its rules are remembered.
    pub(super) fn history(&self) -> Option<usize> {
        self.history
    }

    /// Puts what is written into the group. `query_offset` is the group's own, where it has one; `has_interval` whether
    /// its interval is.
    pub(super) fn apply(
        self,
        group: &mut RuleGroup,
        query_offset: Option<Duration>,
        has_interval: bool,
        dialect: Dialect,
        decoder: &Decoder,
    ) {
        self.check(group.interval, has_interval, decoder);
        let delay = self.eval_delay.as_ref().or(self.evaluation_delay.as_ref()).map(|delay| delay.value);
        group.query_offset = query_offset.or(delay).unwrap_or(group.query_offset);
        let aligned = self.eval_alignment.as_ref().map_or(dialect == Dialect::Vmalert, |aligned| aligned.value);
        group.pace = Pace {
            offset: self.is_on_interval.then_some(Duration::ZERO),
            is_aligned: aligned,
            concurrency: self.concurrency.and_then(|most| usize::try_from(most.value).ok()).filter(|most| *most > 0),
            is_logged: self.is_logged,
        };
        if let Some(offset) = self.eval_offset {
            // exactly there, for exactly then
            group.pace.offset = Some(offset.value.within(group.interval));
            group.pace.is_aligned = false;
            group.query_offset = query_offset.unwrap_or_default();
        }
        let partial = self.partial_response.map(|accepted| ("partial_response".to_owned(), accepted.to_string()));
        if partial.is_some() || !self.params.is_empty() || !self.headers.is_empty() {
            let source = Arc::make_mut(&mut group.source);
            source.params.extend(self.params.into_iter().chain(partial));
            source.headers.extend(self.headers);
        }
    }

    /// What does not fit together.
    fn check(&self, interval: Duration, has_interval: bool, decoder: &Decoder) {
        const KNOWN_TYPES: [&str; 4] = ["", "prometheus", "loki", "vlogs"];
        if let Some(unknown) = self.group_type.as_ref().filter(|kind| !KNOWN_TYPES.contains(&kind.value.as_str())) {
            decoder
                .error(unknown.span, format!("groups of type {:?} cannot be evaluated", unknown.value))
                .hint("known are prometheus, loki and vlogs");
        }
        let Some(offset) = &self.eval_offset else { return };
        if !has_interval {
            decoder.error(offset.span, "eval_offset needs an interval in the same group").hint("write \"interval\"");
        } else if offset.value.length > interval {
            decoder.error(offset.span, "eval_offset is longer than the interval").hint("write an offset within it");
        }
        if let Some(delay) = &self.eval_delay {
            decoder
                .error(delay.span, "eval_delay and eval_offset exclude each other")
                .hint("with eval_offset queries are for exactly that instant; remove one of the two");
        }
    }
}

impl SignedDuration {
    /// The distance from the interval's begin.
    fn within(self, interval: Duration) -> Duration {
        let interval = interval.as_nanos().max(1);
        let length = self.length.as_nanos() % interval;
        let within = if self.is_negative { (interval - length) % interval } else { length };
        Duration::from_nanos(u64::try_from(within).unwrap_or(u64::MAX))
    }
}

/// How many evaluations of a rule are remembered: as in vmalert, 0 is as for all.
pub(super) fn history(field: Field<'_>) -> Option<usize> {
    const HISTORY_MAX: i64 = 1000;
    let entries = field.integer_in(0..=HISTORY_MAX)?;
    usize::try_from(entries.value).ok().filter(|entries| *entries > 0)
}

/// Fields that a group may have in this dialect, whether or not it is read.
pub(super) fn is_allowed(field: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Prometheus => false,
        Dialect::Any => MIMIR_GROUP.contains(&field) || field == THANOS_STRATEGY,
        Dialect::Vmalert => VMALERT_GROUP.contains(&field) || field == THANOS_STRATEGY,
    }
}

/// Thanos' strategy: whether a partial answer is good enough. Without one the server decides.
pub(super) fn strategy(fields: &mut Fields<'_>) -> Option<bool> {
    let strategy = fields.optional(THANOS_STRATEGY).parse_with(|text| match text.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "abort" => Ok(Some(false)),
        "warn" => Ok(Some(true)),
        _ => Err(format!("expected abort or warn for {THANOS_STRATEGY:?}, found {text:?}")),
    });
    strategy?.value
}

fn parse_signed(text: &str) -> Result<SignedDuration, String> {
    let (is_negative, length) = match text.strip_prefix('-') {
        Some(length) => (true, length),
        None => (false, text),
    };
    let length = parse_duration(length).map_err(|error| error.to_string())?;
    Ok(SignedDuration { is_negative, length })
}

/// Lists of values under the names of URL parameters.
fn params(field: Field<'_>) -> Vec<(String, String)> {
    let lists = field.entries(|name, values, decoder| {
        let values = decoder.value(values).string_list()?;
        Some(values.into_iter().map(|value| (name.text.to_string(), value.value)).collect::<Vec<_>>())
    });
    lists.unwrap_or_default().into_iter().flatten().collect()
}

/// A list of `Name: value`.
fn headers(field: Field<'_>, decoder: &Decoder) -> Vec<(String, String)> {
    let lines = field.secret().string_list().unwrap_or_default();
    let split = lines.iter().filter_map(|line| match line.value.split_once(':') {
        Some((name, value)) => header(name.trim(), value.trim(), line.span, decoder),
        None => {
            decoder.error(line.span, "a header is written as \"Name: value\"").without_excerpt();
            None
        }
    });
    split.collect()
}

fn header(name: &str, value: &str, span: Span, decoder: &Decoder) -> Option<(String, String)> {
    let is_usable = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
    if !is_usable {
        decoder.error(span, "this cannot be the header of a request").without_excerpt();
        return None;
    }
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        decoder.error(span, format!("the header {name:?} is set by Watchfire")).without_excerpt().hint("remove it");
        return None;
    }
    Some((name.to_owned(), value.to_owned()))
}
