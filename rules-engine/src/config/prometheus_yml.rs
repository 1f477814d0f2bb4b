//! `prometheus.yml` as written: its sections, what a rule service does with them, and what it has no use for.

use std::path::Path;
use std::time::Duration;

use kubernetes::rule_source::RuleSource;
use model::LabelSet;
use model::duration::parse_duration;
use model::labels::METRIC_NAME;
use yaml::{Decoder, Field, Node};

use super::{Config, alertmanagers, environment, joined, query_source, remote_write};
use crate::rule_file::NameScheme;

/// Sections that concern scraping, storage and the like.
const UNUSED: [&str; 7] =
    ["scrape_configs", "scrape_config_files", "storage", "tracing", "otlp", "remote_read", "runtime"];

/// Keys of `global` that concern scraping and logging of queries.
const UNUSED_GLOBAL: [&str; 19] = [
    "scrape_interval",
    "scrape_timeout",
    "scrape_protocols",
    "scrape_failure_log_file",
    "scrape_native_histograms",
    "scrape_classic_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "extra_scrape_metrics",
    "query_log_file",
    "body_size_limit",
    "sample_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "target_limit",
    "keep_dropped_targets",
    "metric_name_escaping_scheme",
    "runtime",
];

const SCHEMES: [(&str, NameScheme); 2] = [("utf8", NameScheme::Utf8), ("legacy", NameScheme::Legacy)];

/// Reads the whole file.
pub(super) fn decode(
    root: &Node,
    decoder: &Decoder,
    base: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<Config> {
    let mut fields = decoder.mapping(root, "a configuration file")?;
    let mut config = Config::default();
    let global = fields.optional("global");
    let _read = global.decode(|node, decoder| decode_global(node, decoder, environment, &mut config));
    let globs = fields.optional("rule_files").string_list().unwrap_or_default();
    config.rule_globs = globs.iter().map(|glob| joined(base, &glob.value)).collect();
    config.kubernetes = fields.optional("kubernetes").decode(|node, decoder| RuleSource::decode(node, decoder, base));
    let alerting = fields.optional("alerting").decode(|node, decoder| alertmanagers::decode(node, decoder, base));
    let alerting = alerting.unwrap_or_default();
    (config.alert_relabeling, config.notifiers) = (alerting.relabeling, alerting.notifiers);
    config.discovered_notifiers = alerting.discovered;
    config.remote_writes = remote_write::decode(fields.optional("remote_write"), base);
    config.sources = query_source::decode(fields.optional("query"), fields.optional("query_sources"), base);
    for name in UNUSED {
        if fields.optional(name).node().is_some() {
            config.unused.push(name);
        }
    }
    fields.finish();
    Some(config)
}

fn decode_global(
    node: &Node,
    decoder: &Decoder,
    environment: &dyn Fn(&str) -> Option<String>,
    config: &mut Config,
) -> Option<()> {
    let mut fields = decoder.mapping(node, "the global section")?;
    let interval = fields.optional("evaluation_interval").parse_with(parse_duration);
    let offset = fields.optional("rule_query_offset").parse_with(parse_duration);
    let names = fields.optional("metric_name_validation_scheme").one_of(&SCHEMES);
    let labels = fields.optional("external_labels");
    fields.ignore(&UNUSED_GLOBAL);
    fields.finish();
    let given = interval.map(|interval| interval.value).filter(|interval| *interval > Duration::ZERO);
    config.evaluation_interval = given.unwrap_or(config.evaluation_interval);
    config.query_offset = offset.map_or(config.query_offset, |offset| offset.value);
    config.names = names.map_or(config.names, |names| names.value);
    config.external_labels = decode_external_labels(labels, config.names, decoder, environment);
    Some(())
}

/// A variable that is not set is warned about and stands for nothing, as in Prometheus.
fn decode_external_labels(
    field: Field<'_>,
    names: NameScheme,
    decoder: &Decoder,
    environment: &dyn Fn(&str) -> Option<String>,
) -> LabelSet {
    let labels = field.string_map().unwrap_or_default();
    LabelSet::from_pairs(labels.iter().map(|(name, written)| {
        if !names.allows_label(&name.value) || name.value == METRIC_NAME {
            decoder.error(name.span, format!("{:?} is not a valid label name", name.value));
        }
        let (value, unset) = environment::expand(&written.value, environment);
        for variable in unset {
            decoder
                .warning(written.span, format!("environment variable {variable} is not set or empty"))
                .hint("it stands for nothing; write $$ for a dollar");
        }
        (name.value.as_str(), value)
    }))
}
