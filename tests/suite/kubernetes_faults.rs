//! The API server of a cluster behind everything that can go wrong on the way to it, all at once: how following objects ends,
//! how soon, what is kept meanwhile, and that what changed is known when it is over. `docs/faults.md` says the same to users.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use kubernetes::client::{Access, Client, Scope};
use kubernetes::object::PROMETHEUS_RULES;
use kubernetes::reflector::Change;
use kubernetes::watch::{Followed, WatchTally};
use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::conditions::{eventually, nothing_for, stopwatch};
use crate::fault_proxy::{Certificates, Fault, FaultProxy, Front};
use crate::receiver_faults::{HTTP, HTTPS};

/// The longest deadline of a request, and what a busy machine adds.
const DEADLINE: Duration = Duration::from_secs(30 + 10);
/// The longest wait between two attempts, an attempt, and what a busy machine adds.
const RECOVERY: Duration = Duration::from_secs(10 + 30 + 10);

/// A follower behind a proxy of its own.
struct Case {
    name: String,
    fault: Fault,
    proxy: FaultProxy,
    followed: Followed,
    /// Names of the objects that it was told of.
    known: Vec<String>,
}

fn rule(name: &str) -> Value {
    json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"namespace": "here", "name": name},
        "spec": {"groups": [{"name": "g", "rules": [{"record": "r", "expr": "up"}]}]}})
}

/// A kubeconfig file for the proxy.
fn kubeconfig(folder: &Path, name: &str, url: &str) -> PathBuf {
    let (path, ca) = (folder.join(format!("{name}.yaml")), folder.join("ca.pem"));
    let cluster = match url.starts_with("https") {
        true => json!({"server": url, "certificate-authority": ca}),
        false => json!({"server": url}),
    };
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "c", "user": {"token": "s3cret-token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

impl Case {
    async fn open(prefix: &str, fault: Fault, front: &Front, upstream: SocketAddr, folder: &Path) -> Self {
        let name = format!("{prefix}-{fault:?}").to_lowercase();
        let proxy = FaultProxy::open(front.clone(), upstream, Fault::None).await;
        let config = kubeconfig(folder, &name, &format!("{prefix}://127.0.0.1:{}", proxy.port));
        let client = Client::open(&Access { kubeconfig: Some(config), context: None }).await.unwrap();
        let followed = Followed::begin(&client, vec![Scope::all(PROMETHEUS_RULES, None)], &BTreeMap::new());
        Self { name, fault, proxy, followed, known: Vec::new() }
    }

    fn tally(&self) -> &WatchTally {
        &self.followed.tallies[0]
    }

    fn attempts(&self) -> u64 {
        self.tally().lists.load(Ordering::Relaxed) + self.tally().watches.load(Ordering::Relaxed)
    }

    /// A watch in which nothing happens is no fault, whatever blanks come; it is opened anew after 190 s at most.
    fn is_seen(&self) -> bool {
        self.fault != Fault::BodyDrips
    }

    fn failures(&self) -> u64 {
        self.tally().failures().values().sum()
    }

    /// Takes what is told until an object is there.
    async fn until_known(&mut self, object: &str) {
        while !self.known.iter().any(|name| name == object) {
            let told = self.followed.told.recv().await.expect("it follows on");
            for change in told.changes {
                match change {
                    Change::Set(object) => {
                        self.known.push(object["metadata"]["name"].as_str().unwrap().to_owned());
                    }
                    Change::Gone(key) => panic!("{}: {key:?} was forgotten", self.name),
                    Change::Synced => {}
                }
            }
        }
    }
}

async fn until_all_know(object: &str, cases: &mut [Case], deadline: Duration) {
    for case in cases {
        let known = tokio::time::timeout(deadline, case.until_known(object)).await;
        assert!(known.is_ok(), "{}: {object} is not known after {deadline:?}", case.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_before_the_api_server_ends_in_time_and_loses_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::for_host("127.0.0.1");
    std::fs::write(folder.path().join("ca.pem"), certificates.authority.pem()).unwrap();
    let server = ApiServer::open().await;
    server.put(&rule("before"));
    let upstream: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut cases = Vec::new();
    for (prefix, rows, front) in
        [("http", &HTTP[..], Front::Http), ("https", &HTTPS[..], Front::Https(certificates.clone()))]
    {
        for (fault, ..) in rows {
            cases.push(Case::open(prefix, *fault, &front, upstream, folder.path()).await);
        }
    }
    until_all_know("before", &mut cases, DEADLINE).await;
    // An answer to a watch comes with the first event on some servers; here the head is sent at once.
    eventually("everybody watches", DEADLINE, || async { (server.open_watches() == cases.len()).then_some(()) }).await;
    let before: Vec<u64> = cases.iter().map(Case::attempts).collect();

    cases.iter().for_each(|case| case.proxy.set(case.fault));
    eventually("nobody watches", DEADLINE, || async { (server.open_watches() == 0).then_some(()) }).await;
    server.put(&rule("during"));
    let begun = stopwatch();
    let mut ended: BTreeMap<&str, f64> = BTreeMap::new();
    loop {
        for case in cases.iter().filter(|case| case.failures() > 0) {
            ended.entry(&case.name).or_insert_with(|| begun.elapsed().as_secs_f64());
        }
        let missing = cases.iter().filter(|case| case.is_seen() && !ended.contains_key(&*case.name));
        let missing: Vec<&str> = missing.map(|case| &*case.name).collect();
        if missing.is_empty() {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "no failure of {missing:?} within {DEADLINE:?}");
        nothing_for(Duration::from_millis(50)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut wrong = Vec::new();
    for (case, before) in cases.iter().zip(before) {
        let tried = case.attempts() - before;
        // Attempts that fail at once double their waits from 50 ms to 10 s.
        if tried as f64 > 12.0 + seconds / 5.0 {
            wrong.push(format!("{}: {tried} attempts in {seconds:.0} s", case.name));
        }
        if (case.is_seen() && case.tally().is_connected())
            || case.tally().objects.load(Ordering::Relaxed) != 1
            || !case.tally().is_synced()
        {
            wrong.push(format!("{}: {:?}", case.name, case.tally()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let slowest = ended.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(name, at)| format!("{name}: {at:.1}"));

    cases.iter().for_each(|case| case.proxy.set(Fault::None));
    let begun = stopwatch();
    until_all_know("during", &mut cases, RECOVERY).await;
    eprintln!(
        "{} faults, seen after {slowest:?} s at most; all knew again after {:.1} s",
        cases.len(),
        begun.elapsed().as_secs_f64()
    );
}
