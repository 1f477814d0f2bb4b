//! Discovery of targets by name server, by files and by Kubernetes, in Prometheus' notation.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::duration::parse_duration;
use yaml::{Decoder, Field, Fields, Node};

use super::{http_section, joined};

/// Prometheus' interval for asking name servers.
const DNS_REFRESH: Duration = Duration::from_secs(30);

/// How often files are read again. Prometheus watches them besides; reading is cheaper than watching.
const FILE_REFRESH: Duration = Duration::from_secs(5);

/// Least time between two looks.
const REFRESH_MIN: Duration = Duration::from_secs(1);

/// Where targets are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// In the records of names.
    Dns {
        /// The names.
        names: Vec<String>,
        /// Which records.
        records: DnsRecords,
        /// Between two looks.
        refresh: Duration,
    },
    /// In JSON or YAML files: `[{targets: [host:port], labels: {}}]`.
    File {
        /// Globs, joined to the folder of the configuration file.
        globs: Vec<String>,
        /// Between two looks.
        refresh: Duration,
    },
    /// In objects of Kubernetes, which are followed: whoever has a client for it tells what is found.
    Kubernetes(KubernetesDiscovery),
}

/// Objects of Kubernetes that targets are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesDiscovery {
    /// Which kind.
    pub role: KubernetesRole,
    /// In which namespaces; none is all.
    pub namespaces: Vec<String>,
    /// Also in that of the process.
    pub own_namespace: bool,
    /// How to reach the API; without it, as a pod's service account does.
    pub kubeconfig: Option<PathBuf>,
    /// Which objects of a kind, as the API takes it.
    pub selectors: Vec<KubernetesSelector>,
}

/// What narrows the objects of a kind down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSelector {
    /// Of which kind.
    pub role: KubernetesRole,
    /// By labels.
    pub label: String,
    /// By fields.
    pub field: String,
}

/// What targets are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubernetesRole {
    /// Addresses of Endpoints.
    Endpoints,
    /// Addresses of EndpointSlices.
    EndpointSlice,
    /// Ports of containers.
    Pod,
    /// Ports of Services.
    Service,
}

const ROLES: [(&str, KubernetesRole); 4] = [
    ("endpoints", KubernetesRole::Endpoints),
    ("endpointslice", KubernetesRole::EndpointSlice),
    ("pod", KubernetesRole::Pod),
    ("service", KubernetesRole::Service),
];

/// Which records of a name are targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsRecords {
    /// Host and port of each service record.
    Srv,
    /// IPv4 addresses, with this port.
    A(u16),
    /// IPv6 addresses, with this port.
    Aaaa(u16),
}

impl Discovery {
    /// Between two looks; for ever where changes are told.
    pub fn refresh(&self) -> Duration {
        match self {
            Self::Dns { refresh, .. } | Self::File { refresh, .. } => *refresh,
            Self::Kubernetes(_) => Duration::MAX,
        }
    }
}

/// Reads `dns_sd_configs`, `file_sd_configs` and `kubernetes_sd_configs`.
pub(super) fn decode(fields: &mut Fields<'_>, base: &Path) -> Vec<Discovery> {
    let dns = fields.optional("dns_sd_configs").sequence(decode_dns).unwrap_or_default();
    let file = fields.optional("file_sd_configs").sequence(|node, decoder| decode_file(node, decoder, base));
    let kubernetes = fields.optional("kubernetes_sd_configs");
    let kubernetes = kubernetes.sequence(|node, decoder| decode_kubernetes(node, decoder, base)).unwrap_or_default();
    dns.into_iter().chain(file.unwrap_or_default()).chain(kubernetes).collect()
}

fn decode_kubernetes(node: &Node, decoder: &Decoder, base: &Path) -> Option<Discovery> {
    let mut fields = decoder.mapping(node, "a kubernetes_sd_configs entry")?;
    let role = fields.required("role").one_of(&ROLES);
    let kubeconfig = fields.optional("kubeconfig_file").string();
    let namespaces = fields.optional("namespaces").decode(|node, decoder| {
        let mut fields = decoder.mapping(node, "the namespaces of a kubernetes_sd_configs entry")?;
        let own = fields.optional("own_namespace").boolean().is_some_and(|own| own.value);
        let names = fields.optional("names").string_list().unwrap_or_default();
        fields.finish();
        Some((names.into_iter().map(|name| name.value).collect(), own))
    });
    let selectors = fields.optional("selectors").sequence(|node, decoder| {
        let mut fields = decoder.mapping(node, "a selector")?;
        let role = fields.required("role").one_of(&ROLES);
        let label = fields.optional("label").string().map(|label| label.value).unwrap_or_default();
        let field = fields.optional("field").string().map(|field| field.value).unwrap_or_default();
        fields.finish();
        Some(KubernetesSelector { role: role?.value, label, field })
    });
    if let Some(span) = fields.key_span("attach_metadata") {
        decoder.warning(span, "labels of nodes are not attached to notifiers");
        fields.ignore(&["attach_metadata"]);
    }
    // A kubeconfig has these instead.
    for name in std::iter::once("api_server").chain(http_section::KEYS) {
        if let Some(span) = fields.key_span(name) {
            decoder
                .error(span, format!("{name:?} of a client for the Kubernetes API is not supported here"))
                .hint("put it into a kubeconfig and name that in kubeconfig_file; in a pod, leave it out");
            fields.ignore(&[name]);
        }
    }
    fields.finish();
    let (namespaces, own_namespace) = namespaces.unwrap_or_default();
    Some(Discovery::Kubernetes(KubernetesDiscovery {
        role: role?.value,
        namespaces,
        own_namespace,
        kubeconfig: kubeconfig.map(|path| base.join(path.value)),
        selectors: selectors.unwrap_or_default(),
    }))
}

fn decode_dns(node: &Node, decoder: &Decoder) -> Option<Discovery> {
    let mut fields = decoder.mapping(node, "a dns_sd_configs entry")?;
    let names = fields.required("names").string_list().unwrap_or_default();
    let kind = fields.optional("type").one_of(&[("SRV", "SRV"), ("A", "A"), ("AAAA", "AAAA")]);
    let kind = kind.map_or("SRV", |kind| kind.value);
    let port = fields.optional("port").integer_in(1..=65_535);
    let place = fields.span();
    let refresh = refresh(fields.optional("refresh_interval"), DNS_REFRESH);
    fields.finish();
    let port = port.and_then(|port| u16::try_from(port.value).ok());
    let records = match (kind, port) {
        ("SRV", _) => DnsRecords::Srv,
        ("A", Some(port)) => DnsRecords::A(port),
        (_, Some(port)) => DnsRecords::Aaaa(port),
        (_, None) => {
            decoder.error(place, "a port is required in DNS-SD configs for all record types except SRV");
            return None;
        }
    };
    let names = names.into_iter().map(|name| name.value).collect();
    Some(Discovery::Dns { names, records, refresh })
}

fn decode_file(node: &Node, decoder: &Decoder, base: &Path) -> Option<Discovery> {
    let mut fields = decoder.mapping(node, "a file_sd_configs entry")?;
    let files = fields.required("files").string_list().unwrap_or_default();
    let refresh = refresh(fields.optional("refresh_interval"), FILE_REFRESH);
    fields.finish();
    for file in &files {
        let is_known = [".json", ".yml", ".yaml"].iter().any(|end| file.value.to_lowercase().ends_with(end));
        if !is_known {
            decoder.error(file.span, format!("{:?} does not end in .json, .yml or .yaml", file.value));
        }
    }
    let globs = files.iter().map(|file| joined(base, &file.value)).collect();
    // files are looked at as often as we do, even where Prometheus' five minutes are written: it watches them
    Some(Discovery::File { globs, refresh: refresh.min(FILE_REFRESH) })
}

fn refresh(field: Field<'_>, default: Duration) -> Duration {
    field.parse_with(parse_duration).map_or(default, |refresh| refresh.value.max(REFRESH_MIN))
}
