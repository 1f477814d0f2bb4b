//! What clients post: alerts that begin, are reported again and again, and end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::lane::{Lane, PACES, Pace};
use super::receiver::Page;
use crate::conditions::{nothing_for, unix_now};

/// Instants are read from two clocks of the same machine, and intervals from a little after their beginning.
const EARLY_SECS: f64 = 0.15;
const REPORTED_EVERY: Duration = Duration::from_millis(60);

/// An incident that was told from its beginning to its end.
pub(super) struct Incident {
    pub(super) name: String,
    pub(super) pace: Pace,
    /// The receiver must not have heard of it before; its beginning, or the end of the silence over it.
    pub(super) not_before: f64,
}

struct Alerts<'a> {
    lane: &'a Lane,
    incident: &'a str,
    pace: Pace,
}

impl Alerts<'_> {
    fn json(&self, count: usize, is_over: bool, text: &str) -> Value {
        let alert = |number: usize| {
            let (incident, pace, number) = (self.incident, self.pace.name, number.to_string());
            let labels = json!({"alertname": "Posted", "incident": incident, "pace": pace, "number": number});
            let mut alert = json!({"labels": labels, "annotations": {"text": text}});
            if is_over {
                alert["endsAt"] =
                    json!(model::Timestamp::from_millis((unix_now() * 1000.0) as i64).to_rfc3339_millis());
            }
            alert
        };
        (0..count).map(alert).collect()
    }

    async fn post(&self, count: usize, is_over: bool, text: &str) {
        let alerts = self.json(count, is_over, text);
        self.lane.insist(|client, url| client.post(format!("{url}/api/v2/alerts")).json(&alerts)).await;
    }

    /// Reports them until both integrations were told so; when each was.
    async fn until_told(&self, count: usize, due: f64, chance: &mut fastrand::Rng) -> [f64; 2] {
        loop {
            if let Some(told) = self.lane.receiver.told(self.incident, |page| page.tells(count, "firing")) {
                return told;
            }
            if let Some(late) = self.lane.too_late(due) {
                let (name, pace, known) = (self.incident, self.pace.name, self.lane.known_of(self.incident).await);
                panic!(
                    "{name} ({pace}): {count} alerts, due at {due:.3}, not told in {late:.1} s of being up: {known}"
                );
            }
            let text = text(self.lane.text_bytes, chance);
            let alerts = self.json(count, false, &text);
            self.lane.change(|client, url| client.post(format!("{url}/api/v2/alerts")).json(&alerts)).await;
            nothing_for(REPORTED_EVERY).await;
        }
    }
}

/// Incident after incident until nothing is killed any more.
pub(super) async fn run_incidents(lane: Arc<Lane>, client: String, mut chance: fastrand::Rng) -> Vec<Incident> {
    let mut incidents = Vec::new();
    while !lane.is_over.load(Ordering::SeqCst) {
        let name = format!("{client}-{}", incidents.len());
        incidents.push(one(&lane, name, &mut chance).await);
    }
    incidents
}

async fn one(lane: &Lane, name: String, chance: &mut fastrand::Rng) -> Incident {
    let pace = PACES[chance.usize(0..PACES.len())];
    let alerts = Alerts { lane, incident: &name, pace };
    let count = if chance.u8(0..4) == 0 { chance.usize(10..30) } else { chance.usize(1..4) };
    let silenced = chance.u8(0..4) == 0;
    if silenced {
        silence(lane, &name).await;
    }
    let mut not_before = unix_now();
    alerts.post(count, false, "first").await;
    let mut due = unix_now() + pace.wait;
    if silenced {
        nothing_for(Duration::from_millis(chance.u64(200..1500))).await;
        not_before = unix_now();
        end_silences(lane, &name).await;
        due = unix_now() + pace.interval;
    } else {
        not_before += pace.wait;
    }
    let told = alerts.until_told(count, due.max(unix_now()), chance).await;
    for at in told {
        assert!(at > not_before - EARLY_SECS, "{name} ({}): told at {at:.3}, not before {not_before:.3}", pace.name);
    }
    // When the group is flushed after a silence depends on when it began.
    let flushed_after = if silenced { 0.0 } else { not_before };
    let count = if chance.bool() { grow(&alerts, count, told, flushed_after, chance).await } else { count };
    if pace.repeat < 60.0 {
        repeated(lane, &name, pace, count).await;
    }
    alerts.post(count, true, "last").await;
    let due = unix_now() + pace.interval;
    lane.due(&name, "its end", due, || lane.receiver.told(&name, |page| page.tells(count, "resolved"))).await;
    Incident { name, pace, not_before }
}

/// One alert more waits for the group's interval, unless nobody knows whether the page before it arrived.
async fn grow(
    alerts: &Alerts<'_>,
    count: usize,
    told: [f64; 2],
    flushed_after: f64,
    chance: &mut fastrand::Rng,
) -> usize {
    alerts.post(count + 1, false, "more").await;
    let news = alerts.until_told(count + 1, unix_now() + alerts.pace.interval, chance).await;
    let not_before = flushed_after + alerts.pace.interval - EARLY_SECS;
    for (at, before) in news.into_iter().zip(told) {
        let is_known = alerts.lane.deaths().iter().all(|death| !(before - 0.5..before + 2.0).contains(death));
        let (name, pace) = (alerts.incident, alerts.pace.name);
        assert!(!is_known || at > not_before, "{name} ({pace}): news told at {at:.3}, not before {not_before:.3}");
    }
    count + 1
}

/// Waits until it was told again for no other reason than that it still fires.
async fn repeated(lane: &Lane, name: &str, pace: Pace, count: usize) {
    let is_it = |page: &Page| page.incident == name && page.tells(count, "firing");
    let first = lane.receiver.pages().iter().filter(|page| is_it(page)).map(|page| page.at).fold(0.0, f64::max);
    let due = first + pace.repeat + pace.interval;
    lane.due(name, "again", due, || {
        let is_repeat = |page: &Page| is_it(page) && page.at > first + pace.repeat - EARLY_SECS;
        lane.receiver.told(name, is_repeat)
    })
    .await;
}

/// Makes a silence; more than one where it was not answered.
async fn silence(lane: &Lane, incident: &str) {
    let silence = json!({
        "matchers": [{"name": "incident", "value": incident, "isRegex": false}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "crashes", "comment": incident,
    });
    lane.insist(|client, url| client.post(format!("{url}/api/v2/silences")).json(&silence)).await;
}

async fn end_silences(lane: &Lane, incident: &str) {
    let path = format!("/api/v2/silences?filter=incident%3D%22{incident}%22");
    loop {
        let Some(silences) = lane.get(&path).await else {
            nothing_for(REPORTED_EVERY).await;
            continue;
        };
        let silences = silences.as_array().cloned().unwrap_or_default();
        let Some(active) = silences.iter().find(|silence| silence["status"]["state"] == "active") else { return };
        let id = active["id"].as_str().unwrap();
        lane.change(|client, url| client.delete(format!("{url}/api/v2/silence/{id}"))).await;
    }
}

fn text(bytes: usize, chance: &mut fastrand::Rng) -> String {
    std::iter::repeat_with(|| chance.alphanumeric()).take(bytes).collect()
}
