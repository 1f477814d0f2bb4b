//! `alerting`: which notifiers there are, and how alerts are relabelled for them.

use std::path::Path;
use std::time::Duration;

use model::LabelSet;
use model::duration::parse_duration;
use outbound::HttpConfig;
use yaml::{Decoder, Field, Fields, Node};

use super::discovery::{self, Discovery};
use super::targets::{TargetGroup, Targets};
use super::{NotifierTarget, http_section};
use crate::relabel::{Relabeling, decode_relabeling};

/// The label of a target's path while `relabel_configs` are applied.
const PATH_LABEL: &str = "__alerts_path__";

pub(super) const SCHEMES: [(&str, &str); 2] = [("http", "http"), ("https", "https")];

/// Service discoveries that Prometheus knows and Watchfire does not.
const DISCOVERIES: [&str; 26] = [
    "aws_sd_configs",
    "azure_sd_configs",
    "consul_sd_configs",
    "digitalocean_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "eureka_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "http_sd_configs",
    "ionos_sd_configs",
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

/// Where alerts go.
#[derive(Default)]
pub(super) struct Alerting {
    /// For all targets.
    pub(super) relabeling: Relabeling,
    /// Those that are listed.
    pub(super) notifiers: Vec<NotifierTarget>,
    /// Sections whose targets are found at run time.
    pub(super) discovered: Vec<NotifierSection>,
}

/// Reads the section.
pub(super) fn decode(node: &Node, decoder: &Decoder, base: &Path) -> Option<Alerting> {
    let mut fields = decoder.mapping(node, "an alerting section")?;
    let relabeling = decode_relabeling(fields.optional("alert_relabel_configs"));
    let sections = fields.optional("alertmanagers").sequence(|node, decoder| decode_section(node, decoder, base));
    fields.finish();
    let (sections, targets): (Vec<_>, Vec<_>) = sections.into_iter().flatten().unzip();
    let discovered = sections.into_iter().filter(|section| !section.discoveries.is_empty()).collect();
    Some(Alerting { relabeling, notifiers: super::each_once(targets.into_iter().flatten().collect()), discovered })
}

/// One entry of `alertmanagers`: settings shared by a list of targets.
fn decode_section(node: &Node, decoder: &Decoder, base: &Path) -> Option<(NotifierSection, Vec<NotifierTarget>)> {
    let mut fields = decoder.mapping(node, "an alertmanagers section")?;
    let scheme = fields.optional("scheme").one_of(&SCHEMES).map_or("http", |scheme| scheme.value);
    let prefix = fields.optional("path_prefix").string().map(|prefix| prefix.value).unwrap_or_default();
    let timeout = fields.optional("timeout").parse_with(parse_duration);
    let version = fields.optional("api_version").string();
    let targets_relabeling = decode_relabeling(fields.optional("relabel_configs"));
    let relabeling = decode_relabeling(fields.optional("alert_relabel_configs"));
    let listed = fields.optional("static_configs");
    let discoveries = discovery::decode(&mut fields, base);
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
    let targets = Targets { scheme, path, path_label: PATH_LABEL, relabeling: targets_relabeling };
    let section = NotifierSection { discoveries, targets, relabeling, http, timeout };
    let urls = decode_static(listed, &section.targets);
    let notifiers = urls.into_iter().map(|url| section.notifier(url)).collect();
    Some((section, notifiers))
}

/// Reads `static_configs`: the URLs of what is listed.
pub(super) fn decode_static(field: Field<'_>, shared: &Targets) -> Vec<String> {
    let lists = field.sequence(|node, decoder| {
        let mut fields = decoder.mapping(node, "a static_configs entry")?;
        let targets = fields.optional("targets").string_list().unwrap_or_default();
        let labels = fields.optional("labels").string_map().unwrap_or_default();
        fields.finish();
        let labels = LabelSet::from_pairs(labels.iter().map(|(name, value)| (&*name.value, &*value.value)));
        let urls = targets.into_iter().filter_map(|address| {
            let url = shared.url(&address.value, &labels);
            url.unwrap_or_else(|mistake| {
                let report = decoder.error(address.span, mistake);
                if address.value.is_empty() || address.value.contains('/') {
                    report.hint("a scheme goes into \"scheme\", a path into \"path_prefix\"");
                }
                None
            })
        });
        Some(urls.collect::<Vec<_>>())
    });
    lists.into_iter().flatten().flatten().collect()
}

fn refuse_discoveries(fields: &mut Fields<'_>, decoder: &Decoder) {
    for name in DISCOVERIES {
        if let Some(span) = fields.key_span(name) {
            decoder
                .error(span, format!("service discovery {name:?} is not supported yet"))
                .hint("use kubernetes_sd_configs, dns_sd_configs or file_sd_configs, or list the notifiers under static_configs");
            fields.ignore(&[name]);
        }
    }
}

/// Notifiers of one entry, some of which may be found at run time.
#[derive(Clone, Debug)]
pub struct NotifierSection {
    /// Where further ones are found.
    pub discoveries: Vec<Discovery>,
    targets: Targets,
    relabeling: Relabeling,
    http: HttpConfig,
    timeout: Duration,
}

impl NotifierSection {
    /// The notifiers among what was found, and what is wrong with the others.
    pub fn notifiers(&self, found: &[TargetGroup]) -> (Vec<NotifierTarget>, Vec<String>) {
        let (mut notifiers, mut mistakes) = (Vec::new(), Vec::new());
        for group in found {
            for address in &group.addresses {
                match self.targets.url(address, &group.labels) {
                    Ok(url) => notifiers.extend(url.map(|url| self.notifier(url))),
                    Err(mistake) => mistakes.push(mistake),
                }
            }
        }
        (notifiers, mistakes)
    }

    fn notifier(&self, url: String) -> NotifierTarget {
        let NotifierSection { relabeling, http, timeout, .. } = self;
        NotifierTarget { url, http: http.clone(), timeout: *timeout, relabeling: relabeling.clone() }
    }
}
