//! `alerting`: which notifiers there are, and how alerts are relabelled for them.

use std::path::Path;
use std::time::Duration;

use model::LabelSet;
use model::duration::parse_duration;
use model::source::Spanned;
use outbound::HttpConfig;
use outbound::http_config::check_http_url;
use yaml::{Decoder, Field, Fields, Node};

use super::{NotifierTarget, http_section};
use crate::relabel::{Relabeling, decode_relabeling};

/// The labels a target has while `relabel_configs` are applied.
const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const PATH: &str = "__alerts_path__";

const SCHEMES: [(&str, &str); 2] = [("http", "http"), ("https", "https")];

/// Service discoveries that Prometheus knows.
const DISCOVERIES: [&str; 29] = [
    "aws_sd_configs",
    "azure_sd_configs",
    "consul_sd_configs",
    "digitalocean_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "eureka_sd_configs",
    "file_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "http_sd_configs",
    "ionos_sd_configs",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "openstack_sd_configs",
    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",
    "scaleway_sd_configs",
    "serverset_sd_configs",
    "stackit_sd_configs",
    "triton_sd_configs",
    "uyuni_sd_configs",
];

/// Reads the section: relabelling for all, and the targets.
pub(super) fn decode(node: &Node, decoder: &Decoder, base: &Path) -> Option<(Relabeling, Vec<NotifierTarget>)> {
    let mut fields = decoder.mapping(node, "an alerting section")?;
    let relabeling = decode_relabeling(fields.optional("alert_relabel_configs"));
    let sections = fields.optional("alertmanagers").sequence(|node, decoder| decode_section(node, decoder, base));
    fields.finish();
    let targets = sections.into_iter().flatten().flatten().collect();
    Some((relabeling, super::each_once(targets)))
}

/// One entry of `alertmanagers`: settings shared by a list of targets.
fn decode_section(node: &Node, decoder: &Decoder, base: &Path) -> Option<Vec<NotifierTarget>> {
    let mut fields = decoder.mapping(node, "an alertmanagers section")?;
    let scheme = fields.optional("scheme").one_of(&SCHEMES).map_or("http", |scheme| scheme.value);
    let prefix = fields.optional("path_prefix").string().map(|prefix| prefix.value).unwrap_or_default();
    let timeout = fields.optional("timeout").parse_with(parse_duration);
    let version = fields.optional("api_version").string();
    let targets_relabeling = decode_relabeling(fields.optional("relabel_configs"));
    let relabeling = decode_relabeling(fields.optional("alert_relabel_configs"));
    let addresses = decode_addresses(fields.optional("static_configs"));
    let http = http_section::decode(node, &mut fields, decoder, base);
    refuse_discoveries(&mut fields, decoder);
    fields.finish();
    if let Some(version) = version.filter(|version| version.value != "v2") {
        decoder
            .error(version.span, format!("unsupported Alertmanager API {:?}", version.value))
            .hint("only v2 is left; remove this");
    }
    let timeout = timeout.map_or(Duration::from_secs(10), |timeout| timeout.value);
    let prefix = prefix.trim_matches('/');
    let path = if prefix.is_empty() { "/api/v2/alerts".to_owned() } else { format!("/{prefix}/api/v2/alerts") };
    let shared = Shared { scheme, path, targets_relabeling, relabeling, http, timeout };
    Some(addresses.iter().filter_map(|address| shared.target(address, decoder)).collect())
}

/// A target as listed, with the labels of its list.
struct Address {
    address: Spanned<String>,
    labels: LabelSet,
}

fn decode_addresses(field: Field<'_>) -> Vec<Address> {
    let lists = field.sequence(|node, decoder| {
        let mut fields = decoder.mapping(node, "a static_configs entry")?;
        let targets = fields.optional("targets").string_list().unwrap_or_default();
        let labels = fields.optional("labels").string_map().unwrap_or_default();
        fields.finish();
        let labels = LabelSet::from_pairs(labels.iter().map(|(name, value)| (&*name.value, &*value.value)));
        let addresses = targets.into_iter().map(|address| Address { address, labels: labels.clone() });
        Some(addresses.collect::<Vec<_>>())
    });
    lists.into_iter().flatten().flatten().collect()
}

fn refuse_discoveries(fields: &mut Fields<'_>, decoder: &Decoder) {
    for name in DISCOVERIES {
        if let Some(span) = fields.key_span(name) {
            decoder
                .error(span, format!("service discovery {name:?} is not supported yet"))
                .hint("list the notifiers under static_configs");
            fields.ignore(&[name]);
        }
    }
}

/// What the targets of one entry share.
struct Shared {
    scheme: &'static str,
    path: String,
    targets_relabeling: Relabeling,
    relabeling: Relabeling,
    http: HttpConfig,
    timeout: Duration,
}

impl Shared {
    /// The target at an address, unless relabelling drops it.
    fn target(&self, listed: &Address, decoder: &Decoder) -> Option<NotifierTarget> {
        let address = &listed.address;
        if address.value.is_empty() || address.value.contains('/') {
            decoder
                .error(address.span, format!("{:?} is not a host with an optional port", address.value))
                .hint("a scheme goes into \"scheme\", a path into \"path_prefix\"");
            return None;
        }
        let written = LabelSet::from_pairs([(ADDRESS, &*address.value), (SCHEME, self.scheme), (PATH, &*self.path)]);
        let labels = self.targets_relabeling.apply(&written.overlay(listed.labels.iter()))?;
        let part = |name| labels.get_or_empty(name);
        let url = format!("{}://{}{}", part(SCHEME), part(ADDRESS), part(PATH));
        if let Err(reason) = check_http_url(&url) {
            decoder.error(address.span, format!("this target's URL is not usable: {reason}"));
            return None;
        }
        let Shared { relabeling, http, timeout, .. } = self;
        Some(NotifierTarget { url, http: http.clone(), timeout: *timeout, relabeling: relabeling.clone() })
    }
}
