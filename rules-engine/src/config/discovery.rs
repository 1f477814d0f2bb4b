//! Discovery of targets by name server and by files, in Prometheus' notation.

use std::path::Path;
use std::time::Duration;

use model::duration::parse_duration;
use yaml::{Decoder, Field, Fields, Node};

use super::joined;

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
}

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
    /// Between two looks.
    pub fn refresh(&self) -> Duration {
        match self {
            Self::Dns { refresh, .. } | Self::File { refresh, .. } => *refresh,
        }
    }
}

/// Reads `dns_sd_configs` and `file_sd_configs`.
pub(super) fn decode(fields: &mut Fields<'_>, base: &Path) -> Vec<Discovery> {
    let dns = fields.optional("dns_sd_configs").sequence(decode_dns).unwrap_or_default();
    let file = fields.optional("file_sd_configs").sequence(|node, decoder| decode_file(node, decoder, base));
    dns.into_iter().chain(file.unwrap_or_default()).collect()
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
