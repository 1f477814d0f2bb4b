//! Debts through crashes and rearranged configurations, one by one; what `--compat=alertmanager` does instead.

use model::Matcher;

use super::stage::{Reply, Stage, between, config, from, simple};

/// One route with these matchers to a receiver with these webhooks.
fn routed(matchers: &str, receiver: &str, hooks: &str) -> std::sync::Arc<crate::config::Config> {
    config(&format!(
        "route: {{receiver: none, group_by: [], group_wait: 1s, group_interval: 10s, repeat_interval: 1h,
  routes: [{{matchers: [{matchers}], receiver: {receiver}}}]}}
receivers: [{{name: none}}, {{name: {receiver}, webhook_configs: [{hooks}]}}]"
    ))
}

#[test]
fn a_page_under_way_at_a_crash_is_closed() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h")).script(|_, _| Reply::OkAfter(3.0));
    stage.at(0.0).push([from(0.0, "i=1")]);
    stage.at(1.5).push([between(0.0, 1.5, "i=1")]);
    stage.at(2.0).restart(1.0);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1", "3 hook all alerts resolved: -1"]);
    assert_eq!(stage.notifier.group_count(), 0);
}

#[test]
fn a_page_that_was_refused_is_not_closed_after_a_crash() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h")).script(|_, _| Reply::Fail);
    stage.at(0.0).push([from(0.0, "i=1")]);
    stage.at(1.1).push([between(0.0, 1.1, "i=1")]);
    stage.at(1.2).restart(0.5);
    stage.set_script(|_, _| Reply::Ok);
    stage.at(60.0);
    assert_eq!(stage.heard(), [""; 0], "nobody was told that it fires");
}

#[test]
fn a_wait_that_is_asked_for_holds_over_a_crash() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"))
        .script(|_, now| if now < 2.0 { Reply::FailAfter(0.1, Some(60.0)) } else { Reply::Ok });
    stage.at(0.0).push([between(0.0, 900.0, "i=1")]);
    stage.at(5.0).restart(1.0);
    stage.at(30.0).restart(1.0);
    stage.at(200.0);
    assert_eq!(stage.attempts.len(), 2, "not called in between");
    assert_eq!(stage.heard(), ["61.1 hook first notification: 1"]);
}

#[test]
fn integrations_are_known_wherever_they_stand() {
    let (one, two) = ("{url: 'http://1'}", "{url: 'http://2', send_resolved: false}");
    let mut stage = Stage::new(routed("i=1", "team", &format!("{one}, {two}")));
    stage.at(0.0).push([between(0.0, 900.0, "i=1")]);
    stage.at(2.0).reload(routed("i=1", "crew", &format!("{two}, {one}")));
    stage.at(15.0).restart(1.0);
    stage.push([between(0.0, 16.0, "i=1")]);
    stage.at(60.0);
    let heard =
        ["1 team/0 first notification: 1", "1 team/1 first notification: 1", "21 crew/1 all alerts resolved: -1"];
    assert_eq!(stage.heard(), heard);
    assert_eq!(stage.notifier.group_count(), 0);
}

#[test]
fn a_route_with_other_matchers_keeps_the_conversation_over_a_restart() {
    let hook = "{url: 'http://1'}";
    let mut stage = Stage::new(routed("i=1", "team", hook));
    stage.at(0.0).push([between(0.0, 900.0, "i=1")]);
    stage.at(2.0).reload(routed("'i=~\"1|2\"'", "team", hook));
    stage.at(3.0).restart(1.0).push([between(4.0, 900.0, "i=2")]);
    stage.at(30.0);
    assert_eq!(stage.heard(), ["1 team first notification: 1", "11 team new alerts added: 1 2"]);
    assert!(stage.attempts.iter().all(|(_, d)| d.notification.group_key == r#"{}/{i="1"}:{}"#));
}

#[test]
fn what_is_routed_elsewhere_is_closed_where_it_was_told() {
    let hook = "{url: 'http://1'}";
    let mut stage = Stage::new(routed("i=1", "team", hook));
    stage.at(0.0).push([between(0.0, 900.0, "i=1")]);
    stage.at(2.0).reload(routed("i=9", "team", hook));
    stage.at(20.0).restart(1.0).push([between(0.0, 21.0, "i=1")]);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["1 team first notification: 1", "31 team all alerts resolved: -1"]);
    assert_eq!(stage.notifier.group_count(), 0);
    assert!(stage.kept().iter().all(|key| key.starts_with("log/")), "{:?}", stage.kept());
}

#[test]
fn alertmanager_leaves_incidents_open() {
    let hook = "{url: 'http://1'}";
    let mut stage = Stage::alertmanager(routed("i=1", "team", hook));
    stage.at(0.0).push([from(0.0, "i=1")]);
    stage.at(2.0).silence(&[Matcher::equal("i", "1")], 2.0, 20.0);
    stage.at(5.0).push([between(0.0, 5.0, "i=1")]);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["1 team first notification: 1"]);
    assert_eq!(stage.notifier.group_count(), 0);
}
