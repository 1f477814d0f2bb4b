//! Top-level sections that are read, so that a mistake in them is found and a file of Alertmanager's loads, and that do
//! nothing yet.

use std::path::Path;

use model::duration::parse_duration;
use outbound::http_config::TlsConfig;
use yaml::{Decoder, Fields, Node};

/// Reads `tracing` and `event_recorder`, and warns that they have no effect.
pub(super) fn read(fields: &mut Fields<'_>, decoder: &Decoder, base: &Path) {
    for (key, check) in [("tracing", tracing as Check), ("event_recorder", event_recorder)] {
        let is_given = fields.optional(key).decode(|node, decoder| check(node, decoder, base)).is_some();
        if let Some(span) = fields.key_span(key).filter(|_| is_given) {
            decoder.warning(span, format!("{key:?} has no effect in this version of Watchfire"));
        }
    }
}

type Check = fn(&Node, &Decoder, &Path) -> Option<()>;

/// Alertmanager's exporter of traces.
fn tracing(node: &Node, decoder: &Decoder, base: &Path) -> Option<()> {
    let mut fields = decoder.mapping(node, "the tracing section")?;
    let _client = fields.optional("client_type").one_of(&[("grpc", ()), ("http", ())]);
    let _endpoint = fields.required("endpoint").string();
    let fraction = fields.optional("sampling_fraction").float();
    if let Some(fraction) = fraction.filter(|fraction| !(0.0..=1.0).contains(&fraction.value)) {
        decoder.error(fraction.span, "a fraction is a number from 0 to 1");
    }
    let _insecure = fields.optional("insecure").boolean();
    let _tls = fields.optional("tls_config").decode(|node, decoder| TlsConfig::decode(node, decoder, base));
    let _headers = fields.optional("http_headers").entries(|_, _, _| Some(()));
    let _compression = fields.optional("compression").one_of(&[("gzip", ()), ("none", ())]);
    let _timeout = fields.optional("timeout").parse_with(parse_duration);
    fields.finish();
    Some(())
}

/// Alertmanager's outputs of events.
fn event_recorder(node: &Node, decoder: &Decoder, _base: &Path) -> Option<()> {
    let mut fields = decoder.mapping(node, "the event_recorder section")?;
    for key in ["file_outputs", "stdout_outputs", "webhook_outputs", "kafka_outputs"] {
        let _outputs = fields.optional(key).sequence(|node, decoder| decoder.mapping(node, "an output").map(drop));
    }
    fields.finish();
    Some(())
}
