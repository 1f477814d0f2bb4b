//! Addresses to URLs, as Prometheus makes them: scheme, path and labels of a target, which relabelling may change.

use model::LabelSet;
use outbound::http_config::check_http_url;

use crate::relabel::Relabeling;

/// The labels a target has while `relabel_configs` are applied, beside the one that holds its path.
const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";

/// What the targets of one section share.
#[derive(Clone, Debug)]
pub struct Targets {
    /// `http` or `https`, unless a label says otherwise.
    pub scheme: &'static str,
    /// With a slash in front, unless it is empty.
    pub path: String,
    /// The label that holds the path: `__alerts_path__`.
    pub path_label: &'static str,
    /// May change labels and drop targets.
    pub relabeling: Relabeling,
}

/// Addresses, listed or discovered, with the labels of their list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// `host:port`.
    pub addresses: Vec<String>,
    /// Such as `__meta_dns_name`.
    pub labels: LabelSet,
}

impl Targets {
    /// The URL at an address; `None` if relabelling drops it.
    ///
    /// # Errors
    /// The address, or what relabelling makes of it, cannot be part of a URL.
    pub fn url(&self, address: &str, labels: &LabelSet) -> Result<Option<String>, String> {
        if address.is_empty() || address.contains('/') {
            return Err(format!("{address:?} is not a host with an optional port"));
        }
        let written = LabelSet::from_pairs([(ADDRESS, address), (SCHEME, self.scheme), (self.path_label, &*self.path)]);
        let Some(labels) = self.relabeling.apply(&written.overlay(labels.iter())) else { return Ok(None) };
        let part = |name| labels.get_or_empty(name);
        let url = format!("{}://{}{}", part(SCHEME), part(ADDRESS), part(self.path_label));
        check_http_url(&url).map_err(|reason| format!("this target's URL is not usable: {reason}"))?;
        Ok(Some(url))
    }
}
