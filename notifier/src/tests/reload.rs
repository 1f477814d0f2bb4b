//! Another configuration while alerts fire.

use super::stage::{Reply, Stage, alert, between, config, from, simple};

fn routed(child: &str) -> std::sync::Arc<crate::config::Config> {
    config(&format!(
        "route: {{receiver: a, group_by: [], group_wait: 5s, group_interval: 10s, repeat_interval: 1h, routes: [{child}]}}
receivers: [{{name: a, webhook_configs: [{{url: 'http://a'}}]}}, {{name: b, webhook_configs: [{{url: 'http://b'}}, {{url: 'http://c'}}]}}]"
    ))
}

#[test]
fn an_equal_configuration_changes_nothing() {
    let mut stage = Stage::new(routed("{matchers: [team=x], receiver: b}"));
    stage.at(0.0).push([alert("team=x"), alert("team=y")]);
    let mut heard = Vec::new();
    for step in 1..40 {
        stage.at(f64::from(step) * 0.7).reload(routed("{matchers: [team=x], receiver: b}"));
        heard.extend(stage.heard());
    }
    let expected = ["5 b/0 first notification: x", "5 b/1 first notification: x", "5 a first notification: y"];
    assert_eq!(heard, expected);
}

#[test]
fn an_alert_that_moves_is_told_to_its_new_receiver_at_once() {
    let mut stage = Stage::new(routed(""));
    stage.at(0.0).push([alert("team=x"), alert("team=y")]);
    stage.at(20.0).reload(routed("{matchers: [team=x], receiver: b}"));
    stage.at(40.0);
    let heard = ["5 a first notification: x y", "20 b/0 first notification: x", "20 b/1 first notification: x"];
    assert_eq!(stage.heard(), heard);
    assert_eq!(stage.notifier.group_count(), 2);
}

#[test]
fn a_young_alert_that_moves_waits_its_time() {
    let mut stage = Stage::new(routed(""));
    stage.at(0.0).push([from(0.0, "team=x")]);
    stage.at(2.0).reload(routed("{matchers: [team=x], receiver: a, group_wait: 4s}"));
    stage.at(8.0);
    assert_eq!(stage.heard(), ["6 a first notification: x"]);
}

#[test]
fn routes_put_in_before_do_not_matter() {
    let before = "{matchers: [team=z], receiver: b},";
    let child = "{matchers: [team=x], receiver: a}";
    let mut stage = Stage::new(routed(child));
    stage.at(0.0).push([alert("team=x")]);
    stage.at(7.0).reload(routed(&format!("{before}{child}"))).push([alert("team=x i=2")]);
    stage.at(30.0);
    assert_eq!(stage.heard(), ["5 a first notification: x", "15 a new alerts added: x 2/x"]);
}

#[test]
fn another_interval_counts_from_the_same_anchor() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([alert("i=1")]);
    stage.at(12.0).reload(simple("[]", "1s", "4s", "1h")).push([alert("i=2")]);
    stage.at(30.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1", "13 hook new alerts added: 1 2"]);
}

#[test]
fn an_attempt_under_way_is_remembered() {
    let mut stage = Stage::new(routed("")).script(|_, _| Reply::OkAfter(3.0));
    stage.at(0.0).push([alert("team=x")]);
    stage.at(6.0).reload(routed("{matchers: [team=z], receiver: b}"));
    stage.at(60.0);
    assert_eq!(stage.heard(), ["5 a first notification: x"], "the same group: its outcome counts");

    let mut stage = Stage::new(routed("")).script(|_, _| Reply::OkAfter(3.0));
    stage.at(0.0).push([alert("team=x")]);
    stage.at(6.0).reload(routed("{matchers: [team=x], receiver: b}"));
    stage.at(7.0).reload(routed(""));
    stage.at(60.0);
    let heard = stage.heard();
    assert_eq!(
        heard.iter().filter(|line| line.contains(" a ")).count(),
        1,
        "it stayed for the resolve, so the outcome is heard: {heard:?}"
    );

    let mut stage = Stage::new(routed("")).script(|_, _| Reply::OkAfter(3.0));
    stage.at(0.0).push([alert("team=x")]);
    stage.at(6.0).reload(routed("{matchers: [team=x], receiver: b}"));
    stage.at(9.0).reload(routed(""));
    stage.at(60.0);
    let heard = stage.heard();
    assert_eq!(
        heard.iter().filter(|line| line.contains(" a ")).count(),
        1,
        "the log knows, though the group was gone: {heard:?}"
    );
}

#[test]
fn a_retry_goes_on_over_a_reload() {
    let mut stage =
        Stage::new(simple("[]", "1s", "12h", "24h")).script(|_, now| if now < 60.0 { Reply::Fail } else { Reply::Ok });
    stage.at(0.0).push([between(0.0, 9000.0, "i=1")]);
    stage.at(50.0).reload(simple("[]", "1s", "12h", "24h"));
    stage.at(200.0);
    assert_eq!(stage.heard().len(), 1);
}

#[test]
fn integrations_come_and_go() {
    let with = |hooks: &str| {
        config(&format!(
            "route: {{receiver: r, group_by: [], group_wait: 1s, group_interval: 10s}}
receivers: [{{name: r, webhook_configs: [{hooks}]}}]"
        ))
    };
    let mut stage = Stage::new(with("{url: 'http://1'}"));
    stage.at(0.0).push([alert("i=1")]);
    stage.at(2.0).reload(with("{url: 'http://1'}, {url: 'http://2'}"));
    stage.at(12.0).reload(with("{url: 'http://1'}"));
    stage.at(30.0);
    assert_eq!(stage.heard(), ["1 r first notification: 1", "11 r/1 first notification: 1"]);
}

#[test]
fn inhibition_changes_with_the_configuration() {
    let rules = "\ninhibit_rules: [{source_matchers: [i=1], target_matchers: [i=2]}]";
    let base = "route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 10s}
receivers: [{name: r, webhook_configs: [{url: 'http://1'}]}]";
    let mut stage = Stage::new(config(&format!("{base}{rules}")));
    stage.at(0.0).push([alert("i=1"), alert("i=2")]);
    stage.at(5.0).reload(config(base));
    stage.at(20.0).push([between(0.0, 20.0, "i=2")]);
    stage.reload(config(&format!("{base}{rules}")));
    stage.at(30.0).push([between(0.0, 30.0, "i=1")]);
    stage.at(50.0);
    let heard = ["1 r first notification: 1", "11 r new alerts added: 1 2", "31 r all alerts resolved: -1 -2"];
    assert_eq!(stage.heard(), heard);
}
