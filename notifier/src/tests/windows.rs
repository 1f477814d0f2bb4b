//! Silences that recur, and silences that end with their alerts.

use std::time::Duration;

use model::{LabelSet, Matcher, Timestamp};
use uuid::Uuid;

use super::stage::{Stage, alert, between, draft, from, simple, t};
use crate::maintenance::MaintenanceDraft;
use crate::notifier::Settings;
use crate::schedule::{Schedule, WrittenSchedule};
use crate::silence::{SilenceDraft, SilenceError, SilenceState};

const HOUR: f64 = 3600.0;
const SERIES: Uuid = Uuid::from_u128(77);

fn stage() -> Stage {
    Stage::new(simple("[alertname]", "10s", "1m", "4h"))
}

fn of(name: &str) -> Vec<Matcher> {
    vec![Matcher::equal("alertname", name)]
}

fn schedule(cron: &str, hours: u64, until: Option<Timestamp>) -> Schedule {
    let (cron, timezone) = (cron.to_owned(), "UTC".to_owned());
    Schedule::new(WrittenSchedule { cron, duration: Duration::from_secs(hours * 3600), timezone, until }).unwrap()
}

fn window(cron: &str, hours: u64) -> MaintenanceDraft {
    MaintenanceDraft {
        id: None,
        schedule: schedule(cron, hours, None),
        starts_at: None,
        matchers: of("K"),
        until_resolved: false,
        created_by: "ann".to_owned(),
        comment: "backup".to_owned(),
        annotations: LabelSet::empty(),
    }
}

impl Stage {
    fn recur(&mut self, draft: MaintenanceDraft) -> Result<(Uuid, Uuid), SilenceError> {
        self.input(|notifier, now, out| notifier.set_maintenance(now, draft, SERIES, out))
    }

    /// Begin in hours and state of each silence, in order of begins.
    fn windows(&self) -> Vec<(f64, SilenceState)> {
        let silences = self.notifier.silences();
        let mut found: Vec<_> =
            silences.map(|it| (super::stage::seconds(it.starts_at) / HOUR, it.state(self.now))).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found
    }

    fn state_of(&self, id: Uuid) -> SilenceState {
        self.notifier.silence(id).unwrap().state(self.now)
    }
}

use SilenceState::{Active, Expired, Pending};

#[test]
fn each_occurrence_is_a_silence_of_its_own_and_the_next_is_there_before_it_begins() {
    let mut stage = stage();
    let (id, next) = stage.recur(window("0 2 * * *", 1)).unwrap();
    assert_eq!((id, stage.windows()), (SERIES, vec![(2.0, Pending)]));
    assert_eq!(stage.notifier.silence(next).unwrap().schedule, Some(SERIES));
    stage.at(1.9 * HOUR).push([between(1.9 * HOUR, 90.0 * HOUR, "alertname=K")]);
    stage.at(2.5 * HOUR);
    assert_eq!(stage.windows(), [(2.0, Active), (26.0, Pending)]);
    stage.at(3.5 * HOUR);
    assert_eq!(stage.windows(), [(2.0, Expired), (26.0, Pending)]);
    let first = "6850 hook first notification: K";
    // what the window hid is told when it ends
    assert_eq!(stage.heard(), [first, "10800 hook no longer muted: K"].map(|line| line.to_owned()));
}

#[test]
fn an_occurrence_that_is_ended_is_over_alone_and_a_pending_one_is_left_out() {
    let mut stage = stage();
    let (_, next) = stage.recur(window("0 2 * * *", 2)).unwrap();
    stage.expire(next);
    assert_eq!(stage.windows(), [(0.0, Expired), (26.0, Pending)]);
    stage.at(27.0 * HOUR);
    let running = stage.notifier.silences().find(|it| it.state(t(27.0 * HOUR)) == Active).unwrap().id;
    stage.expire(running).at(28.0 * HOUR);
    assert_eq!(stage.windows(), [(0.0, Expired), (26.0, Expired), (50.0, Pending)]);
    // the series itself, by the request that ends silences
    stage.expire(SERIES).at(60.0 * HOUR);
    assert_eq!(stage.windows().iter().filter(|(_, state)| *state != Expired).count(), 0);
    assert_eq!(stage.notifier.maintenance(SERIES).unwrap().state(stage.now), Expired);
}

#[test]
fn an_edit_changes_what_is_to_come_and_leaves_what_runs() {
    let mut stage = stage();
    stage.recur(window("0 2 * * *", 2)).unwrap();
    stage.at(3.0 * HOUR);
    let edit = MaintenanceDraft { id: Some(SERIES), matchers: of("L"), ..window("0 12 * * *", 1) };
    stage.recur(edit).unwrap();
    assert_eq!(stage.windows(), [(2.0, Active), (12.0, Pending)]);
    let unknown = MaintenanceDraft { id: Some(Uuid::from_u128(5)), ..window("0 12 * * *", 1) };
    assert_eq!(stage.recur(unknown), Err(SilenceError::NotFound(Uuid::from_u128(5))));
    assert_eq!(
        stage.recur(MaintenanceDraft { matchers: Vec::new(), ..window("0 12 * * *", 1) }).unwrap_err().to_string(),
        "invalid silence: at least one matcher is required"
    );
}

#[test]
fn it_survives_restarts_also_those_that_miss_occurrences() {
    let mut stage = stage();
    stage.recur(window("0 2 * * *", 2)).unwrap();
    stage.restart(1.0);
    stage.at(1.0 * HOUR);
    assert_eq!(stage.windows(), [(2.0, Pending)]);
    // down from 1:00 on day 0 to 3:00 on day 3: the ones between are left out, the one that should run does
    stage.restart(74.0 * HOUR).at(75.0 * HOUR);
    assert_eq!(stage.windows(), [(2.0, Expired), (74.0, Active), (98.0, Pending)]);
    let before = stage.windows();
    stage.restart(1.0);
    stage.at(75.1 * HOUR);
    assert_eq!(stage.windows(), before);
}

/// Of the records of an input, only some may have reached the disk.
#[test]
fn a_kill_between_two_records_makes_no_second_occurrence() {
    let mut stage = stage();
    let (_, next) = stage.recur(window("0 2 * * *", 2)).unwrap();
    let before = stage.store.clone();
    stage.at(2.0 * HOUR).expire(next);
    // that it was ended is known, that the one after it was made is not
    let series = "maintenance/00000000-0000-0000-0000-00000000004d";
    stage.store.insert(series.to_owned(), before[series].clone());
    stage.restart(1.0);
    stage.at(2.1 * HOUR);
    assert_eq!(stage.windows(), [(2.0, Expired), (26.0, Pending)]);
}

#[test]
fn it_ends_with_its_last_occurrence_and_is_forgotten_after_the_retention() {
    let mut stage = stage();
    let until = Some(t(49.0 * HOUR));
    stage.recur(MaintenanceDraft { schedule: schedule("0 2 * * *", 1, until), ..window("0 2 * * *", 1) }).unwrap();
    stage.at(26.5 * HOUR);
    assert_eq!(stage.notifier.maintenance(SERIES).unwrap().state(stage.now), Active);
    stage.at(28.0 * HOUR);
    assert_eq!(stage.notifier.maintenance(SERIES).unwrap().state(stage.now), Expired);
    assert_eq!(stage.windows(), [(2.0, Expired), (26.0, Expired)]);
    stage.at((28.0 + 121.0) * HOUR);
    assert!(stage.notifier.maintenance(SERIES).is_none() && stage.windows().is_empty());
    assert_eq!(
        stage.store.keys().filter(|key| key.starts_with("maintenance/") || key.starts_with("silence/")).count(),
        0
    );
}

#[test]
fn there_are_bounds() {
    let settings = Settings { schedules_max: 1, silences_max: 1, ..Settings::default() };
    let mut stage = Stage::with(settings, simple("[alertname]", "10s", "1m", "4h"));
    stage.recur(window("0 2 * * *", 1)).unwrap();
    let refused = stage
        .input(|notifier, now, out| notifier.set_maintenance(now, window("0 3 * * *", 1), Uuid::from_u128(78), out));
    assert_eq!(refused, Err(SilenceError::TooManySchedules(1)));
    // occurrences do not use up the limit of silences
    stage.at(100.0 * HOUR);
    assert!(stage.set_silence(draft(&of("K"), 100.0 * HOUR, 101.0 * HOUR)).is_ok());
    assert_eq!(stage.set_silence(draft(&of("K"), 100.0 * HOUR, 101.0 * HOUR)), Err(SilenceError::TooMany(1)));
}

#[test]
fn a_clock_set_back_over_a_begin_makes_no_second_occurrence_and_revives_none_that_is_over() {
    let mut stage = stage();
    stage.recur(window("0 2 * * *", 1)).unwrap();
    stage.at(2.02 * HOUR).clock_set_back(300.0).at(2.5 * HOUR);
    assert_eq!(stage.windows(), [(2.0, Active), (26.0, Pending)]);
    stage.at(3.01 * HOUR).clock_set_back(300.0);
    assert_eq!(stage.windows(), [(2.0, Expired), (26.0, Pending)]);
    stage.restart(0.0);
    assert_eq!(stage.windows(), [(2.0, Expired), (26.0, Pending)]);
}

fn until_resolved(name: &str, start: f64, end: f64) -> SilenceDraft {
    SilenceDraft { until_resolved: Some(true), ..draft(&of(name), start, end) }
}

#[test]
fn it_ends_when_its_last_alert_resolves_and_the_resolve_is_told() {
    let mut stage = stage();
    stage.push([between(0.0, 9000.0, "alertname=K i=1")]).at(20.0);
    let id = stage.set_silence(until_resolved("K", 20.0, 10.0 * HOUR)).unwrap();
    stage.at(30.0).push([between(30.0, 9000.0, "alertname=K i=2"), between(30.0, 9000.0, "alertname=L")]);
    stage.at(100.0).push([between(0.0, 100.0, "alertname=K i=1")]);
    assert_eq!(stage.state_of(id), Active);
    stage.at(200.0).push([between(30.0, 200.0, "alertname=K i=2")]);
    assert_eq!(stage.state_of(id), Expired);
    stage.at(400.0);
    assert_eq!(stage.heard().last().map(String::as_str), Some("250 hook all alerts resolved: -K/1 -K/2"));
}

#[test]
fn it_does_not_end_before_it_has_matched_anything_nor_outlive_its_end() {
    let mut stage = stage();
    let id = stage.set_silence(until_resolved("K", 0.0, 1000.0)).unwrap();
    stage.push([between(0.0, 0.0, "alertname=K")]).at(500.0);
    assert_eq!(stage.state_of(id), Active);
    stage.push([alert("alertname=K")]).at(999.0);
    // the alert without an end has run out by then
    assert_eq!(stage.state_of(id), Expired);
    let id = stage.set_silence(until_resolved("K", 1000.0, 2000.0)).unwrap();
    stage.push([between(1000.0, 9000.0, "alertname=K")]).at(2000.0);
    assert_eq!(stage.state_of(id), Expired);
    assert_eq!(stage.notifier.vigil_count(), 0);
}

#[test]
fn an_alert_that_runs_out_without_a_word_ends_it_too() {
    let mut stage = stage();
    let id = stage.set_silence(until_resolved("K", 0.0, 10.0 * HOUR)).unwrap();
    stage.push([alert("alertname=K")]).at(200.0).push([alert("alertname=K")]).at(499.0);
    assert_eq!(stage.state_of(id), Active);
    stage.at(500.0);
    assert_eq!(stage.state_of(id), Expired);
}

#[test]
fn one_that_begins_later_counts_what_fires_then() {
    let mut stage = stage();
    stage.push([between(0.0, 9000.0, "alertname=K")]);
    let id = stage.set_silence(until_resolved("K", 100.0, 8000.0)).unwrap();
    stage.at(50.0).push([between(0.0, 50.0, "alertname=K")]).at(150.0);
    assert_eq!(stage.state_of(id), Active);
    stage.push([between(150.0, 9000.0, "alertname=K")]).at(160.0).push([between(150.0, 160.0, "alertname=K")]);
    assert_eq!(stage.state_of(id), Expired);
}

#[test]
fn a_restart_does_not_end_it_before_its_alerts_could_come_back() {
    let settings = Settings { restart_grace: Duration::from_secs(600), ..Settings::default() };
    let mut stage = Stage::with(settings, simple("[alertname]", "10s", "1m", "4h"));
    let id = stage.set_silence(until_resolved("K", 0.0, 10.0 * HOUR)).unwrap();
    stage.push([between(0.0, 9.0 * HOUR, "alertname=K")]).at(60.0);
    // nothing is known of the alert any more
    stage.store.retain(|key, _| !key.starts_with("alert/"));
    stage.restart(10.0);
    stage.at(600.0);
    assert_eq!(stage.state_of(id), Active);
    stage.push([between(0.0, 9.0 * HOUR, "alertname=K")]).at(2000.0);
    assert_eq!(stage.state_of(id), Active);
    stage.restart(10.0).at(3000.0).push([between(0.0, 3000.0, "alertname=K")]);
    assert_eq!(stage.state_of(id), Expired);
    // one whose alerts never come back
    let id = stage.set_silence(until_resolved("K", 3000.0, 10.0 * HOUR)).unwrap();
    stage.push([between(3000.0, 9.0 * HOUR, "alertname=K")]).at(3100.0);
    stage.store.retain(|key, _| !key.starts_with("alert/"));
    stage.restart(0.0).at(3699.0);
    assert_eq!(stage.state_of(id), Active);
    stage.at(3700.0);
    assert_eq!(stage.state_of(id), Expired);
}

#[test]
fn a_plain_edit_keeps_what_it_is() {
    let mut stage = stage();
    let id = stage.set_silence(until_resolved("K", 0.0, 1000.0)).unwrap();
    let edit = |end| SilenceDraft { id: Some(id), ..draft(&of("K"), 0.0, end) };
    assert_eq!(stage.set_silence(edit(2000.0)), Ok(id));
    assert!(stage.notifier.silence(id).unwrap().until_resolved);
    assert_eq!(stage.set_silence(SilenceDraft { until_resolved: Some(false), ..edit(2000.0) }), Ok(id));
    stage.push([alert("alertname=K")]).at(100.0).push([between(0.0, 100.0, "alertname=K")]).at(200.0);
    assert_eq!((stage.state_of(id), stage.notifier.vigil_count()), (Active, 0));
}

#[test]
fn each_occurrence_of_a_recurring_one_may_end_with_its_alerts() {
    let mut stage = stage();
    stage.recur(MaintenanceDraft { until_resolved: true, ..window("0 2 * * *", 4) }).unwrap();
    stage.at(3.0 * HOUR).push([from(3.0 * HOUR, "alertname=K")]);
    stage.at(3.05 * HOUR).push([between(3.0 * HOUR, 3.05 * HOUR, "alertname=K")]);
    assert_eq!(stage.windows(), [(2.0, Expired), (26.0, Pending)]);
    stage.at(30.5 * HOUR);
    assert_eq!(stage.windows(), [(2.0, Expired), (26.0, Expired), (50.0, Pending)]);
}

#[test]
fn explain_names_the_schedule_of_an_occurrence_and_what_ends_a_silence_early() {
    let mut stage = stage();
    stage.recur(MaintenanceDraft { until_resolved: true, ..window("0 2 * * *", 4) }).unwrap();
    stage.at(3.0 * HOUR).push([between(3.0 * HOUR, 9.0 * HOUR, "alertname=K")]);
    let told = stage.notifier.explain(stage.now, &super::stage::labels("alertname=K"), false, &[]);
    let answer = &told.receivers[0].answer;
    let silence = stage.notifier.silences().find(|it| it.state(stage.now) == Active).unwrap();
    let schedule = format!("{SERIES} (0 2 * * *, UTC, for 4h)");
    assert_eq!((answer.by[0].id.clone(), answer.by[0].schedule.clone()), (silence.id.to_string(), schedule.clone()));
    let id = silence.id;
    let text = format!(
        "silenced by {id} (ann: backup), which recurs by {schedule}, until 2025-01-06T06:00:00Z, or until the last of its alerts resolves"
    );
    assert_eq!(answer.text, text);
}
