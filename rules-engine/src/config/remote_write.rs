//! `remote_write`: where recorded series and the state of alerts go.

use std::path::Path;

use model::duration::parse_duration;
use yaml::{Decoder, Field, Node};

use super::{WriteTarget, http_section};
use crate::relabel::decode_relabeling;

/// Headers that belong to the protocol.
const RESERVED: [&str; 5] =
    ["content-encoding", "content-type", "x-prometheus-remote-write-version", "user-agent", "host"];

const MESSAGES: [(&str, bool); 2] = [("prometheus.WriteRequest", true), ("io.prometheus.write.v2.Request", false)];

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
    // each sample is acknowledged before the next rule runs, so there is no queue; series are floats only
    fields.ignore(&["queue_config", "metadata_config", "send_exemplars", "send_native_histograms", "round_robin_dns"]);
    fields.finish();
    if let Some(message) = message.filter(|message| !message.value) {
        decoder.error(message.span, "remote write 2.0 is not supported yet").hint("use prometheus.WriteRequest");
    }
    let target = WriteTarget::new(url?.value);
    let name_span = name.as_ref().map(|name| name.span);
    let target = WriteTarget {
        name: name.map_or(target.name, |name| name.value),
        url: target.url,
        http,
        headers,
        timeout: timeout.map_or(target.timeout, |timeout| timeout.value),
        relabeling,
    };
    Some((target, name_span))
}
