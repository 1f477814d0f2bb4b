//! Who of several leads, agreed on by a Lease object (`coordination.k8s.io/v1`) as client-go does it.
//!
//! Whoever wants to lead tries every [`Timing::retry`]. A Lease is free when it has no holder, or when its holder has not renewed it
//! for `leaseDurationSeconds` **as seen by our own clock**: times in the object are only compared with one another, so clocks may
//! differ. Every write names the version it is based on, so of two only one succeeds. A leader that could not renew for
//! [`Timing::renew_deadline`] stops leading by itself, before others may take over.
//!
//! There is no fencing: what a leader has under way when it loses the lead may still happen. So what it does must be harmless twice.

use std::time::Duration;

use model::Timestamp;
use serde_json::{Value, json};

use crate::object::{LEASES, ObjectKey, metadata_text};

/// How long things take: the defaults are client-go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Others wait for so long after the last renewal they saw.
    pub lease: Duration,
    /// A leader that could not renew for so long leads no more.
    pub renew_deadline: Duration,
    /// Between attempts.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        let seconds = Duration::from_secs;
        Timing { lease: seconds(15), renew_deadline: seconds(10), retry: seconds(2) }
    }
}

/// One of those who want to lead.
#[derive(Clone, Debug)]
pub struct Candidate {
    key: ObjectKey,
    identity: String,
    timing: Timing,
    /// The Lease as it was seen last, and when it last changed by our clock.
    seen: Option<(Value, Timestamp)>,
    /// When we last renewed it, by our clock.
    renewed: Option<Timestamp>,
}

/// What to do about the Lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is none: make it.
    Create(Value),
    /// Replace the version that was seen.
    Replace(Value),
    /// Somebody else leads.
    Wait,
}

impl Candidate {
    /// Under an identity of its own, such as the pod's name.
    pub fn new(key: ObjectKey, identity: String, timing: Timing) -> Candidate {
        Candidate { key, identity, timing, seen: None, renewed: None }
    }

    /// Where the Lease is.
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// How long things take.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Whether it leads.
    pub fn leads(&self, now: Timestamp) -> bool {
        self.renewed.is_some_and(|renewed| renewed <= now && now.since(renewed) < self.timing.renew_deadline)
    }

    /// When it stops to lead unless it renews the Lease.
    pub fn leads_until(&self) -> Option<Timestamp> {
        self.renewed.map(|renewed| renewed.plus(self.timing.renew_deadline))
    }

    /// The Lease was read; none if there is none. What to do now.
    pub fn step(&mut self, lease: Option<Value>, now: Timestamp) -> Step {
        let Some(lease) = lease else {
            self.seen = None;
            return Step::Create(self.written(None, now));
        };
        let is_same = self.seen.as_ref().is_some_and(|(before, at)| renewal(before) == renewal(&lease) && *at <= now);
        let since = match (&self.seen, is_same) {
            (Some((_, at)), true) => *at,
            _ => now,
        };
        let holder = holder(&lease);
        let duration = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
        let duration = duration.map_or(self.timing.lease, Duration::from_secs);
        let is_free = holder.is_empty() || holder == self.identity || now.since(since) >= duration;
        self.seen = Some((lease.clone(), since));
        if holder != self.identity {
            self.renewed = None;
        }
        if is_free { Step::Replace(self.written(Some(&lease), now)) } else { Step::Wait }
    }

    /// The write of a step that was decided on at `decided` worked.
    pub fn wrote(&mut self, lease: Value, decided: Timestamp) {
        self.renewed = Some(decided);
        self.seen = Some((lease, decided));
    }

    /// The Lease that gives the lead up, for an orderly end; none if somebody else has it.
    pub fn released(&self, now: Timestamp) -> Option<Value> {
        let (lease, _) = self.seen.as_ref().filter(|(lease, _)| holder(lease) == self.identity)?;
        let mut lease = self.written(Some(lease), now);
        lease["spec"]["holderIdentity"] = "".into();
        lease["spec"]["leaseDurationSeconds"] = 1.into();
        Some(lease)
    }

    /// The Lease with us as its holder.
    fn written(&self, before: Option<&Value>, now: Timestamp) -> Value {
        let is_ours = before.is_some_and(|before| holder(before) == self.identity);
        let now = format!("{:.6}", now.to_jiff());
        let of_before = |field: &str| before.and_then(|before| before.get("spec")?.get(field).cloned());
        let transitions = of_before("leaseTransitions").and_then(|count| count.as_u64()).unwrap_or(0);
        let changes_hands = before.is_some() && !is_ours;
        let acquired = of_before("acquireTime").filter(|_| is_ours).unwrap_or_else(|| now.clone().into());
        let mut metadata = json!({"namespace": self.key.namespace, "name": self.key.name});
        if let Some(before) = before {
            metadata["resourceVersion"] = metadata_text(before, "resourceVersion").into();
        }
        json!({
            "apiVersion": LEASES.api_version(),
            "kind": LEASES.name,
            "metadata": metadata,
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": self.timing.lease.as_secs(),
                "acquireTime": acquired,
                "renewTime": now,
                "leaseTransitions": transitions + u64::from(changes_hands),
            },
        })
    }
}

fn holder(lease: &Value) -> &str {
    lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default()
}

/// What changes with each renewal.
fn renewal(lease: &Value) -> (&str, &str) {
    let time = lease.pointer("/spec/renewTime").and_then(Value::as_str).unwrap_or_default();
    (holder(lease), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server: takes a write only if it is based on the newest version.
    #[derive(Default)]
    struct Server {
        lease: Option<Value>,
        version: u64,
    }

    impl Server {
        fn take(&mut self, step: &Step) -> Option<Value> {
            let (mut wanted, is_new) = match step {
                Step::Create(lease) => (lease.clone(), true),
                Step::Replace(lease) => (lease.clone(), false),
                Step::Wait => return None,
            };
            let is_based_on_newest = match &self.lease {
                None => is_new,
                Some(lease) => {
                    !is_new && metadata_text(lease, "resourceVersion") == metadata_text(&wanted, "resourceVersion")
                }
            };
            if !is_based_on_newest {
                return None;
            }
            self.version += 1;
            wanted["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.lease = Some(wanted.clone());
            Some(wanted)
        }
    }

    fn candidate(identity: &str) -> Candidate {
        Candidate::new(ObjectKey::new("n", "lead"), identity.to_owned(), Timing::default())
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000 + secs)
    }

    fn turn(candidate: &mut Candidate, server: &mut Server, now: Timestamp) {
        let step = candidate.step(server.lease.clone(), now);
        if let Some(lease) = server.take(&step) {
            candidate.wrote(lease, now);
        }
    }

    #[test]
    fn one_leads_and_another_takes_over_when_it_is_gone() {
        let (mut a, mut b, mut server) = (candidate("a"), candidate("b"), Server::default());
        turn(&mut a, &mut server, at(0));
        turn(&mut b, &mut server, at(0));
        assert!(a.leads(at(1)) && !b.leads(at(1)));
        for second in (2..60).step_by(2) {
            turn(&mut a, &mut server, at(second));
            turn(&mut b, &mut server, at(second));
            assert!(a.leads(at(second)) && !b.leads(at(second)));
        }
        // the last renewal was at 58
        let took_over = (60..).step_by(2).find(|second| {
            turn(&mut b, &mut server, at(*second));
            b.leads(at(*second))
        });
        assert_eq!(took_over, Some(74), "15 s after the last renewal it saw, rounded up to its turn");
        assert!(!a.leads(at(68)), "it gave up before");
        let spec = &server.lease.as_ref().unwrap()["spec"];
        assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!("b"), &json!(1)));
        turn(&mut a, &mut server, at(74));
        assert!(!a.leads(at(74)));
    }

    #[test]
    fn a_lead_that_is_given_up_is_free_at_once() {
        let (mut a, mut b, mut server) = (candidate("a"), candidate("b"), Server::default());
        turn(&mut a, &mut server, at(0));
        turn(&mut b, &mut server, at(1));
        let released = a.released(at(2)).unwrap();
        assert!(server.take(&Step::Replace(released)).is_some());
        turn(&mut b, &mut server, at(3));
        assert!(b.leads(at(3)));
        assert_eq!(candidate("c").released(at(3)), None);
    }

    /// Whatever the order of turns and however clocks differ, there are never two leaders, as long as a clock runs as fast as others.
    #[test]
    fn there_are_never_two_leaders() {
        for seed in 0..200 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut server = Server::default();
            let mut all: Vec<(Candidate, i64)> =
                ["a", "b", "c"].into_iter().map(|name| (candidate(name), chance.i64(-500..500))).collect();
            let mut led = 0;
            for millis in (0..200_000).step_by(500) {
                let now = |skew: i64| Timestamp::from_nanos((1_000_000 + millis + skew) * 1_000_000);
                let one = chance.usize(..all.len());
                // each has its turn now and then, and sometimes stands still for long
                if chance.usize(..4) > 0 && millis / 20_000 % 3 != one as i64 {
                    let (candidate, skew) = &mut all[one];
                    let read = server.lease.clone();
                    let step = candidate.step(read, now(*skew));
                    if let Some(lease) = server.take(&step) {
                        candidate.wrote(lease, now(*skew));
                    }
                }
                let leaders = all.iter().filter(|(candidate, skew)| candidate.leads(now(*skew))).count();
                assert!(leaders <= 1, "seed {seed}, {millis} ms");
                led += leaders;
            }
            assert!(led > 100, "seed {seed}: somebody leads most of the time");
        }
    }
}
