//! What the script says: requests, silences, reloads, faults, and the ends of processes.

use std::time::Duration;

use anyhow::{anyhow, bail};
use model::{ClockStep, LabelSet, Timestamp};
use notifier::acknowledgement::{AckDraft, AckError, AckTarget};
use notifier::maintenance::MaintenanceDraft;
use notifier::schedule::Schedule;
use notifier::silence::SilenceDraft;

use super::super::scenario::Event;
use super::{Happening, World};

impl<'a> World<'a> {
    pub(super) fn scripted(&mut self, event: &'a Event) -> anyhow::Result<()> {
        let (start, now) = (self.scenario.start, self.clock());
        let may_crash = self.may_crash();
        if self.machines.is_none() {
            self.timeline.unheard.push(self.now);
        }
        let mut wanted = Vec::new();
        match (event, &mut self.machines) {
            (Event::Restart(downtime), _) => {
                if self.machines.is_some() {
                    self.die(*downtime);
                }
            }
            (Event::Crash { .. }, None) => {}
            (Event::Crash { effects, down }, Some(_)) => self.crash = Some((*effects, *down)),
            (Event::ClockBack(step), _) => self.move_clock(-step.as_nanos().cast_signed()),
            (Event::ClockForward(step), _) => self.move_clock(step.as_nanos().cast_signed()),
            (Event::Failing { receiver, via, how, until }, _) => {
                self.receivers.fail(receiver, via.as_ref(), *how, start.plus(*until));
            }
            (Event::QueryOutage(until), _) => self.query_api.fail_until(start.plus(*until)),
            (Event::Reload { config, rules }, _) => return self.reload(config.as_ref(), rules.as_deref()),
            (Event::Undelivered { receiver, count }, machines) => {
                let owed = machines.iter().flat_map(|machines| machines.notifier.undelivered(now));
                let owed: usize = owed.filter(|owed| owed.receiver.name == *receiver).map(|owed| owed.count).sum();
                if owed != *count {
                    bail!("{}: {owed} notifications are owed to {receiver}, not {count}", self.at());
                }
            }
            (Event::Why { receiver, says }, _) => {
                let said = self.decided.get(receiver.as_str()).copied().unwrap_or_default();
                if said != says {
                    bail!("{}: {receiver} {said:?}, not {says:?}", self.at());
                }
            }
            // Nobody takes the request; the source will send its alerts again.
            (Event::Alerts(_), None) => {}
            // Who wrote the story cannot know when the process dies.
            (
                Event::Silence { .. }
                | Event::Maintenance { .. }
                | Event::Expire(_)
                | Event::Acknowledge { .. }
                | Event::Unacknowledge(_),
                None,
            ) if may_crash => {}
            (Event::Expire(name), Some(_)) if !self.silences.contains_key(name.as_str()) && may_crash => {}
            (_, None) => bail!("{}: an event for the notifier while it is down", self.at()),
            (Event::Alerts(alerts), Some(machines)) => {
                let ahead_ns = self.ahead_ns;
                let by_its_clock =
                    |at: Option<Timestamp>| at.map(|at| Timestamp::from_nanos(at.as_nanos().saturating_add(ahead_ns)));
                self.accepted.alerts(alerts, self.now);
                let alerts = alerts.iter().map(|alert| model::Alert {
                    starts_at: by_its_clock(alert.starts_at),
                    ends_at: by_its_clock(alert.ends_at),
                    ..alert.clone()
                });
                let taken = machines.notifier.receive(now, alerts.collect(), &mut wanted);
                taken.map_err(|refused| anyhow!("alerts refused: {refused}"))?;
            }
            (Event::Silence { name, matchers, starts_in, length, until_resolved }, Some(machines)) => {
                let starts_at = now.plus(*starts_in);
                let draft = SilenceDraft {
                    id: None,
                    matchers: matchers.clone(),
                    starts_at,
                    ends_at: starts_at.plus(*length),
                    created_by: "scenario".to_owned(),
                    comment: name.clone(),
                    annotations: LabelSet::empty(),
                    until_resolved: Some(*until_resolved),
                };
                let fresh = uuid::Builder::from_random_bytes(self.chance.u128(..).to_be_bytes()).into_uuid();
                let id = machines.notifier.set_silence(now, draft, fresh, &mut wanted)?;
                self.silences.insert(name, id);
                self.accepted.silence(id);
            }
            (Event::Maintenance { name, matchers, schedule }, Some(machines)) => {
                let draft = MaintenanceDraft {
                    id: None,
                    schedule: Schedule::new(schedule.clone())?,
                    starts_at: None,
                    matchers: matchers.clone(),
                    until_resolved: false,
                    created_by: "scenario".to_owned(),
                    comment: name.clone(),
                    annotations: LabelSet::empty(),
                };
                let fresh = uuid::Builder::from_random_bytes(self.chance.u128(..).to_be_bytes()).into_uuid();
                let (id, _) = machines.notifier.set_maintenance(now, draft, fresh, &mut wanted)?;
                self.silences.insert(name, id);
                self.accepted.maintenance(id);
            }
            (Event::Acknowledge { matchers, by, length }, Some(machines)) => {
                let draft = AckDraft {
                    target: AckTarget::Matching(matchers.clone()),
                    by: by.clone(),
                    comment: String::new(),
                    until: length.map(|length| now.plus(length)),
                };
                match machines.notifier.acknowledge(now, draft, &mut wanted) {
                    Err(AckError::NoAlert) if self.scenario.expected.is_none() => {}
                    made => drop(made?),
                }
            }
            (Event::Unacknowledge(matchers), Some(machines)) => {
                machines.notifier.unacknowledge(now, &AckTarget::Matching(matchers.clone()), &mut wanted);
            }
            (Event::Expire(name), Some(machines)) => {
                let id = *self.silences.get(name.as_str()).ok_or_else(|| anyhow!("no silence is called {name:?}"))?;
                machines.notifier.expire_silence(now, id, &mut wanted)?;
                self.accepted.expired(id);
            }
        }
        self.perform_notifier(wanted);
        Ok(())
    }

    fn reload(
        &mut self,
        config: Option<&'a (std::path::PathBuf, String)>,
        rules: Option<&'a [(std::path::PathBuf, String)]>,
    ) -> anyhow::Result<()> {
        self.config = config.or(self.config);
        self.rules = rules.unwrap_or(self.rules);
        let (groups, config) = (self.groups()?, self.config()?);
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        let (settings, now) = (self.engine_settings(), self.clock());
        if let Some(machines) = &mut self.machines {
            machines.engine.configure(now, groups, settings, &mut asked);
            if let Some(config) = config {
                machines.notifier.configure(now, config, &mut wanted);
            }
        }
        self.perform_rules(asked);
        self.perform_notifier(wanted);
        Ok(())
    }

    fn move_clock(&mut self, nanos: i128) {
        self.ahead_ns = self.ahead_ns.saturating_add(i64::try_from(nanos).unwrap_or_default());
        self.timeline.clocks.push((self.now, self.ahead_ns));
        let by = Duration::from_nanos(u64::try_from(nanos.unsigned_abs()).unwrap_or(u64::MAX));
        let step = if nanos < 0 { ClockStep::Back(by) } else { ClockStep::Forward(by) };
        let (mut wanted, now) = (Vec::new(), self.clock());
        if let Some(machines) = &mut self.machines {
            machines.engine.clock_moved(now, step);
            machines.notifier.clock_moved(now, step, &mut wanted);
        }
        self.perform_own(wanted);
        self.advance();
    }

    fn may_crash(&self) -> bool {
        self.scenario.events.iter().any(|(_, event)| matches!(event, Event::Crash { .. }))
    }

    /// The process ends, and comes back.
    pub(super) fn die(&mut self, down: Duration) {
        self.machines = None;
        self.crash = None;
        self.lives += 1;
        // Nothing under way survives but what is on the wire; what the script holds still comes.
        let outlives = |happening: &Happening<'_>| {
            matches!(happening, Happening::Scripted(_) | Happening::Arrives(..) | Happening::Looked)
        };
        self.upcoming.retain(|_, happening| outlives(happening));
        self.under_way.clear();
        let back = self.now.plus(down);
        self.timeline.downs.push((self.now, back));
        self.schedule(back, Happening::Started);
    }
}
