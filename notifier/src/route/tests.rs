use super::*;

fn tree(yaml: &str) -> RouteTree {
    RouteTree::new(crate::tests::config(yaml))
}

fn set(text: &str) -> LabelSet {
    text.split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect()
}

const TREE: &str = r#"
route:
  receiver: root
  group_by: [alertname]
  routes:
  - matchers: ['team=~"a|b"', 'z!=""']
    receiver: ab
    continue: true
  - matchers: ['team="a"']
    receiver: a
    routes:
    - {matchers: ['severity="page"'], receiver: page, continue: true}
    - {matchers: ['severity=~"p.*"'], receiver: p}
  - matchers: ['team="a"']
    receiver: again
  - matchers: ['team=~"a|b"', 'z!=""']
    receiver: last
    group_by: ['...']
  - matchers: ['quiet="yes"']
    receiver: quiet
    group_by: []
    mute_time_intervals: [night, weekend]
    active_time_intervals: [all]
receivers: [{name: root}, {name: ab}, {name: a}, {name: page}, {name: p}, {name: again}, {name: last}, {name: quiet}]
time_intervals:
- {name: night, time_intervals: [{times: [{start_time: '20:00', end_time: '24:00'}]}]}
- {name: weekend, time_intervals: [{weekdays: ['saturday', 'sunday']}]}
- {name: all, time_intervals: [{years: ['2000:2030']}]}
"#;

#[test]
fn depth_first_until_a_match_that_does_not_continue() {
    let tree = tree(TREE);
    let cases = [
        ("alertname=K", "root"),
        ("team=c z=1", "root"),
        ("team=b z=1", "ab last"),
        ("team=b", "root"),
        ("team=a z=1", "ab a"),
        ("team=a", "a"),
        ("team=a severity=page", "page p"),
        ("team=a severity=p", "p"),
        ("team=a severity=x quiet=yes", "a"),
        ("quiet=yes", "quiet"),
    ];
    for (labels, receivers) in cases {
        let found = tree.matching(&set(labels));
        let names: Vec<&str> = found.iter().map(|id| tree.node(*id).receiver.name.as_str()).collect();
        assert_eq!(names.join(" "), receivers, "{labels}");
    }
}

#[test]
fn group_keys_are_alertmanagers() {
    let tree = tree(TREE);
    let labels = set("alertname=K team=b z=1");
    let routes = tree.matching(&labels);
    let (first, last) = (tree.node(routes[0]), tree.node(routes[1]));
    let key = |node: &Node| node.group_key(&node.group_labels(&labels));
    assert_eq!(&*key(first), r#"{}/{team=~"a|b",z!=""}:{alertname="K"}"#);
    assert_eq!(&*key(last), r#"{}/{team=~"a|b",z!=""}:{alertname="K", team="b", z="1"}"#);
    assert_eq!((first.twin, last.twin), (0, 1), "routes with equal keys are told apart");
    let quiet = tree.node(tree.matching(&set("quiet=yes"))[0]);
    assert_eq!(&*quiet.group_key(&quiet.group_labels(&labels)), r#"{}/{quiet="yes"}:{}"#);
    let root = tree.node(RouteId(0));
    assert_eq!(&*root.group_key(&root.group_labels(&set("x=1"))), "{}:{}", "what an alert lacks is left out");
}

#[test]
fn mute_and_active_intervals() {
    let tree = tree(TREE);
    let quiet = tree.matching(&set("quiet=yes"))[0];
    let at = |text: &str| tree.mute_at(quiet, Timestamp::parse_rfc3339(text).unwrap());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(at("2025-01-06T12:00:00Z"), None);
    assert_eq!(at("2025-01-06T20:00:00Z"), Some(Mute::Muted(names(&["night"]))));
    assert_eq!(at("2025-01-05T20:00:00Z"), Some(Mute::Muted(names(&["night", "weekend"]))));
    assert_eq!(at("2031-01-06T20:00:00Z"), Some(Mute::Inactive(names(&["all"]))));
    assert_eq!(tree.mute_at(RouteId(0), Timestamp::parse_rfc3339("2031-01-06T20:00:00Z").unwrap()), None);
}

/// The index must find what a plain walk finds.
#[test]
fn a_thousand_routes_are_walked_as_one_by_one() {
    let mut yaml = "{route: {receiver: r, routes: [".to_owned();
    for i in 0..1000 {
        let matcher = match i % 4 {
            0 => format!("a=\"{}\"", i % 50),
            1 => format!("b=~\"{}|{}\"", i % 7, i % 11),
            2 => format!("a!=\"{}\"", i % 50),
            _ => format!("c=~\"{}.*\"", i % 9),
        };
        yaml += &format!("{{matchers: ['{matcher}', 'd=\"{}\"'], continue: {}}},", i % 3, i % 2 == 0);
    }
    yaml += "]}, receivers: [{name: r}]}";
    let config = crate::tests::config(&yaml);
    let tree = RouteTree::new(Arc::clone(&config));
    for i in 0..500 {
        let labels = set(&format!("a={} b={} c={} d={}", i % 50, i % 11, i % 13, i % 4));
        let mut plain = Vec::new();
        for route in &config.route.routes {
            if all_match(&route.matchers, &labels) {
                plain.push(route.id);
                if !route.continues {
                    break;
                }
            }
        }
        if plain.is_empty() {
            plain.push(0);
        }
        let found: Vec<usize> = tree.matching(&labels).into_iter().map(|id| id.0 as usize).collect();
        assert_eq!(found, plain, "{labels}");
    }
}
