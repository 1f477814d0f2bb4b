//! The API server: how to reach it, and single requests to it, each with a deadline.
//!
//! Authentication, TLS (rustls), kubeconfig files and the service account's token, which is read again as it rotates, are
//! kube's; what is asked and how failures are told apart is here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use crate::object::{Kind, ObjectKey};
use crate::reflector::{Event, Failure, Page};

/// The longest a request and its answer may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// How long a watch may take to open.
const OPEN_DEADLINE: Duration = Duration::from_secs(15);
/// Reading a kubeconfig, and what it takes to authenticate.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
/// The longest answer that is read: a page of 500 of the largest objects has less.
const ANSWER_BYTES_MAX: usize = 512 << 20;
/// The longest explanation of a refusal that is read.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
/// The longest line of a watch.
const LINE_BYTES_MAX: usize = 16 << 20;

/// How to reach the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// A kubeconfig file; without one, the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// Which of its contexts; without one, the current one.
    pub context: Option<String>,
}

/// The API server cannot be reached as asked: nothing was sent yet.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// Not in a pod, or without a service account.
    #[error(
        "not in a pod with a service account: give --kubernetes.kubeconfig (or kubeconfig in the configuration): {0}"
    )]
    NotInCluster(String),
    /// The kubeconfig file cannot be used.
    #[error("{}: the kubeconfig cannot be used: {why}", path.display())]
    Kubeconfig {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The client cannot be made, as for a certificate that cannot be read.
    #[error("cannot make a client for the Kubernetes API: {0}")]
    Client(String),
}

/// A connection to the API server; clones share it.
#[derive(Clone)]
pub struct Client {
    inner: kube::Client,
    own_namespace: Arc<str>,
}

/// Which objects are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Of which kind.
    pub kind: Kind,
    /// In which namespace; none for all.
    pub namespace: Option<String>,
    /// As kubectl writes it; empty for all.
    pub label_selector: String,
    /// As kubectl writes it; empty for all.
    pub field_selector: String,
    /// Names, labels and the like are enough.
    pub only_metadata: bool,
}

impl Scope {
    /// All objects of a kind, in a namespace or in all.
    pub fn all(kind: Kind, namespace: Option<String>) -> Scope {
        Scope { kind, namespace, label_selector: String::new(), field_selector: String::new(), only_metadata: false }
    }

    /// Likewise, but their metadata alone.
    #[must_use]
    pub fn only_metadata(self) -> Scope {
        Scope { only_metadata: true, ..self }
    }

    /// Whether an object at that place could be among them.
    pub fn covers(&self, key: &ObjectKey) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
    }

    fn path(&self, parameters: &[(&str, &str)]) -> String {
        let selectors = [("labelSelector", &*self.label_selector), ("fieldSelector", &*self.field_selector)];
        let given = selectors.into_iter().filter(|(_, selector)| !selector.is_empty());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters.iter().copied().chain(given));
        format!("{}?{}", self.kind.path(self.namespace.as_deref()), query.finish())
    }

    fn accept(&self, of_what: &str) -> String {
        match self.only_metadata {
            true => format!("application/json;as=PartialObjectMetadata{of_what};g=meta.k8s.io;v=v1"),
            false => "application/json".to_owned(),
        }
    }
}

impl Access {
    /// Whether there is what it takes to begin, as far as that can be told without the server.
    ///
    /// # Errors
    /// There is no such file; or none is named, and this is no pod.
    pub fn check(&self) -> Result<(), Unreachable> {
        match &self.kubeconfig {
            None if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() => Ok(()),
            None => Err(Unreachable::NotInCluster("KUBERNETES_SERVICE_HOST is not set".to_owned())),
            Some(path) => match std::fs::File::open(path) {
                Ok(_) => Ok(()),
                Err(error) => Err(Unreachable::Kubeconfig { path: path.clone(), why: error.to_string() }),
            },
        }
    }
}

impl Client {
    /// Reads what it takes to reach the server. Nothing is sent yet.
    ///
    /// # Errors
    /// There is no such file or service account, or it cannot be used.
    pub async fn open(access: &Access) -> Result<Client, Unreachable> {
        let late = |_| Unreachable::Client(format!("not ready after {CONNECT_DEADLINE:?}"));
        tokio::time::timeout(CONNECT_DEADLINE, Client::open_at_leisure(access)).await.map_err(late)?
    }

    async fn open_at_leisure(access: &Access) -> Result<Client, Unreachable> {
        let mut config = match &access.kubeconfig {
            None => kube::Config::incluster().map_err(|error| Unreachable::NotInCluster(error.to_string()))?,
            Some(path) => {
                let unusable = |why: String| Unreachable::Kubeconfig { path: path.clone(), why };
                let file = Kubeconfig::read_from(path).map_err(|error| unusable(causes(&error)))?;
                let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
                kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| unusable(causes(&error)))?
            }
        };
        // what is tried again, and when, is decided by those who ask
        config.default_retry = false;
        let own_namespace = config.default_namespace.as_str().into();
        let inner = kube::Client::try_from(config).map_err(|error| Unreachable::Client(causes(&error)))?;
        Ok(Client { inner, own_namespace })
    }

    /// The namespace of the service account, or of the kubeconfig's context.
    pub fn own_namespace(&self) -> &str {
        &self.own_namespace
    }

    /// kube's own client, for its recorder of events.
    pub fn kube(&self) -> kube::Client {
        self.inner.clone()
    }

    /// A page of a list.
    ///
    /// # Errors
    /// The server refuses, or does not answer in time.
    pub async fn list(&self, scope: &Scope, limit: usize, continue_token: Option<&str>) -> Result<Page, Failure> {
        let limit = limit.to_string();
        let mut parameters = vec![("limit", limit.as_str())];
        parameters.extend(continue_token.map(|token| ("continue", token)));
        let request = http::Request::get(scope.path(&parameters)).header(http::header::ACCEPT, scope.accept("List"));
        let mut list = self.ask(request, Vec::new()).await?;
        let metadata = |field| list.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str);
        let continue_token = metadata("continue").filter(|token| !token.is_empty()).map(str::to_owned);
        let version = metadata("resourceVersion").unwrap_or_default().to_owned();
        let items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            Some(Value::Null) => Vec::new(),
            _ => return Err(Failure::NoAnswer("the answer is no list".to_owned())),
        };
        Ok(Page { items, continue_token, version })
    }

    /// Everything that happens after a version, until the server ends it, which it is asked to do after `duration`. The stream
    /// ends where the answer does.
    ///
    /// # Errors
    /// The server refuses, or does not answer in time.
    pub async fn watch(
        &self,
        scope: &Scope,
        version: &str,
        duration: Duration,
    ) -> Result<impl Stream<Item = Event> + Unpin + Send + use<>, Failure> {
        let seconds = duration.as_secs().to_string();
        let parameters = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", seconds.as_str()),
            ("resourceVersion", version),
        ];
        let request = http::Request::get(scope.path(&parameters)).header(http::header::ACCEPT, scope.accept(""));
        let answer = within(OPEN_DEADLINE, self.send(request, Vec::new())).await?;
        Ok(events(answer.into_body()))
    }

    /// One object; none if there is no such one.
    ///
    /// # Errors
    /// The server refuses, or does not answer in time.
    pub async fn get(&self, kind: Kind, key: &ObjectKey) -> Result<Option<Value>, Failure> {
        match self.ask(http::Request::get(object_path(kind, key, "")), Vec::new()).await {
            Err(Failure::Refused { code: 404, .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Creates an object in a namespace.
    ///
    /// # Errors
    /// The server refuses (409: there is one), or does not answer in time.
    pub async fn create(&self, kind: Kind, namespace: &str, object: &Value) -> Result<Value, Failure> {
        let request =
            http::Request::post(kind.path(Some(namespace))).header(http::header::CONTENT_TYPE, "application/json");
        self.ask(request, object.to_string().into_bytes()).await
    }

    /// Replaces an object; only the version of it that `metadata.resourceVersion` names.
    ///
    /// # Errors
    /// The server refuses (409: it is another version), or does not answer in time.
    pub async fn replace(&self, kind: Kind, key: &ObjectKey, object: &Value) -> Result<Value, Failure> {
        let request =
            http::Request::put(object_path(kind, key, "")).header(http::header::CONTENT_TYPE, "application/json");
        self.ask(request, object.to_string().into_bytes()).await
    }

    /// Puts a merge patch over an object's status; a `metadata.resourceVersion` in it must be that of the object.
    ///
    /// # Errors
    /// The server refuses (409: it is another version), or does not answer in time.
    pub async fn patch_status(&self, kind: Kind, key: &ObjectKey, patch: &Value) -> Result<Value, Failure> {
        let request = http::Request::patch(object_path(kind, key, "/status"))
            .header(http::header::CONTENT_TYPE, "application/merge-patch+json");
        self.ask(request, patch.to_string().into_bytes()).await
    }

    async fn ask(&self, request: http::request::Builder, body: Vec<u8>) -> Result<Value, Failure> {
        within(REQUEST_DEADLINE, async {
            let answer = self.send(request, body).await?;
            let bytes = whole(answer.into_body(), ANSWER_BYTES_MAX).await?;
            serde_json::from_slice(&bytes).map_err(|error| Failure::NoAnswer(format!("the answer is no JSON: {error}")))
        })
        .await
    }

    /// The answer's head, if it is one of success.
    async fn send(&self, request: http::request::Builder, body: Vec<u8>) -> Result<http::Response<Body>, Failure> {
        let no_answer = |error: &dyn std::error::Error| Failure::NoAnswer(causes(error));
        let request = request.body(Body::from(body)).map_err(|error| no_answer(&error))?;
        let answer = self.inner.send(request).await.map_err(|error| no_answer(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer.status().as_u16();
        let header = answer.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let bytes = whole(answer.into_body(), REFUSAL_BYTES_MAX).await.unwrap_or_default();
        let status: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let message = match status.get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => http::StatusCode::from_u16(code)
                .ok()
                .and_then(|code| code.canonical_reason())
                .unwrap_or("refused")
                .to_owned(),
        };
        Err(Failure::Refused { code, message, retry_after })
    }
}

fn object_path(kind: Kind, key: &ObjectKey, subresource: &str) -> String {
    let namespace = (!key.namespace.is_empty()).then_some(key.namespace.as_str());
    format!("{}/{}{subresource}", kind.path(namespace), key.name)
}

async fn within<T>(deadline: Duration, step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_| Err(Failure::NoAnswer(format!("no answer within {} s", deadline.as_secs())));
    tokio::time::timeout(deadline, step).await.unwrap_or_else(late)
}

/// A whole body, if it is not too long.
async fn whole(body: Body, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Failure::NoAnswer(causes(&error)))?;
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Failure::NoAnswer(format!("the answer is longer than {bytes_max} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The lines of a watch's answer; a line that is cut off is none, and a connection that breaks is the end.
fn events(body: Body) -> impl Stream<Item = Event> + Unpin + Send + use<> {
    let state = (body.into_data_stream(), Lines::default());
    Box::pin(futures_util::stream::unfold(state, |(mut chunks, mut lines)| async move {
        loop {
            if let Some(event) = lines.next() {
                return Some((event, (chunks, lines)));
            }
            // an error is the end as well: what was not told is told by the next watch
            lines.waiting.extend_from_slice(&chunks.next().await?.ok()?);
        }
    }))
}

/// What came of a watch and is not told yet.
#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    /// So far no end of a line was found.
    looked: usize,
    is_over: bool,
}

impl Lines {
    fn next(&mut self) -> Option<Event> {
        while !self.is_over {
            let end = self.waiting.iter().skip(self.looked).position(|byte| *byte == b'\n');
            let Some(end) = end.map(|end| end + self.looked) else {
                self.looked = self.waiting.len();
                if self.looked <= LINE_BYTES_MAX {
                    return None;
                }
                self.is_over = true;
                let why = format!("a line of the watch is longer than {} MiB", LINE_BYTES_MAX >> 20);
                return Some(Event::Failed(Failure::NoAnswer(why)));
            };
            let line: Vec<u8> = self.waiting.drain(..=end).collect();
            self.looked = 0;
            match event(&line) {
                Some(Ok(event)) => return Some(event),
                Some(Err(why)) => return Some(Event::Failed(Failure::NoAnswer(why))),
                None => {}
            }
        }
        None
    }
}

/// What a line tells; none for a blank one and for types to come.
fn event(line: &[u8]) -> Option<Result<Event, String>> {
    if line.trim_ascii().is_empty() {
        return None;
    }
    let mut value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => return Some(Err(format!("a line of the watch is no JSON: {error}"))),
    };
    let object = value.get_mut("object").map(Value::take).unwrap_or_default();
    match value.get("type").and_then(Value::as_str).unwrap_or_default() {
        "ADDED" | "MODIFIED" => Some(Ok(Event::Set(object))),
        "DELETED" => Some(Ok(Event::Deleted(object))),
        "BOOKMARK" => {
            let version = crate::object::metadata_text(&object, "resourceVersion").to_owned();
            Some(Ok(Event::Bookmark { version }))
        }
        "ERROR" => {
            let code = object.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            let message = object.get("message").and_then(Value::as_str).unwrap_or("the watch ends with an error");
            Some(Ok(Event::Failed(Failure::Refused {
                code: code.unwrap_or(500),
                message: message.to_owned(),
                retry_after: None,
            })))
        }
        _ => None,
    }
}

/// An error with what it comes from.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{NAMESPACES, PROMETHEUS_RULES};

    #[test]
    fn lines_are_told_however_they_are_cut() {
        let text = concat!(
            r#"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#,
            "\n\n",
            r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}"#,
            "\n",
            r#"{"type":"NEW-TYPE","object":{}}"#,
            "\n",
            r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#,
            "\n",
            r#"{"type":"DELETED","obj"#
        );
        for size in [1, 7, 1000] {
            let mut lines = Lines::default();
            let mut told = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                lines.waiting.extend_from_slice(chunk);
                told.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!(told.len(), 3, "{told:?}");
            assert_eq!(told[1], Event::Bookmark { version: "7".to_owned() });
            assert!(matches!(&told[2], Event::Failed(failure) if failure.is_gone()));
        }
        let mut broken = Lines { waiting: b"{\n".to_vec(), ..Lines::default() };
        assert!(matches!(broken.next(), Some(Event::Failed(Failure::NoAnswer(_)))));
        let mut long = Lines { waiting: vec![b' '; LINE_BYTES_MAX + 1], ..Lines::default() };
        assert!(matches!(long.next(), Some(Event::Failed(_))));
        assert_eq!(long.next(), None);
    }

    #[test]
    fn a_scope_is_a_path() {
        let scope = Scope::all(PROMETHEUS_RULES, Some("a".to_owned()));
        let path = scope.path(&[("limit", "5")]);
        assert_eq!(path, "/apis/monitoring.coreos.com/v1/namespaces/a/prometheusrules?limit=5");
        let scope = Scope { label_selector: "a=b,!c".to_owned(), ..Scope::all(NAMESPACES, None) };
        assert_eq!(scope.path(&[]), "/api/v1/namespaces?labelSelector=a%3Db%2C%21c");
        assert!(scope.only_metadata().accept("List").contains("as=PartialObjectMetadataList;"));
    }

    #[tokio::test]
    async fn a_kubeconfig_that_cannot_be_read_is_named() {
        let access = Access { kubeconfig: Some("/nowhere/config".into()), context: None };
        let unreachable = Client::open(&access).await.err().expect("there is no such file").to_string();
        assert!(unreachable.starts_with("/nowhere/config: the kubeconfig cannot be used: "), "{unreachable}");
    }
}
