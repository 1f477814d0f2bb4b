//! What a receiver calls its message comes along with the next notification of the group.

use super::stage::{Reply, Stage, alert, between, simple};

#[test]
fn a_name_is_kept_until_the_group_begins_anew() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h")).script(|delivery, now| match now {
        _ if delivery.named.is_some() => Reply::OkAs("the same"),
        _ if now > 30.0 => Reply::OkAs("third"),
        _ => Reply::OkAs("first"),
    });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(5.0).push([alert("i=2")]);
    stage.at(15.0).restart(1.0);
    stage.at(17.0).push([between(0.0, 17.0, "i=1"), between(5.0, 17.0, "i=2")]);
    stage.at(40.0).push([alert("i=3")]);
    stage.at(60.0);
    let named: Vec<(f64, &str, Option<&str>)> = (stage.attempts.iter())
        .map(|(at, delivery)| (*at, delivery.notification.reason.as_str(), delivery.named.as_deref()))
        .collect();
    let wanted = [
        (1.0, "first notification", None),
        (11.0, "new alerts added", Some("first")),
        (21.0, "all alerts resolved", Some("the same")),
        (41.0, "first notification", None),
    ];
    assert_eq!(named, wanted);
}
