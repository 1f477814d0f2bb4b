//! Objects followed against a local API server that behaves as badly as real ones and their proxies can.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "real sockets run on real time")]

#[allow(dead_code, reason = "a server for several test binaries")]
#[path = "../../tests/suite/api_server.rs"]
mod api_server;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kubernetes::client::{Access, Client, Scope};
use kubernetes::object::{NAMESPACES, ObjectKey, PROMETHEUS_RULES};
use kubernetes::reflector::Change;
use kubernetes::watch::Followed;
use serde_json::{Value, json};

use api_server::ApiServer;

/// Waits are for what happens within milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A follower's view of the objects, kept by what it is told.
struct Mirror {
    followed: Followed,
    objects: BTreeMap<ObjectKey, Value>,
    is_synced: bool,
}

impl Mirror {
    async fn begin(server: &ApiServer, scope: Scope) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let access = Access { kubeconfig: Some(server.kubeconfig(folder.path(), "here")), context: None };
        let client = Client::open(&access).await.unwrap();
        assert_eq!(client.own_namespace(), "here");
        let followed = Followed::begin(&client, vec![scope], &BTreeMap::new());
        Self { followed, objects: BTreeMap::new(), is_synced: false }
    }

    async fn rules(server: &ApiServer) -> Self {
        Self::begin(server, Scope::all(PROMETHEUS_RULES, None)).await
    }

    /// Takes what is told until the mirror is as it should be.
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(self) {
            let told = tokio::time::timeout_at(deadline, self.followed.told.recv()).await;
            let told =
                told.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}: {:?}", self.followed.tallies[0]));
            let told = told.expect("it follows on");
            for change in told.changes {
                match change {
                    Change::Set(object) => drop(self.objects.insert(ObjectKey::of(&object).unwrap(), *object)),
                    Change::Gone(key) => drop(self.objects.remove(&key).expect("what goes was there")),
                    Change::Synced => self.is_synced = true,
                }
            }
        }
    }

    /// Until it shows what the server has.
    async fn until_same(&mut self, server: &ApiServer) {
        self.until("the objects of the server", |mirror| {
            let there: Vec<Value> = server.objects("prometheusrules");
            mirror.is_synced && mirror.objects.values().cloned().collect::<Vec<_>>() == there
        })
        .await;
    }

    fn failures(&self, reason: &str) -> u64 {
        self.followed.tallies[0].failures().get(reason).copied().unwrap_or(0)
    }
}

fn rule(name: &str, number: usize) -> Value {
    json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"namespace": "here", "name": name},
        "spec": {"groups": [{"name": "g", "rules": [{"record": "r", "expr": format!("vector({number})")}]}]}})
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn pages_of_a_list_then_every_change() {
    let server = ApiServer::open().await;
    for number in 0..1_203 {
        server.put(&rule(&format!("rule-{number:04}"), number));
    }
    let mut mirror = Mirror::rules(&server).await;
    mirror.until_same(&server).await;
    let pages = server.requests().iter().filter(|asked| asked.query.contains("limit=500")).count();
    assert_eq!(pages, 3);
    server.put(&rule("rule-0007", 7_000));
    server.delete("prometheusrules", "here", "rule-0008");
    server.put(&rule("new", 1));
    mirror.until_same(&server).await;
    assert_eq!(server.requests().len(), 4, "three pages and one watch: {:?}", server.requests());
}

#[tokio::test]
async fn bookmarks_make_a_quiet_watch_resume_where_it_was() {
    let server = ApiServer::open().await;
    server.put(&rule("a", 1));
    let mut mirror = Mirror::rules(&server).await;
    mirror.until_same(&server).await;
    until("the watch is open", || server.open_watches() == 1).await;
    // other kinds change, the history goes, and the watch was told how far it is
    server.put_namespace("elsewhere", &[]);
    server.bookmark();
    let tally = mirror.followed.tallies[0].clone();
    until("the bookmark arrives", || tally.events.load(Ordering::Relaxed) == 1).await;
    server.compact();
    server.disconnect();
    server.put(&rule("b", 2));
    mirror.until_same(&server).await;
    assert_eq!(mirror.failures("gone"), 0, "nothing had to be listed again");
}

#[tokio::test]
async fn forgotten_history_is_made_up_by_a_list_in_either_form() {
    for as_status in [false, true] {
        let server = ApiServer::open().await;
        server.gone_as_status(as_status);
        for name in ["a", "b", "c"] {
            server.put(&rule(name, 1));
        }
        let mut mirror = Mirror::rules(&server).await;
        mirror.until_same(&server).await;
        until("the watch is open", || server.open_watches() == 1).await;
        server.close().await;
        server.delete("prometheusrules", "here", "a");
        server.put(&rule("b", 2));
        server.put(&rule("d", 1));
        server.compact();
        server.open_again().await;
        mirror.until_same(&server).await;
        assert_eq!(mirror.failures("gone"), 1, "410 as a status: {as_status}");
    }
}

#[tokio::test]
async fn a_server_that_throttles_is_left_alone_for_as_long_as_it_says() {
    let server = ApiServer::open().await;
    server.put(&rule("a", 1));
    server.answer_next("prometheusrules", 429, Some(1), 2);
    let begun = Instant::now();
    let mut mirror = Mirror::rules(&server).await;
    mirror.until_same(&server).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!((mirror.failures("throttled"), server.refusals_left()), (2, 0));
}

#[tokio::test]
async fn errors_of_the_server_pass() {
    let server = ApiServer::open().await;
    server.put(&rule("a", 1));
    for status in [500, 503, 502] {
        server.answer_next("prometheusrules", status, None, 2);
    }
    let mut mirror = Mirror::rules(&server).await;
    mirror.until_same(&server).await;
    // and in the middle: what a broken proxy says
    server.answer_next("prometheusrules", 500, None, 4);
    server.put(&rule("a", 2));
    server.disconnect();
    server.put(&rule("a", 3));
    mirror.until_same(&server).await;
}

#[tokio::test]
async fn only_metadata_and_one_namespace() {
    let server = ApiServer::open().await;
    server.put_namespace("a", &[("team", "x")]);
    let mut mirror = Mirror::begin(&server, Scope::all(NAMESPACES, None).only_metadata()).await;
    mirror.until("the namespace", |mirror| mirror.is_synced).await;
    let shown = &mirror.objects[&ObjectKey::new("", "a")];
    assert_eq!((&shown["kind"], &shown["metadata"]["labels"]["team"]), (&json!("PartialObjectMetadata"), &json!("x")));
    server.put_namespace("a", &[("team", "y")]);
    mirror
        .until("the change", |mirror| mirror.objects[&ObjectKey::new("", "a")]["metadata"]["labels"]["team"] == "y")
        .await;
}

#[tokio::test]
async fn through_a_thousand_breaks_of_every_kind_nothing_is_lost() {
    let server = ApiServer::open().await;
    let mut mirror = Mirror::rules(&server).await;
    let mut chance = fastrand::Rng::with_seed(7);
    let begun = Instant::now();
    for turn in 0..1_000 {
        for _ in 0..chance.usize(1..4) {
            let name = format!("rule-{}", chance.usize(..20));
            match server.get("prometheusrules", "here", &name) {
                Some(_) if chance.usize(..3) == 0 => server.delete("prometheusrules", "here", &name),
                _ => drop(server.put(&rule(&name, turn))),
            }
        }
        match chance.usize(..10) {
            0 => server.compact(),
            1 => server.gone_as_status(chance.bool()),
            2 => server.cut_next_event(),
            3 if server.refusals_left() == 0 => {
                server.answer_next("prometheusrules", *chance.choice(&[410, 429, 500, 503]).unwrap(), None, 1)
            }
            4 => server.bookmark(),
            _ => {}
        }
        server.disconnect();
        if chance.usize(..50) == 0 {
            mirror.until_same(&server).await;
        } else {
            // a break may come at any point of a list or watch
            tokio::time::sleep(Duration::from_micros(chance.u64(..3_000))).await;
        }
    }
    mirror.until_same(&server).await;
    let tally = &mirror.followed.tallies[0];
    eprintln!("1000 breaks in {:?}; failures: {:?}, {tally:?}", begun.elapsed(), tally.failures());
}
