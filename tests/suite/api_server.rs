//! A local Kubernetes API server that keeps objects in memory and speaks list and watch as the real one does, for tests.
//!
//! It knows any resource: those of [`resources::BUILT_IN`] from the start, others by [`ApiServer::serve`]. What is said over HTTP:
//! `GET` of one object and of lists (`limit`, `continue`, `labelSelector`, `fieldSelector`, `PartialObjectMetadata` where the
//! client accepts it), `watch=1` (chunked, one event a line, from `resourceVersion`, `timeoutSeconds`, bookmarks where they are
//! allowed, 410 for what is compacted), `POST`, `PUT` (409 on another `resourceVersion`), `PATCH` (merge, JSON Patch, apply, which merges),
//! `DELETE`, the `status` subresource, and discovery (`/api`, `/apis`, `/apis/GROUP/VERSION`).
//!
//! What a test does: [`ApiServer::put`], [`ApiServer::delete`], [`ApiServer::objects`]; and for bad days
//! [`ApiServer::disconnect`] (sockets closed in the middle), [`ApiServer::cut_next_event`] (after half a line),
//! [`ApiServer::compact`] (410 for whoever resumes), [`ApiServer::gone_as_status`], [`ApiServer::answer_next`] (429, 500, 403 …),
//! [`ApiServer::withdraw`] (the CRD is gone: 404), [`ApiServer::hang`], [`ApiServer::close`] and [`ApiServer::open_again`].
//!
//! - `api_server/resources.rs`: which resources there are; paths and selectors
//! - `api_server/objects.rs`: the objects and their history
//! - `api_server/answers.rs`: requests to answers
//! - `api_server/patches.rs`: merge patches and JSON Patch

// named, as another test binary has this file in another place
#[path = "api_server/answers.rs"]
mod answers;
#[path = "api_server/objects.rs"]
mod objects;
#[path = "api_server/patches.rs"]
mod patches;
#[path = "api_server/resources.rs"]
pub mod resources;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use objects::Cluster;
use resources::Resource;

/// A running server.
#[derive(Clone)]
pub struct ApiServer {
    /// Such as `http://127.0.0.1:40001`.
    pub url: String,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    cluster: Mutex<Cluster>,
    mood: Mutex<Mood>,
    /// Turns with each change of the cluster or the mood, for watches.
    turned: watch::Sender<u64>,
    connections: Mutex<Vec<AbortHandle>>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// How the server behaves, and what it was asked.
#[derive(Default)]
struct Mood {
    refusals: VecDeque<Refusal>,
    gone_as_status: bool,
    hangs: bool,
    events_to_cut: usize,
    requests: Vec<Asked>,
    open_watches: usize,
}

/// An answer instead of the right one.
struct Refusal {
    path_part: String,
    status: u16,
    retry_after_secs: Option<u64>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Option<Value>,
}

impl ApiServer {
    /// On a free port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            cluster: Mutex::new(Cluster::new()),
            mood: Mutex::default(),
            turned: watch::Sender::new(0),
            connections: Mutex::default(),
            accepting: Mutex::default(),
        });
        let server = Self { url: format!("http://127.0.0.1:{port}"), port, shared };
        server.accept(listener);
        server
    }

    /// Closes the port and every connection.
    pub async fn close(&self) {
        let accepting = self.shared.accepting.lock().unwrap().take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // Aborted is what it should be.
            drop(accepting.await);
        }
        self.disconnect();
    }

    /// Listens on the same port again, with the same objects.
    pub async fn open_again(&self) {
        self.accept(TcpListener::bind(("127.0.0.1", self.port)).await.unwrap());
    }

    fn accept(&self, listener: TcpListener) {
        let router = Router::new().fallback(answers::answer).with_state(self.clone());
        let shared = self.shared.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                stream.set_nodelay(true).unwrap();
                let service = TowerToHyperService::new(router.clone());
                let connection = tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A connection that a test cuts ends with an error.
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
                let mut connections = shared.connections.lock().unwrap();
                connections.retain(|one| !one.is_finished());
                connections.push(connection.abort_handle());
            }
        });
        *self.shared.accepting.lock().unwrap() = Some(accepting);
    }

    /// A kubeconfig file for this server. `namespace` is the context's own.
    pub fn kubeconfig(&self, folder: &Path, namespace: &str) -> PathBuf {
        let url = &self.url;
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster: {{server: \"{url}\"}}\n\
             users:\n- name: test\n  user: {{token: s3cret-token}}\ncontexts:\n- name: test\n  context: {{cluster: test, user: test, namespace: {namespace}}}\n"
        );
        let path = folder.join("kubeconfig.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Serves one more kind of objects.
    pub fn serve(&self, resource: Resource) {
        self.cluster().serve(resource);
    }

    /// The kind is not served any more: its CRD is gone, with its objects. Watches of it end.
    pub fn withdraw(&self, plural: &str) {
        self.cluster().withdraw(plural);
        self.turn();
        self.disconnect();
    }

    /// Creates an object or replaces it, as whoever writes manifests does; says what it became.
    pub fn put(&self, object: &Value) -> Value {
        let put = self.cluster().put(object).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        self.turn();
        put
    }

    /// Creates or replaces each object of a YAML or JSON text.
    pub fn put_yaml(&self, text: &str) -> Value {
        self.put(&yaml_value(text))
    }

    /// A namespace with labels; its name is a label too, as the real server sees to.
    pub fn put_namespace(&self, name: &str, labels: &[(&str, &str)]) -> Value {
        let mut all: serde_json::Map<String, Value> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        all.insert("kubernetes.io/metadata.name".to_owned(), name.into());
        self.put(
            &serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": all}}),
        )
    }

    /// Deletes an object; it must be there. `namespace` is empty for what has none.
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.cluster().delete(plural, namespace, name).expect("the object is there");
        self.turn();
    }

    /// One object.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.cluster().get(plural, namespace, name)
    }

    /// All objects of a kind, by namespace and name.
    pub fn objects(&self, plural: &str) -> Vec<Value> {
        self.cluster().all(plural)
    }

    /// Forgets the history: whoever resumes from before the newest version gets 410, and so do `continue` tokens.
    pub fn compact(&self) {
        self.cluster().compact();
    }

    /// 410 is the status of the answer to a watch, rather than an event in it.
    pub fn gone_as_status(&self, yes: bool) {
        self.mood().gone_as_status = yes;
    }

    /// Requests are taken and not answered, and watches say nothing, until this is undone.
    pub fn hang(&self, yes: bool) {
        self.mood().hangs = yes;
        self.turn();
    }

    /// The next requests whose path contains `path_part` get this status instead.
    pub fn answer_next(&self, path_part: &str, status: u16, retry_after_secs: Option<u64>, times: usize) {
        let mut mood = self.mood();
        for _ in 0..times {
            mood.refusals.push_back(Refusal { path_part: path_part.to_owned(), status, retry_after_secs });
        }
    }

    /// Requests with a wrong answer that are still to come.
    pub fn refusals_left(&self) -> usize {
        self.mood().refusals.len()
    }

    /// Closes the sockets of all connections, watches among them, in the middle. Says how many there were.
    pub fn disconnect(&self) -> usize {
        let connections = std::mem::take(&mut *self.shared.connections.lock().unwrap());
        connections.iter().filter(|one| !one.is_finished()).map(AbortHandle::abort).count()
    }

    /// The next event of any watch is sent only by half, and the connection closed.
    pub fn cut_next_event(&self) {
        self.mood().events_to_cut = 1;
    }

    /// Sends a bookmark to every watch that allows them.
    pub fn bookmark(&self) {
        self.cluster().bookmark();
        self.turn();
    }

    /// How many watches are open.
    pub fn open_watches(&self) -> usize {
        self.mood().open_watches
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Asked> {
        self.mood().requests.clone()
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.shared.cluster.lock().unwrap()
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.shared.mood.lock().unwrap()
    }

    fn turn(&self) {
        self.shared.turned.send_modify(|turn| *turn += 1);
    }
}

/// A YAML or JSON text as JSON, typed as YAML 1.2 does.
pub fn yaml_value(text: &str) -> Value {
    let file = model::source::SourceFile::new("manifest", text);
    let (node, _) = yaml::parse_first(&file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    json_of(&node)
}

fn json_of(node: &yaml::Node) -> Value {
    match &node.kind {
        yaml::Kind::Sequence(items) => items.iter().map(json_of).collect(),
        yaml::Kind::Mapping(entries) => {
            entries.iter().map(|(key, value)| (key.text.to_string(), json_of(value))).collect()
        }
        yaml::Kind::Scalar(scalar) if !scalar.plain => scalar.text.as_str().into(),
        yaml::Kind::Scalar(scalar) => match scalar.text.as_str() {
            "true" | "false" => (scalar.text == "true").into(),
            text => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) if number.is_finite() && !text.contains(char::is_alphabetic) => number.into(),
                _ => text.into(),
            },
        },
        yaml::Kind::Null => Value::Null,
    }
}
