//! `remote_write`: where recorded series and the state of alerts go.

use std::path::Path;
use std::time::Duration;

use model::duration::parse_duration;
use model::source::Spanned;
use yaml::{Decoder, Field, Node};

use super::{WriteProtocol, WriteTarget, http_section};
use crate::relabel::decode_relabeling;

/// Headers that belong to the protocol.
const RESERVED: [&str; 5] =
    ["content-encoding", "content-type", "x-prometheus-remote-write-version", "user-agent", "host"];

const MESSAGES: [(&str, WriteProtocol); 2] =
    [("prometheus.WriteRequest", WriteProtocol::V1), ("io.prometheus.write.v2.Request", WriteProtocol::V2)];

/// Reads the list; a name may be given once.
pub(super) fn decode(field: Field<'_>, base: &Path) -> Vec<WriteTarget> {
    let mut names: Vec<String> = Vec::new();
    let targets = field.sequence(|node, decoder| {
        let (target, name_span) = decode_target(node, decoder, base)?;
        if let (Some(span), true) = (name_span, names.contains(&target.name)) {
            decoder
                .error(span, format!("remote write {:?} is given twice", target.name))
                .hint("give each its own name");
        }
        names.push(target.name.clone());
        Some(target)
    });
    targets.unwrap_or_default()
}

fn decode_target(node: &Node, decoder: &Decoder, base: &Path) -> Option<(WriteTarget, Option<yaml::Span>)> {
    let mut fields = decoder.mapping(node, "a remote_write section")?;
    let url = http_section::decode_url(fields.required("url"), decoder);
    let timeout = fields.optional("remote_timeout").parse_with(parse_duration);
    let name = fields.optional("name").string().filter(|name| !name.value.is_empty());
    let message = fields.optional("protobuf_message").one_of(&MESSAGES);
    let headers = http_section::decode_headers(fields.optional("headers"), &RESERVED);
    let relabeling = decode_relabeling(fields.optional("write_relabel_configs"));
    let http = http_section::decode(node, &mut fields, decoder, base);
    let queue_bytes_max = fields.optional("queue_bytes_max").integer_in(64 << 10..=64 << 30);
    let queue = fields.optional("queue_config").decode(decode_queue).unwrap_or_default();
    // series are floats without metadata, and the HTTP client asks the name server anew for each connection
    fields.ignore(&["metadata_config", "send_exemplars", "send_native_histograms", "round_robin_dns"]);
    fields.finish();
    let target = WriteTarget::new(url?.value);
    let name_span = name.as_ref().map(|name| name.span);
    let target = WriteTarget {
        name: name.map_or(target.name, |name| name.value),
        url: target.url,
        http,
        headers,
        timeout: timeout.map_or(target.timeout, |timeout| timeout.value),
        relabeling,
        protocol: message.map_or(target.protocol, |message| message.value),
        samples_per_send: queue.samples_per_send.unwrap_or(target.samples_per_send),
        backoff_min: queue.backoff_min.unwrap_or(target.backoff_min),
        backoff_max: queue.backoff_max.unwrap_or(target.backoff_max),
        sample_age_max: queue.sample_age_max,
        queue_bytes_max: count(queue_bytes_max).unwrap_or(target.queue_bytes_max),
    };
    Some((target, name_span))
}

/// What `queue_config` says, as far as it means something here.
#[derive(Default)]
struct Queue {
    samples_per_send: Option<usize>,
    backoff_min: Option<Duration>,
    backoff_max: Option<Duration>,
    sample_age_max: Option<Duration>,
}

fn decode_queue(node: &Node, decoder: &Decoder) -> Option<Queue> {
    let mut fields = decoder.mapping(node, "a queue_config")?;
    let samples_per_send = fields.optional("max_samples_per_send").integer_in(1..=1_000_000);
    let mut time = |name| fields.optional(name).parse_with(parse_duration).map(|time| time.value);
    let (backoff_min, backoff_max) = (time("min_backoff"), time("max_backoff"));
    let sample_age_max = time("sample_age_limit").filter(|limit| !limit.is_zero());
    // one queue a target, bounded in bytes, sends a moment after samples came: no shards to size, and 429 is retried
    fields.ignore(&["capacity", "max_shards", "min_shards", "batch_send_deadline", "retry_on_http_429"]);
    fields.finish();
    Some(Queue { samples_per_send: count(samples_per_send), backoff_min, backoff_max, sample_age_max })
}

fn count(field: Option<Spanned<i64>>) -> Option<usize> {
    field.and_then(|field| usize::try_from(field.value).ok())
}
