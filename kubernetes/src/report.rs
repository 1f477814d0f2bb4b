//! What was found about objects is said at the objects: an Event for each that is refused, and a condition in the status
//! where somebody asked for that. Of several replicas only the one that leads tells, where a Lease is agreed on; the others know
//! what there is to tell, for when they come to lead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use model::Timestamp;
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use crate::client::Client;
use crate::object::{ObjectKey, PROMETHEUS_RULES};
use crate::prometheus_rule::PrometheusRule;
use crate::reflector::Failure;
use crate::rule_source::Workload;
use crate::status::{Finding, INVALID, SELECTING};

/// Findings that may wait to be told.
const WAITING_MAX: usize = 1024;
/// Objects whose findings are kept until they can be told.
const KEPT_MAX: usize = 10_000;
/// The longest it may take to tell of one.
const DEADLINE: Duration = Duration::from_secs(15);
/// Attempts to write a status while others write it too.
const ATTEMPTS: usize = 3;
/// Who tells.
const CONTROLLER: &str = "watchfire.io/rules";

/// What was told.
#[derive(Debug, Default)]
pub struct ReportTally {
    /// Events that were created.
    pub events: AtomicU64,
    /// Status that was written.
    pub statuses: AtomicU64,
    /// Attempts that failed.
    pub failures: AtomicU64,
    /// Findings that were not told, as too many waited.
    pub dropped: AtomicU64,
}

/// Takes findings to be told.
#[derive(Clone)]
pub struct Teller {
    findings: mpsc::Sender<Finding>,
    tally: Arc<ReportTally>,
}

/// Tells them.
pub struct Telling {
    findings: mpsc::Receiver<Finding>,
    tally: Arc<ReportTally>,
    client: Client,
    recorder: Recorder,
    workload: Option<Workload>,
    clock: Clock,
    leads: watch::Receiver<bool>,
    /// What is to be told once we lead, the newest of each object.
    kept: BTreeMap<ObjectKey, Finding>,
}

/// Says what time it is.
pub type Clock = fn() -> Timestamp;

/// Both ends. `host` is which of several of us it is; nothing is told while `leads` is false.
pub fn open(
    client: Client,
    workload: Option<Workload>,
    host: String,
    clock: Clock,
    leads: watch::Receiver<bool>,
    tally: Arc<ReportTally>,
) -> (Teller, Telling) {
    let (teller, findings) = mpsc::channel(WAITING_MAX);
    let reporter = Reporter { controller: CONTROLLER.to_owned(), instance: Some(host) };
    let recorder = Recorder::new(client.kube(), reporter);
    let kept = BTreeMap::new();
    let teller = Teller { findings: teller, tally: tally.clone() };
    (teller, Telling { findings, tally, client, recorder, workload, clock, leads, kept })
}

impl Teller {
    /// Tells of it as soon as it is its turn.
    pub fn tell(&self, finding: Finding) {
        if self.findings.try_send(finding).is_err() {
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Telling {
    /// Tells what comes, until nobody has anything to tell any more.
    pub async fn run(mut self) {
        let mut is_refused = false;
        loop {
            let leads = *self.leads.borrow_and_update();
            if leads && let Some((_, finding)) = self.kept.pop_first() {
                is_refused = self.tell_in_time(&finding, is_refused).await;
                continue;
            }
            tokio::select! {
                finding = self.findings.recv() => match finding {
                    Some(finding) => self.keep(finding),
                    None => return,
                },
                // whoever says who leads may be gone, and then nobody else will
                Ok(()) = self.leads.changed() => {}
            }
        }
    }

    /// The newest finding of an object is the one to tell.
    fn keep(&mut self, finding: Finding) {
        if self.kept.len() < KEPT_MAX || self.kept.contains_key(&finding.key) {
            self.kept.insert(finding.key.clone(), finding);
        } else {
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether it could not be told.
    async fn tell_in_time(&self, finding: &Finding, was_refused: bool) -> bool {
        let told = tokio::time::timeout(DEADLINE, self.tell(finding)).await;
        let Err(error) = told.unwrap_or_else(|_| Err(format!("not done after {} s", DEADLINE.as_secs()))) else {
            return false;
        };
        self.tally.failures.fetch_add(1, Ordering::Relaxed);
        // the same reason, such as missing rights, is not told for each object
        match was_refused {
            true => debug!(object = %finding.key, error, "cannot tell of a PrometheusRule in the cluster"),
            false => warn!(
                object = %finding.key, error,
                "cannot tell of a PrometheusRule in the cluster; events.events.k8s.io needs the verbs create and patch"
            ),
        }
        true
    }

    async fn tell(&self, finding: &Finding) -> Result<(), String> {
        if let Some(note) = finding.note() {
            self.recorder
                .publish(&event(note, self.workload.as_ref()), &reference(finding))
                .await
                .map_err(|error| error.to_string())?;
            self.tally.events.fetch_add(1, Ordering::Relaxed);
        }
        match &self.workload {
            Some(workload) => self.write_status(finding.clone(), workload).await,
            None => Ok(()),
        }
    }

    /// Writes the status, unless it says so already, or another generation is to be judged by now.
    async fn write_status(&self, mut finding: Finding, workload: &Workload) -> Result<(), String> {
        // the API keeps whole seconds
        let now = Timestamp::from_secs((self.clock)().as_millis() / 1000).to_rfc3339();
        for _ in 0..ATTEMPTS {
            let Some(patch) = finding.status_patch(workload, &now) else { return Ok(()) };
            match self.client.patch_status(PROMETHEUS_RULES, &finding.key, &patch).await {
                Ok(_) => {
                    self.tally.statuses.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(Failure::Refused { code: 409, .. }) => {}
                Err(Failure::Refused { code: 404, .. }) => return Ok(()),
                Err(failure) => return Err(failure.to_string()),
            }
            let newest =
                self.client.get(PROMETHEUS_RULES, &finding.key).await.map_err(|failure| failure.to_string())?;
            match newest.as_ref().and_then(PrometheusRule::of) {
                Some(newest) if (&newest.uid, newest.generation) == (&finding.uid, finding.generation) => {
                    finding = Finding::of(&newest, finding.mistakes);
                }
                _ => return Ok(()),
            }
        }
        Err("others write the status all the time".to_owned())
    }
}

fn event(note: String, workload: Option<&Workload>) -> Event {
    let secondary = workload.map(|workload| ObjectReference {
        api_version: Some(PROMETHEUS_RULES.api_version()),
        kind: Some(if workload.resource == "prometheuses" { "Prometheus" } else { "ThanosRuler" }.to_owned()),
        namespace: Some(workload.namespace.clone()),
        name: Some(workload.name.clone()),
        ..ObjectReference::default()
    });
    Event {
        type_: EventType::Warning,
        reason: INVALID.to_owned(),
        note: Some(note),
        action: SELECTING.to_owned(),
        secondary,
    }
}

fn reference(finding: &Finding) -> ObjectReference {
    ObjectReference {
        api_version: Some(PROMETHEUS_RULES.api_version()),
        kind: Some(PROMETHEUS_RULES.name.to_owned()),
        namespace: Some(finding.key.namespace.clone()),
        name: Some(finding.key.name.clone()),
        uid: Some(finding.uid.clone()),
        resource_version: None,
        field_path: None,
    }
}
