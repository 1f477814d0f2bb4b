use super::event::{Subject, What};
use super::*;
use crate::notification::Reason;
use model::LabelSet;

const KEY: &str = r#"{}/{team="a"}:{alertname="K"}"#;

fn history(retention_s: u64, bytes_max: u64) -> History {
    History::new(HistoryLimits { retention: Duration::from_secs(retention_s), bytes_max })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(1_736_121_600 + second)
}

fn labels(i: usize) -> LabelSet {
    LabelSet::from_pairs([("alertname", "K".to_owned()), ("instance", format!("host-{i:04}.example.org:9100"))])
}

fn delivered(second: i64, alerts: impl Iterator<Item = usize>) -> Happening<'static> {
    Happening {
        at: at(second),
        group_key: KEY,
        receiver: "pager",
        integration: Some(("webhook", 0)),
        what: What::Delivered { reason: Reason::NewAlerts, attempt: 1, firing: 1, resolved: 0 },
        alerts: alerts.map(|i| Subject { labels: labels(i), starts_at: at(second - 30), ended: None }).collect(),
        more: 0,
    }
}

/// A store of what a history wants kept.
#[derive(Default)]
struct Kept(BTreeMap<String, Vec<u8>>);

impl Kept {
    fn take(&mut self, history: &mut History) {
        for (key, value) in history.take_changes() {
            match value {
                Some(value) => drop(self.0.insert(key, value)),
                None => drop(self.0.remove(&key)),
            }
        }
    }

    fn read(&self, history: &History, wanted: &Wanted) -> Vec<Event> {
        events_of(history.pages(wanted).iter().map(|key| self.0[key].as_slice()))
    }

    fn restored(&self, limits: HistoryLimits) -> History {
        let mut history = History::new(limits);
        for (key, value) in &self.0 {
            history.restore(key, value.len(), &page_events(value).unwrap()).unwrap();
        }
        history
    }
}

#[test]
fn events_come_back_by_alert_group_and_time_also_from_the_store() {
    let mut history = history(3600, 1 << 20);
    let mut kept = Kept::default();
    for second in 0..200 {
        history.note(delivered(second, [second as usize].into_iter()));
        kept.take(&mut history);
    }
    assert!(kept.0.len() > 2 && kept.0.values().all(|page| page.len() <= 4096), "{}", kept.0.len());
    let restored = kept.restored(history.limits);
    for history in [&history, &restored] {
        assert_eq!(kept.read(history, &Wanted::all()).len(), 200);
        assert_eq!((history.len(), history.oldest()), (200, Some(at(0))));
        let of_one = Wanted::of(vec![Name::of_alert(labels(17).fingerprint())]);
        let pages = history.pages(&of_one);
        assert_eq!(pages.len(), 1, "an alert is looked for where it is");
        let named = kept.read(history, &of_one).into_iter().filter(|event| event.names(labels(17).fingerprint()));
        let named: Vec<Event> = named.collect();
        assert_eq!(named.len(), 1);
        let Event { at: when, group_key, receiver, integration, alerts, .. } = &named[0];
        assert_eq!((*when, group_key.as_str(), receiver.as_str()), (at(17), KEY, "pager"));
        assert_eq!(*integration, Some(("webhook".to_owned(), 0)));
        assert_eq!(alerts[0], Subject { labels: labels(17), starts_at: at(-13), ended: None });
        assert_eq!(history.pages(&Wanted::of(vec![Name::of_group(KEY)])).len(), kept.0.len());
        let late = Wanted { from: at(199), ..Wanted::all() };
        assert_eq!(history.pages(&late).len(), 1);
        assert!(history.pages(&Wanted { to: at(-1), ..Wanted::all() }).is_empty());
    }
}

#[test]
fn a_large_event_is_written_in_parts_and_read_as_one() {
    let mut history = history(3600, 1 << 20);
    let mut kept = Kept::default();
    history.note(delivered(0, 0..500));
    kept.take(&mut history);
    assert!(kept.0.len() > 2 && kept.0.values().all(|page| page.len() <= 4096));
    let events = kept.read(&history, &Wanted::all());
    assert_eq!((events.len(), events[0].alerts.len()), (1, 500));
}

#[test]
fn it_stays_below_its_bound_and_says_what_it_dropped() {
    let mut history = history(3600, 20_000);
    let mut kept = Kept::default();
    for second in 0..1000 {
        history.note(delivered(second, [second as usize].into_iter()));
        kept.take(&mut history);
        let stored: usize = kept.0.values().map(Vec::len).sum();
        assert!(stored <= 20_000 + 4096, "{stored}");
        assert_eq!(stored as u64, history.bytes());
    }
    assert_eq!(history.tally().displaced + history.len(), 1000);
    assert!(history.tally().displaced > 500);
    assert_eq!(kept.read(&history, &Wanted::all()).len() as u64, history.len());
}

#[test]
fn what_is_past_its_retention_is_forgotten_page_by_page() {
    let mut history = history(100, 1 << 20);
    let mut kept = Kept::default();
    for second in 0..200 {
        history.note(delivered(second, [second as usize].into_iter()));
    }
    kept.take(&mut history);
    let before = kept.0.len();
    history.expire(at(250));
    kept.take(&mut history);
    let left = kept.read(&history, &Wanted::all());
    assert!(kept.0.len() < before);
    assert_eq!(history.tally().expired + left.len() as u64, 200);
    assert!(left[0].at <= at(151), "nothing goes before its time: {}", left[0].at);
}

#[test]
fn nothing_is_kept_where_nothing_is_to_be() {
    for limits in [(0, 1 << 20), (3600, 0)] {
        let mut history = history(limits.0, limits.1);
        history.note(delivered(0, 0..3));
        assert!(history.take_changes().next().is_none() && history.is_empty());
    }
}
