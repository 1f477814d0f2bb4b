//! Targets found by name server and in files. What cannot be looked up stays as it was last found.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use model::LabelSet;
use model::source::SourceFile;
use yaml::{Decoder, Node};

use crate::config::{Discovery, DnsRecords, TargetGroup};
use crate::rule_file::read_file;

/// Longest time for the records of one name.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(10);

/// Most targets of one name or file.
const TARGETS_MAX: usize = 10_000;

/// Looks for targets, and remembers what was found.
#[derive(Default)]
pub struct Finder {
    discoveries: Vec<Discovery>,
    /// By name or path.
    found: BTreeMap<String, Vec<TargetGroup>>,
    /// What could not be looked up the last time, so that it is told once.
    failing: BTreeMap<String, String>,
    resolver: Option<TokioResolver>,
}

impl Finder {
    /// Looks there.
    pub fn new(discoveries: Vec<Discovery>) -> Finder {
        Finder { discoveries, ..Finder::default() }
    }

    /// With another name server than the system's.
    #[cfg(test)]
    fn with_resolver(discoveries: Vec<Discovery>, resolver: TokioResolver) -> Finder {
        Finder { resolver: Some(resolver), ..Finder::new(discoveries) }
    }

    /// How long to wait between two looks.
    pub fn refresh(&self) -> Duration {
        self.discoveries.iter().map(Discovery::refresh).min().unwrap_or(Duration::MAX)
    }

    /// Looks everywhere, and gives all that is known then.
    pub async fn look(&mut self) -> Vec<TargetGroup> {
        let mut known = BTreeMap::new();
        for discovery in self.discoveries.clone() {
            match discovery {
                Discovery::Dns { names, records, .. } => {
                    for name in names {
                        let found = self.look_up(&name, records).await;
                        self.learn(name, found, &mut known);
                    }
                }
                // told by whoever follows the objects
                Discovery::Kubernetes(_) => {}
                Discovery::File { globs, .. } => {
                    for path in globs.iter().filter_map(|glob| glob::glob(glob).ok()).flatten().flatten() {
                        let found = read_targets(&path);
                        self.learn(path.display().to_string(), found, &mut known);
                    }
                }
            }
        }
        self.failing.retain(|place, _| known.contains_key(place));
        self.found = known;
        self.found.values().flatten().cloned().collect()
    }

    /// A failure changes nothing but is told.
    fn learn(
        &mut self,
        place: String,
        found: Result<Vec<TargetGroup>, String>,
        known: &mut BTreeMap<String, Vec<TargetGroup>>,
    ) {
        let targets = match found {
            Ok(targets) => {
                self.failing.remove(&place);
                targets
            }
            Err(error) => {
                if self.failing.get(&place) != Some(&error) {
                    tracing::warn!(place, error, "targets cannot be looked up; those known stay");
                    self.failing.insert(place.clone(), error);
                }
                self.found.get(&place).cloned().unwrap_or_default()
            }
        };
        known.entry(place).or_default().extend(targets);
    }

    async fn look_up(&mut self, name: &str, records: DnsRecords) -> Result<Vec<TargetGroup>, String> {
        let resolver = match &self.resolver {
            Some(resolver) => resolver.clone(),
            None => {
                let builder = TokioResolver::builder_tokio().map_err(|error| error.to_string())?;
                let resolver = builder.build().map_err(|error| error.to_string())?;
                self.resolver.insert(resolver).clone()
            }
        };
        let kind = match records {
            DnsRecords::Srv => RecordType::SRV,
            DnsRecords::A(_) => RecordType::A,
            DnsRecords::Aaaa(_) => RecordType::AAAA,
        };
        let answer = tokio::time::timeout(LOOKUP_DEADLINE, resolver.lookup(name, kind)).await;
        let answer = match answer.map_err(|_| format!("no answer within {LOOKUP_DEADLINE:?}"))? {
            Ok(answer) => answer,
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let datas = answer.answers().iter().map(|record| &record.data).take(TARGETS_MAX);
        Ok(datas.filter_map(|data| target(name, data, records)).collect())
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finder").field("discoveries", &self.discoveries).finish_non_exhaustive()
    }
}

/// A record as a target, with Prometheus' labels.
fn target(name: &str, data: &RData, records: DnsRecords) -> Option<TargetGroup> {
    let group = |address: String, labels: &[(&str, String)]| {
        let labels = labels.iter().cloned().chain([("__meta_dns_name", name.to_owned())]);
        Some(TargetGroup { addresses: vec![address], labels: LabelSet::from_pairs(labels) })
    };
    match (data, records) {
        (RData::SRV(record), DnsRecords::Srv) => {
            let host = record.target.to_string();
            let address = format!("{}:{}", host.trim_end_matches('.'), record.port);
            let port = record.port.to_string();
            group(address, &[("__meta_dns_srv_record_target", host), ("__meta_dns_srv_record_port", port)])
        }
        (RData::A(address), DnsRecords::A(port)) => group(format!("{}:{port}", address.0), &[]),
        (RData::AAAA(address), DnsRecords::Aaaa(port)) => group(format!("[{}]:{port}", address.0), &[]),
        _ => None,
    }
}

/// The targets in a file: a list of `{targets: […], labels: {…}}`, as JSON or YAML.
fn read_targets(path: &Path) -> Result<Vec<TargetGroup>, String> {
    let file = read_file(path).map_err(|mistakes| mistakes.to_string())?;
    parse_targets(&file)
}

fn parse_targets(file: &SourceFile) -> Result<Vec<TargetGroup>, String> {
    let decoder = Decoder::new(file);
    let groups = decoder.first_document().and_then(|root| {
        if root.is_null() {
            return Some(Vec::new());
        }
        decoder.value(&root).sequence(|node, decoder| decode_group(node, decoder, file.name()))
    });
    let groups = decoder.finish(groups).map_err(|mistakes| mistakes.to_string())?.0;
    let count: usize = groups.iter().map(|group| group.addresses.len()).sum();
    if count > TARGETS_MAX {
        return Err(format!("{count} targets are more than the {TARGETS_MAX} that are taken of one file"));
    }
    Ok(groups)
}

fn decode_group(node: &Node, decoder: &Decoder, path: &str) -> Option<TargetGroup> {
    let mut fields = decoder.mapping(node, "a target group")?;
    let targets = fields.required("targets").string_list()?;
    let labels = fields.optional("labels").string_map().unwrap_or_default();
    fields.finish();
    let labels = labels.into_iter().map(|(name, value)| (name.value, value.value));
    let labels = labels.chain([("__meta_filepath".to_owned(), path.to_owned())]);
    Some(TargetGroup {
        addresses: targets.into_iter().map(|target| target.value).collect(),
        labels: LabelSet::from_pairs(labels),
    })
}

#[cfg(test)]
mod tests;
