use super::*;
use model::Matcher;

struct Scene {
    inhibition: Inhibition,
    alerts: Vec<(LabelSet, Roles, Timestamp)>,
}

const NOW: Timestamp = Timestamp::from_secs(100);

fn set(text: &str) -> LabelSet {
    text.split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect()
}

fn matchers(text: &str) -> Vec<Matcher> {
    text.split_whitespace().map(|pair| pair.split_once('=').unwrap()).map(|(n, v)| Matcher::equal(n, v)).collect()
}

/// Rules as source, target, equal.
fn scene(rules: &[(&str, &str, &str)]) -> Scene {
    let yaml = "{route: {receiver: r}, receivers: [{name: r}]}";
    let mut config = Arc::into_inner(crate::tests::config(yaml)).unwrap();
    config.inhibit_rules = rules
        .iter()
        .map(|(source, target, equal)| InhibitRule {
            name: String::new(),
            source: matchers(source),
            target: matchers(target),
            equal: equal.split_whitespace().map(str::to_owned).collect(),
        })
        .collect();
    Scene { inhibition: Inhibition::new(Arc::new(config)), alerts: Vec::new() }
}

impl Scene {
    fn add(&mut self, text: &str, end: i64) -> AlertId {
        let (labels, end) = (set(text), Timestamp::from_secs(end));
        let roles = self.inhibition.roles(&labels);
        let id = AlertId(u32::try_from(self.alerts.len()).unwrap());
        self.inhibition.move_source(&roles, &labels, id, None, Some(end));
        self.alerts.push((labels, roles, end));
        id
    }

    fn end(&mut self, id: AlertId, end: i64) {
        let (labels, roles, was) = &mut self.alerts[id.0 as usize];
        let end = Timestamp::from_secs(end);
        self.inhibition.move_source(roles, labels, id, Some(*was), Some(end));
        *was = end;
    }

    fn by(&self, id: AlertId) -> Option<AlertId> {
        let (labels, roles, _) = &self.alerts[id.0 as usize];
        self.inhibition.inhibited_by(roles, labels, NOW)
    }
}

#[test]
fn a_firing_source_with_equal_values_inhibits() {
    let mut scene = scene(&[("sev=crit", "sev=warn", "zone rack")]);
    let target = scene.add("sev=warn zone=a", 200);
    let elsewhere = scene.add("sev=warn zone=b", 200);
    let racked = scene.add("sev=warn zone=a rack=1", 200);
    assert_eq!(scene.by(target), None);
    let source = scene.add("sev=crit zone=a", 200);
    assert_eq!(scene.by(target), Some(source), "a label that both lack is equal");
    assert_eq!((scene.by(elsewhere), scene.by(racked), scene.by(source)), (None, None, None));
    scene.end(source, 100);
    assert_eq!(scene.by(target), None);
}

/// Alertmanager remembers one source per rule and values, and lets targets go when that one resolves.
#[test]
fn all_sources_of_a_slot_count() {
    let mut scene = scene(&[("sev=crit", "sev=warn", "zone")]);
    let target = scene.add("sev=warn zone=a", 200);
    let sources: Vec<AlertId> = (0..4).map(|i| scene.add(&format!("sev=crit zone=a i={i}"), 200 + i)).collect();
    for source in &sources {
        assert!(scene.by(target).is_some());
        scene.end(*source, 90);
    }
    assert_eq!(scene.by(target), None);
    scene.end(sources[1], 101);
    assert_eq!(scene.by(target), Some(sources[1]));
}

#[test]
fn alerts_on_both_sides_do_not_inhibit_each_other() {
    let mut scene = scene(&[("team=x", "team=x", ""), ("", "", "")]);
    let (a, b) = (scene.add("team=x i=1", 200), scene.add("team=x i=2", 200));
    assert_eq!((scene.by(a), scene.by(b)), (None, None));
}

#[test]
fn a_two_sided_source_inhibits_one_sided_targets_only() {
    let mut scene = scene(&[("team=x", "sev=warn", "")]);
    let both = scene.add("team=x sev=warn i=1", 300);
    let twin = scene.add("team=x sev=warn i=2", 300);
    let target = scene.add("sev=warn", 200);
    assert_eq!((scene.by(both), scene.by(twin)), (None, None));
    assert!(scene.by(target).is_some());
    let source = scene.add("team=x sev=crit", 200);
    assert_eq!((scene.by(both), scene.by(twin)), (Some(source), Some(source)), "the two-sided one does not hide it");
    assert_eq!(scene.by(source), None);
}

#[test]
fn nothing_stays_behind_when_alerts_go() {
    let mut scene = scene(&[("sev=crit", "sev=warn", "zone")]);
    let source = scene.add("sev=crit zone=a", 200);
    let (labels, roles, was) = scene.alerts[source.0 as usize].clone();
    scene.inhibition.move_source(&roles, &labels, source, Some(was), None);
    assert!(scene.inhibition.sources.iter().all(HashMap::is_empty));
}
