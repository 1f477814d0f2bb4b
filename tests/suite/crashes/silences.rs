//! Silences that are made, changed and ended all the time; what was answered with 200 is there after every kill.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::RwLock;

use super::incident::Incident;
use super::lane::Lane;
use crate::conditions::nothing_for;

/// What a silence says: comment, end, and whether it is over. Of one that is over the end is when it was ended.
type Content = (String, String, bool);

/// What each silence may be: one content, or two after a change that was not answered.
#[derive(Default)]
pub(super) struct Silences {
    known: Mutex<BTreeMap<String, BTreeSet<Content>>>,
    /// Held by whoever changes one; as a whole by who looks at all.
    gate: RwLock<()>,
}

impl Silences {
    pub(super) fn count(&self) -> usize {
        self.known.lock().unwrap().len()
    }

    /// Compares what is there with what was answered; where a change was not answered, what is there is what holds from now on.
    pub(super) async fn check(&self, lane: &Lane) {
        let _nobody_changes_any = self.gate.write().await;
        let Some(answer) = lane.get("/api/v2/silences").await else {
            assert!(!lane.is_over.load(Ordering::SeqCst), "the silences cannot be asked for");
            return;
        };
        let found: BTreeMap<&str, Content> =
            answer.as_array().unwrap().iter().map(|one| (one["id"].as_str().unwrap(), content(one))).collect();
        for (id, allowed) in self.known.lock().unwrap().iter_mut() {
            let Some(found) = found.get(id.as_str()) else {
                panic!("lane {}: silence {id} is gone: {allowed:?}", lane.number)
            };
            assert!(allowed.contains(found), "lane {}: silence {id} is {found:?}, not {allowed:?}", lane.number);
            *allowed = BTreeSet::from([found.clone()]);
        }
    }

    /// Asks for a change once; the answer, if there was one.
    async fn change(
        &self,
        lane: &Lane,
        id: &str,
        content: Content,
        request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Option<Value> {
        let _others_may_too = self.gate.read().await;
        self.known.lock().unwrap().entry(id.to_owned()).or_default().insert(content.clone());
        let answer = lane.change(request).await?;
        self.known.lock().unwrap().insert(id.to_owned(), BTreeSet::from([content]));
        Some(answer)
    }

    /// Asks for a new one once; its id, if there was an answer: whether one that was not answered is there, nobody knows.
    async fn make(&self, lane: &Lane, silence: &Value) -> Option<String> {
        let _others_may_too = self.gate.read().await;
        let made = lane.change(|client, url| client.post(format!("{url}/api/v2/silences")).json(silence)).await?;
        let id = made["silenceID"].as_str().unwrap().to_owned();
        self.known.lock().unwrap().insert(id.clone(), BTreeSet::from([content(silence)]));
        Some(id)
    }
}

fn content(silence: &Value) -> Content {
    let is_over = silence["status"]["state"] == "expired";
    let ends_at = if is_over { "" } else { silence["endsAt"].as_str().unwrap() };
    (silence["comment"].as_str().unwrap().to_owned(), ends_at.to_owned(), is_over)
}

/// Makes, changes and ends silences until nothing is killed any more. They are no incidents.
pub(super) async fn run_silences(
    lane: Arc<Lane>,
    silences: Arc<Silences>,
    client: u64,
    mut chance: fastrand::Rng,
) -> Vec<Incident> {
    let mut number = 0;
    while !lane.is_over.load(Ordering::SeqCst) {
        number += 1;
        one(&lane, &silences, &format!("{client}-{number}"), &mut chance).await;
        nothing_for(Duration::from_millis(chance.u64(5..60))).await;
    }
    Vec::new()
}

async fn one(lane: &Lane, silences: &Silences, name: &str, chance: &mut fastrand::Rng) {
    let mut silence = json!({
        "matchers": [{"name": "other", "value": name, "isRegex": false}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2080-01-01T00:00:00.000Z", "createdBy": "crashes", "comment": name,
    });
    let Some(id) = silences.make(lane, &silence).await else { return };
    let Some(kept) = lane.get(&format!("/api/v2/silence/{id}")).await else { return };
    (silence["id"], silence["startsAt"]) = (json!(id), kept["startsAt"].clone());
    for change in 0..chance.u32(0..4) {
        silence["comment"] = json!(format!("{name} changed {change}"));
        silence["endsAt"] = json!(format!("20{}-01-01T00:00:00.000Z", chance.u32(70..99)));
        let request =
            |client: &reqwest::Client, url: &str| client.post(format!("{url}/api/v2/silences")).json(&silence);
        let Some(changed) = silences.change(lane, &id, content(&silence), request).await else { return };
        assert_eq!(changed["silenceID"], id, "the same silence");
    }
    if chance.bool() {
        silence["status"]["state"] = json!("expired");
        let request = |client: &reqwest::Client, url: &str| client.delete(format!("{url}/api/v2/silence/{id}"));
        silences.change(lane, &id, content(&silence), request).await;
    }
}
