//! Tells whoever wrote an object whether it is in force: by Events, in the log, and in `status.bindings` where that is asked for.

use std::collections::BTreeMap;

use kubernetes::client::Client;
use kubernetes::object::{EVENTS, Kind, ObjectKey, metadata_text};
use kubernetes::rule_source::Workload;
use kubernetes::status::{Finding, INVALID};
use serde_json::{Value, json};
use tracing::{debug, info, warn};

use crate::live;

/// What was being done: the operator's word.
const SELECTING: &str = "SelectingAlertmanagerConfigResources";
/// Who writes Events.
const CONTROLLER: &str = "watchfire/notifier";

/// How one object stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Why it cannot be used, if it cannot.
    pub why: Option<String>,
    /// Whether what it said before stays in force.
    pub stays: bool,
}

/// Reports each thing once.
pub struct Reporter {
    /// Who reports.
    pub instance: String,
    /// In whose name the status is written, if it is.
    pub binding: Option<Workload>,
    reported: BTreeMap<ObjectKey, Standing>,
    /// What is known of the objects' metadata and status.
    seen: BTreeMap<ObjectKey, Finding>,
}

impl Reporter {
    /// Nothing reported yet.
    pub fn new(instance: String, binding: Option<Workload>) -> Reporter {
        Reporter { instance, binding, reported: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// An object as it is now.
    pub fn seen(&mut self, key: &ObjectKey, object: &Value) {
        let bindings = object.get("status").and_then(|status| status.get("bindings"));
        let generation = object.get("metadata").and_then(|metadata| metadata.get("generation")?.as_i64());
        let seen = Finding {
            key: key.clone(),
            uid: metadata_text(object, "uid").to_owned(),
            generation: generation.unwrap_or_default(),
            resource_version: metadata_text(object, "resourceVersion").to_owned(),
            bindings: bindings.map(|bindings| bindings.to_string().into()),
            mistakes: None,
        };
        self.seen.insert(key.clone(), seen);
    }

    /// It is gone.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.seen.remove(key);
        self.reported.remove(key);
    }

    /// Reports what is other than when it was last told.
    pub async fn report(&mut self, client: &Client, kind: Kind, standings: BTreeMap<ObjectKey, Standing>) {
        for (key, standing) in &standings {
            if self.reported.get(key).unwrap_or(&Standing::default()) != standing {
                self.tell(client, kind, key, standing).await;
            }
            if let Some(owner) = self.binding.clone() {
                self.bind(client, (kind, key), &owner, standing).await;
            }
        }
        self.reported = standings;
    }

    async fn tell(&self, client: &Client, kind: Kind, key: &ObjectKey, standing: &Standing) {
        let finding = self.finding(key, standing);
        let Some((why, note)) = finding.mistakes.as_ref().zip(finding.note()) else {
            info!(alertmanagerconfig = %key, "the object can be used again");
            return;
        };
        let stays = standing.stays;
        warn!(alertmanagerconfig = %key, what_it_said_before_stays = stays, error = why, "the object cannot be used");
        let event = json!({
            "apiVersion": EVENTS.api_version(),
            "kind": EVENTS.name,
            "metadata": {"generateName": format!("{}.", key.name), "namespace": key.namespace},
            "type": "Warning",
            "reason": INVALID,
            "action": SELECTING,
            "note": note,
            "eventTime": timestamp(),
            "reportingController": CONTROLLER,
            "reportingInstance": self.instance,
            "regarding": {
                "apiVersion": kind.api_version(),
                "kind": kind.name,
                "namespace": key.namespace,
                "name": key.name,
                "uid": finding.uid,
            },
        });
        if let Err(failure) = client.create(EVENTS, &key.namespace, &event).await {
            debug!(alertmanagerconfig = %key, "no Event could be written: {failure}");
        }
    }

    fn finding(&self, key: &ObjectKey, standing: &Standing) -> Finding {
        let empty = || Finding {
            key: key.clone(),
            uid: String::new(),
            generation: 0,
            resource_version: String::new(),
            bindings: None,
            mistakes: None,
        };
        Finding { mistakes: standing.why.clone(), ..self.seen.get(key).cloned().unwrap_or_else(empty) }
    }

    /// Writes the condition if it says something else than what is there.
    async fn bind(&self, client: &Client, (kind, key): (Kind, &ObjectKey), owner: &Workload, standing: &Standing) {
        if !self.seen.contains_key(key) {
            return;
        }
        let Some(patch) = self.finding(key, standing).status_patch(owner, &timestamp()) else { return };
        if let Err(failure) = client.patch_status(kind, key, &patch).await {
            // another writer was first, or there is no right to; it is tried again with what changes next
            debug!(alertmanagerconfig = %key, "the status could not be written: {failure}");
        }
    }
}

/// Now, in RFC 3339 with microseconds.
fn timestamp() -> String {
    let now = jiff::Timestamp::from_millisecond(live::now().as_millis()).unwrap_or_default();
    now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
