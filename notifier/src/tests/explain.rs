//! Every "why (not)?" of `docs/explain.md`: brought about on virtual time, asked, and asked again after a restart.

use std::collections::BTreeSet;
use std::time::Duration;

use model::Matcher;

use super::stage::{Reply, Stage, alert, between, config, from, labels, seconds};
use crate::acknowledgement::{AckDraft, AckTarget};
use crate::explanation::{Answer, CauseKind, Explanation, Verdict, Why};
use crate::history::{Name, Wanted, events_of};
use crate::notifier::{Asked, Settings};
use crate::route::path::Passage;

const TIMINGS: &str = "group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h";
const HOOK: &str = "receivers: [{name: hook, webhook_configs: [{url: 'http://hook'}]}, {name: nobody}]";

fn stage() -> Stage {
    Stage::new(config(&format!("route: {{receiver: hook, {TIMINGS}}}\n{HOOK}")))
}

fn stage_with(more: &str) -> Stage {
    Stage::new(config(&format!("route: {{receiver: hook, {TIMINGS}}}\n{HOOK}\n{more}")))
}

fn routed(routes: &str) -> Stage {
    Stage::new(config(&format!("route: {{receiver: hook, {TIMINGS}, routes: [{routes}]}}\n{HOOK}")))
}

impl Stage {
    /// The answer about an alert, with the history as the store has it.
    fn why(&self, of: &str) -> Explanation {
        let labels = labels(of);
        let history = self.notifier.history();
        let read = |names: Vec<Name>| {
            events_of(history.pages(&Wanted::of(names)).iter().map(|key| self.store[key].as_slice()))
        };
        let named = read(vec![Name::of_alert(labels.fingerprint())]);
        let groups = named.iter().map(|event| event.group_key.clone()).chain(self.notifier.group_keys_of(&labels));
        let groups: BTreeSet<String> = groups.collect();
        let alert = std::iter::once(Name::of_alert(labels.fingerprint()));
        let events = read(alert.chain(groups.iter().map(|key| Name::of_group(key))).collect());
        self.notifier.explain(self.now, &labels, false, &events)
    }

    fn supposed(&self, of: &str) -> Explanation {
        self.notifier.explain(self.now, &labels(of), true, &[])
    }

    /// The answer for a receiver, now and after a restart, which must be the same; with what is in its text.
    fn because(&mut self, of: &str, receiver: &str, why: Why, text: &str) -> Answer {
        let answer = |stage: &Stage| {
            let found = stage.why(of).receivers.into_iter().find(|one| one.receiver == receiver);
            found.unwrap_or_else(|| panic!("{receiver} is not among {:#?}", stage.why(of).receivers)).answer
        };
        let before = answer(self);
        assert_eq!(before.reason, why, "{before:#?}");
        assert!(before.text.contains(text), "{} does not say {text:?}", before.text);
        self.restart(0.0);
        self.at(seconds(self.now));
        let after = answer(self);
        assert_eq!(after.reason, why, "after a restart: {after:#?}");
        // What nobody knows the outcome of is tried anew, and so is what failed.
        let is_tried_anew =
            matches!(before.verdict, Verdict::Failing | Verdict::Refused) || why == Why::AttemptUnderWay;
        if !is_tried_anew {
            assert_eq!(after, before);
        }
        before
    }

    /// Whether the alert fires, now and after a restart.
    fn stands(&mut self, of: &str, why: Why, text: &str) -> Answer {
        let before = self.why(of).answer;
        assert_eq!(before.reason, why, "{before:#?}");
        assert!(before.text.contains(text), "{} does not say {text:?}", before.text);
        self.restart(0.0);
        assert_eq!(self.why(of).answer.reason, why, "after a restart");
        before
    }
}

fn until(answer: &Answer) -> f64 {
    seconds(answer.until.expect("it says until when").0)
}

#[test]
fn waiting_for_group_wait() {
    let mut stage = stage();
    stage.push([alert("alertname=K")]).at(10.0);
    let answer = stage.because("alertname=K", "hook", Why::GroupWait, "group_wait 30s");
    assert_eq!((answer.verdict, until(&answer)), (Verdict::Waiting, 30.0));
}

#[test]
fn waiting_for_group_interval() {
    let mut stage = stage();
    stage.push([alert("alertname=K i=1")]).at(40.0).push([alert("alertname=K i=2")]).at(50.0);
    let answer = stage.because("alertname=K i=2", "hook", Why::GroupInterval, "every 5m");
    assert_eq!(until(&answer), 330.0);
}

#[test]
fn told_and_the_repeat_is_not_due() {
    let mut stage = stage();
    stage.push([between(0.0, 20_000.0, "alertname=K")]).at(400.0);
    let answer = stage.because("alertname=K", "hook", Why::Unchanged, "(first notification)");
    assert_eq!((answer.verdict, seconds(answer.since.unwrap().0), until(&answer)), (Verdict::Told, 30.0, 14_730.0));
    stage.at(14_800.0);
    stage.because("alertname=K", "hook", Why::Unchanged, "(repeat interval elapsed)");
}

#[test]
fn told_again_because_of_a_new_member() {
    let mut stage = stage();
    stage.push([from(0.0, "alertname=K i=1")]).at(40.0).push([alert("alertname=K i=2")]).at(290.0);
    stage.push([alert("alertname=K i=1"), alert("alertname=K i=2")]).at(340.0);
    stage.because("alertname=K i=1", "hook", Why::Unchanged, "last at 2025-01-06T00:05:30Z (new alerts added)");
    let history = stage.why("alertname=K i=1").history;
    let told: Vec<&str> = history.iter().filter(|one| one.event == "delivered").map(|one| one.text.as_str()).collect();
    assert_eq!(told, ["told (first notification): 1 firing", "told (new alerts added): 2 firing"]);
}

#[test]
fn silenced() {
    let mut stage = stage();
    let id = stage.silence(&[Matcher::equal("alertname", "K")], 0.0, 500.0);
    stage.push([alert("alertname=K")]).at(40.0);
    let answer = stage.because("alertname=K", "hook", Why::Silenced, "(ann: works) until 2025-01-06T00:08:20Z");
    assert_eq!((answer.verdict, until(&answer)), (Verdict::Hidden, 500.0));
    assert_eq!((answer.by[0].kind, answer.by[0].id.as_str()), (CauseKind::Silence, id.to_string().as_str()));
}

#[test]
fn inhibited() {
    let mut stage =
        stage_with("inhibit_rules: [{source_matchers: [sev=crit], target_matchers: [sev=warn], equal: [host]}]");
    stage.push([alert("alertname=Down sev=crit host=a"), alert("alertname=K sev=warn host=a")]).at(40.0);
    let answer = stage.because("alertname=K sev=warn host=a", "hook", Why::Inhibited, r#"alertname="Down""#);
    assert_eq!(answer.by[0].id, labels("alertname=Down sev=crit host=a").fingerprint().to_string());
}

fn timed(interval: &str) -> Stage {
    let file = format!(
        "route: {{receiver: hook, {TIMINGS}, routes: [{{matchers: [team=a], receiver: hook, {interval}: [hours]}}]}}\n{HOOK}
time_intervals: [{{name: hours, time_intervals: [{{times: [{{start_time: '00:00', end_time: '00:10'}}]}}]}}]"
    );
    Stage::new(config(&file))
}

#[test]
fn muted_by_a_time_interval() {
    let mut stage = timed("mute_time_intervals");
    stage.push([alert("alertname=K team=a")]).at(40.0);
    let answer = stage.because("alertname=K team=a", "hook", Why::Muted, "muted by time interval hours");
    assert_eq!((until(&answer), answer.by[0].id.as_str()), (600.0, "hours"));
}

#[test]
fn outside_the_active_time_intervals() {
    let mut stage = timed("active_time_intervals");
    stage.at(700.0).push([alert("alertname=K team=a")]).at(740.0);
    let answer = stage.because("alertname=K team=a", "hook", Why::OutsideActiveIntervals, "hours");
    assert_eq!(until(&answer), 86_400.0);
}

#[test]
fn no_route_but_the_root() {
    let mut stage = routed("{matchers: [team=a], receiver: nobody}");
    stage.push([alert("alertname=K team=b")]).at(10.0);
    stage.because("alertname=K team=b", "hook", Why::GroupWait, "");
    let route = stage.why("alertname=K team=b").route.unwrap();
    assert_eq!(route.passage, Passage::Delivered { receiver: "hook".to_owned() });
    let refused = Passage::Refused { matcher: r#"team="a""#.to_owned(), value: "b".to_owned() };
    assert_eq!(route.routes[0].passage, refused);
}

#[test]
fn a_route_goes_on_or_stops() {
    let mut stage = routed(
        "{matchers: [team=a], receiver: hook, continue: true}, {matchers: [sev=crit], receiver: nobody}, {receiver: hook}",
    );
    stage.push([alert("alertname=K team=a sev=crit")]).at(10.0);
    stage.because("alertname=K team=a sev=crit", "hook", Why::GroupWait, "");
    let why = stage.why("alertname=K team=a sev=crit");
    let receivers: Vec<&str> = why.receivers.iter().map(|one| one.receiver.as_str()).collect();
    assert_eq!(receivers, ["hook", "nobody"]);
    let steps: Vec<String> = why.route.unwrap().routes.iter().map(|step| step.text()).collect();
    let expected = [
        "taken: receiver hook, goes on behind it",
        "taken: receiver nobody",
        "not asked: a route before it took the alert",
    ];
    assert_eq!(steps, expected);
}

#[test]
fn a_receiver_without_integrations() {
    let mut stage = routed("{matchers: [team=a], receiver: nobody}");
    stage.push([between(0.0, 60.0, "alertname=K team=a")]).at(40.0);
    let answer =
        stage.because("alertname=K team=a", "nobody", Why::NoIntegrations, "receiver nobody has no integrations");
    assert_eq!(answer.verdict, Verdict::NotTold);
    stage.at(10_000.0);
    stage.because("alertname=K team=a", "nobody", Why::NoIntegrations, "");
}

#[test]
fn send_resolved_is_off() {
    let mut stage = Stage::new(config(&format!(
        "route: {{receiver: hook, {TIMINGS}}}\nreceivers: [{{name: hook, webhook_configs: [{{url: 'http://hook', send_resolved: false}}]}}]"
    )));
    stage.push([alert("alertname=K")]).at(100.0).push([between(0.0, 100.0, "alertname=K")]).at(200.0);
    stage.because("alertname=K", "hook", Why::ResolvesUnwanted, "send_resolved is off");
    stage.at(340.0);
    stage.because("alertname=K", "hook", Why::ResolvesUnwanted, "send_resolved is off");
}

#[test]
fn delivery_fails_and_is_tried_again() {
    let mut stage = stage().script(|_, _| Reply::Fail);
    stage.push([alert("alertname=K")]).at(40.0);
    let answer = stage.because("alertname=K", "hook", Why::Retrying, "(serverError: 503); tried again at");
    assert_eq!(answer.verdict, Verdict::Failing);
    assert!(until(&answer) > 40.0);
}

#[test]
fn the_receiver_asked_to_be_left_alone() {
    let mut stage = stage().script(|_, _| Reply::FailAfter(0.0, Some(120.0)));
    stage.push([alert("alertname=K")]).at(40.0);
    let answer = stage.because("alertname=K", "hook", Why::LeftAlone, "told the newest state at");
    assert!((145.0..160.0).contains(&until(&answer)), "{answer:?}");
}

#[test]
fn who_never_took_anything_was_never_told() {
    for reply in [Reply::Fail, Reply::FailAfter(0.0, Some(120.0)), Reply::Reject] {
        let mut stage = stage().script(move |_, _| reply);
        stage.push([alert("alertname=K")]).at(40.0);
        let answers = stage.why("alertname=K").receivers;
        let told: Vec<_> = answers.iter().flat_map(|one| &one.integrations).map(|one| &one.last_told).collect();
        assert_eq!(told, [&None], "{answers:#?}");
    }
}

#[test]
fn refused_for_good() {
    let mut stage = stage().script(|_, _| Reply::Reject);
    stage.push([alert("alertname=K")]).at(40.0);
    let answer = stage.because("alertname=K", "hook", Why::Refused, "(clientError: 400)");
    assert_eq!(until(&answer), 330.0);
}

#[test]
fn resolved_before_group_wait() {
    let mut stage = stage();
    stage.push([alert("alertname=K")]).at(20.0).push([between(0.0, 20.0, "alertname=K")]).at(25.0);
    stage.because("alertname=K", "hook", Why::EndedUntold, "ended before it was to be told");
    stage.at(4000.0);
    assert_eq!(stage.notifier.alert_count(), 0);
    stage.because("alertname=K", "hook", Why::EndedUntold, "ended before it was to be told");
}

#[test]
fn over_by_resolve_timeout_by_ends_at_or_by_its_source() {
    for (end, said, why) in [
        (None, None, Why::ResolveTimeout),
        (Some(200.0), None, Why::EndsAtPassed),
        (Some(5000.0), Some(100.0), Why::EndedBySource),
    ] {
        let mut stage = stage();
        stage.push([end.map_or(from(0.0, "alertname=K"), |end| between(0.0, end, "alertname=K"))]).at(100.0);
        if let Some(said) = said {
            stage.push([between(0.0, said, "alertname=K")]);
        }
        stage.at(350.0);
        let answer = stage.stands("alertname=K", why, "over since");
        assert_eq!(answer.verdict, Verdict::Over);
        stage.at(4000.0);
        assert_eq!(stage.notifier.alert_count(), 0, "only the history knows it");
        stage.stands("alertname=K", why, "over since");
        stage.because("alertname=K", "hook", Why::EndTold, "its end was told at 2025-01-06T00:05:30Z");
    }
}

#[test]
fn never_arrived() {
    let mut stage = stage();
    stage.push([alert("alertname=K env=dev"), alert("alertname=L env=prod x=1"), alert("alertname=M")]).at(40.0);
    let asked = Asked::Matching(vec![Matcher::equal("alertname", "K"), Matcher::equal("env", "prod")]);
    for _ in 0..2 {
        assert!(stage.notifier.meant_alerts(stage.now, &asked, 5).0.is_empty());
        let absent = stage.notifier.explain_absence(&model::Caller::anybody(), &asked, &[]);
        assert_eq!((absent.answer.reason, absent.answer.verdict), (Why::NeverSeen, Verdict::Unknown));
        assert!(absent.answer.text.contains(r#"does not meet env="prod" (it has "dev")"#), "{}", absent.answer.text);
        assert_eq!(absent.nearest.len(), 2, "M has nothing of it");
        stage.restart(0.0);
    }
}

#[test]
fn moved_to_another_receiver_by_a_reload() {
    let mut stage = routed("");
    stage.push([between(0.0, 4000.0, "alertname=K team=a")]).at(40.0);
    let file = format!(
        "route: {{receiver: hook, {TIMINGS}, routes: [{{matchers: [team=a], receiver: pager}}]}}
receivers: [{{name: hook, webhook_configs: [{{url: 'http://hook'}}]}}, {{name: pager, webhook_configs: [{{url: 'http://p'}}]}}]"
    );
    stage.reload(config(&file)).at(100.0);
    let answer = stage.because("alertname=K team=a", "hook", Why::Moved, "routed to pager since it was told here");
    assert_eq!((answer.by[0].kind, answer.by[0].id.as_str()), (CauseKind::Receiver, "pager"));
    stage.because("alertname=K team=a", "pager", Why::Unchanged, "told at");
    let moved = stage.why("alertname=K team=a").history.into_iter().find(|one| one.event == "moved").unwrap();
    assert_eq!((moved.receiver.as_str(), moved.by[0].as_str()), ("hook", "pager"));
}

#[test]
fn its_end_is_owed_until_a_silence_ends() {
    let mut stage = stage();
    stage.push([between(0.0, 2000.0, "alertname=K")]).at(40.0);
    let id = stage.silence(&[Matcher::equal("alertname", "K")], 50.0, 1000.0);
    stage.at(60.0).push([between(0.0, 60.0, "alertname=K")]).at(400.0);
    let answer = stage.because("alertname=K", "hook", Why::EndOwed, "its end is owed: silenced by");
    assert_eq!((until(&answer), answer.by[0].id.clone()), (1000.0, id.to_string()));
    stage.at(1300.0);
    stage.because("alertname=K", "hook", Why::EndTold, "its end was told");
}

#[test]
fn held_after_a_restart() {
    let mut stage = stage();
    stage.push([between(0.0, 300.0, "alertname=K")]).at(100.0).restart(500.0).at(600.0);
    let answer = stage.stands("alertname=K", Why::HeldAfterRestart, "not reported since the restart");
    assert_eq!((answer.verdict, until(&answer)), (Verdict::Firing, 900.0));
    stage.push([between(0.0, 1200.0, "alertname=K")]);
    assert_eq!(stage.why("alertname=K").answer.reason, Why::Reported);
}

#[test]
fn an_attempt_is_under_way() {
    let mut stage = stage().script(|_, _| Reply::OkAfter(20.0));
    stage.push([alert("alertname=K")]).at(40.0);
    stage.because("alertname=K", "hook", Why::AttemptUnderWay, "attempt 1 is under way");
}

#[test]
fn it_fires_again_since_it_was_told() {
    let mut stage = stage();
    stage.push([between(0.0, 100.0, "alertname=K")]).at(150.0).push([between(150.0, 900.0, "alertname=K")]).at(160.0);
    let answer = stage.because("alertname=K", "hook", Why::FiresAgain, "fires again since 2025-01-06T00:02:30Z");
    assert_eq!(until(&answer), 330.0);
}

#[test]
fn too_early_after_the_start() {
    let settings = Settings { start_delay: Duration::from_secs(200), ..Settings::default() };
    let mut stage = Stage::with(settings, config(&format!("route: {{receiver: hook, {TIMINGS}}}\n{HOOK}")));
    stage.push([alert("alertname=K")]).at(40.0);
    let answer = &stage.why("alertname=K").receivers[0].answer;
    assert_eq!((answer.reason, until(answer)), (Why::StartDelay, 200.0));
}

#[test]
fn too_many_alerts_of_its_name() {
    let settings = Settings { alerts_per_name_max: 1, ..Settings::default() };
    let mut stage = Stage::with(settings, config(&format!("route: {{receiver: hook, {TIMINGS}}}\n{HOOK}")));
    stage.push([alert("alertname=K i=1"), alert("alertname=K i=2")]).at(40.0);
    let asked = Asked::Matching(vec![Matcher::equal("alertname", "K"), Matcher::equal("i", "2")]);
    for _ in 0..2 {
        let absent = stage.notifier.explain_absence(&model::Caller::anybody(), &asked, &[]);
        assert_eq!(absent.answer.reason, Why::LimitReached, "{}", absent.answer.text);
        stage.restart(0.0);
    }
}

#[test]
fn taken_on_by_somebody() {
    let mut stage = stage();
    stage.push([between(0.0, 40_000.0, "alertname=K")]).at(40.0);
    let target = AckTarget::Alerts(vec![labels("alertname=K").fingerprint()]);
    let draft = AckDraft { target, by: "ann".to_owned(), comment: "on it".to_owned(), until: None };
    stage.acknowledge(draft).unwrap();
    let answer = stage.because("alertname=K", "hook", Why::Acknowledged, "ann has taken it on");
    assert_eq!((answer.by[0].kind, answer.by[0].detail.as_str()), (CauseKind::Acknowledgement, "on it"));
}

#[test]
fn it_ended_before_the_receiver_took_anything() {
    let mut stage = stage().script(|_, _| Reply::Fail);
    stage.push([between(0.0, 200.0, "alertname=K")]).at(4000.0);
    assert_eq!(stage.notifier.alert_count(), 0);
    stage.because("alertname=K", "hook", Why::GivenUp, "given up after");
    assert!(stage.why("alertname=K").history.iter().any(|one| one.event == "failed"));
}

#[test]
fn it_ended_while_it_was_silenced() {
    let mut stage = stage();
    stage.silence(&[Matcher::equal("alertname", "K")], 0.0, 5000.0);
    stage.push([between(0.0, 200.0, "alertname=K")]).at(4000.0);
    assert_eq!(stage.notifier.alert_count(), 0);
    stage.because("alertname=K", "hook", Why::EndedHidden, "ended while it was hidden");
    let events: Vec<&str> = stage.why("alertname=K").history.iter().map(|one| one.event).collect();
    assert_eq!(events, ["hidden", "ended_hidden"]);
}

#[test]
fn would_it_page() {
    let mut stage = routed("{matchers: [team=a], receiver: nobody}");
    stage.silence(&[Matcher::equal("alertname", "L")], 0.0, 500.0);
    stage.push([alert("alertname=M")]).at(40.0);
    let reason = |of: &str| {
        let why = stage.supposed(of);
        assert_eq!(why.answer.reason, Why::Supposed);
        let [one] = why.receivers.as_slice() else { panic!("{:?}", why.receivers) };
        (one.receiver.clone(), one.answer.reason, one.answer.until.map(|at| seconds(at.0)))
    };
    let hook = |why, until| ("hook".to_owned(), why, Some(until));
    assert_eq!(reason("alertname=K"), hook(Why::GroupWait, 70.0));
    assert_eq!(reason("alertname=M i=9"), hook(Why::GroupInterval, 330.0));
    assert_eq!(reason("alertname=L"), hook(Why::Silenced, 500.0));
    assert_eq!(reason("alertname=K team=a"), ("nobody".to_owned(), Why::NoIntegrations, None));
}

/// A reason that is added is also one that people can look up.
#[test]
fn the_docs_name_every_reason() {
    let variants = include_str!("../explanation/reason.rs").split_once("pub enum Why {").unwrap().1;
    let variants = variants.split_once("\n}").unwrap().0.lines().filter_map(|line| line.trim().strip_suffix(','));
    let docs = include_str!("../../../docs/explain.md");
    let mut reasons = 0;
    for variant in variants {
        let mut name = String::new();
        for letter in variant.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        assert!(docs.contains(&format!("`{name}`")), "docs/explain.md does not name {name}");
        reasons += 1;
    }
    assert!(reasons > 30, "{reasons}");
}

/// What did not change costs nothing: no event for a flush that finds everything as it was.
#[test]
fn nothing_is_noted_where_nothing_changes() {
    let mut stage = stage_with("inhibit_rules: [{source_matchers: [sev=crit], target_matchers: [sev=warn]}]");
    stage.silence(&[Matcher::equal("alertname", "L")], 0.0, 90_000.0);
    let day = |of| between(0.0, 80_000.0, of);
    stage.push([day("alertname=K sev=crit"), day("alertname=L"), day("alertname=M sev=warn")]).at(1000.0);
    let noted = stage.notifier.history().tally().noted;
    assert_eq!(noted, 4, "told, unchanged, silenced, inhibited");
    stage.at(14_000.0);
    assert_eq!(stage.notifier.history().tally().noted, noted);
}

/// A receiver that is down for a day does not fill the history.
#[test]
fn failures_in_a_row_are_noted_ever_more_seldom() {
    let mut stage = stage().script(|_, _| Reply::Fail);
    stage.push([between(0.0, 90_000.0, "alertname=K")]).at(80_000.0);
    assert!(stage.attempts.len() > 1000);
    let noted = stage.notifier.history().tally().noted;
    assert!(noted <= 16, "{noted}");
}
