//! Requests to answers.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::objects::{Happened, Part, Refused, invalid, not_found};
use super::resources::{Place, Resource, fields_match, labels_match};
use super::{ApiServer, Asked, patches};

/// How long a watch without `timeoutSeconds` lasts.
const WATCH_SECS: u64 = 1800;

type Query = BTreeMap<String, String>;

/// Answers any request.
pub(super) async fn answer(
    State(server): State<ApiServer>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query: Query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    server.mood().requests.push(Asked {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).ok(),
    });
    not_hanging(&server).await;
    if let Some(refusal) = refusal(&server, uri.path()) {
        return refusal;
    }
    let answer = match uri.path().trim_end_matches('/') {
        "/version" => Ok(json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"})),
        "/api" => Ok(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => Ok(server.cluster().groups()),
        path => match Place::of(path) {
            None => resource_list(&server, path),
            Some(place) => return of_place(&server, &method, &place, &query, &headers, &body),
        },
    };
    as_json(200, answer)
}

/// Waits for as long as the server hangs.
async fn not_hanging(server: &ApiServer) {
    let mut turned = server.shared.turned.subscribe();
    while server.mood().hangs {
        turned.changed().await.expect("the server has it");
    }
}

fn refusal(server: &ApiServer, path: &str) -> Option<Response> {
    let mut mood = server.mood();
    let at = mood.refusals.iter().position(|one| path.contains(&one.path_part))?;
    let refusal = mood.refusals.remove(at)?;
    let reason = match refusal.status {
        403 => "Forbidden",
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let mut response = as_json(200, Err((refusal.status, reason, "as the test wants it".to_owned())));
    if let Some(seconds) = refusal.retry_after_secs {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Some(response)
}

fn as_json(good: u16, answer: Result<Value, Refused>) -> Response {
    let (status, body) = match answer {
        Ok(body) => (good, body),
        Err(refused) => (refused.0, status_object(&refused)),
    };
    (StatusCode::from_u16(status).expect("a status"), axum::Json(body)).into_response()
}

fn status_object((code, reason, message): &Refused) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code})
}

fn resource_list(server: &ApiServer, path: &str) -> Result<Value, Refused> {
    let group_version = path.trim_start_matches("/apis/").trim_start_matches("/api/");
    let cluster = server.cluster();
    let of_it: Vec<Value> = cluster
        .resources()
        .iter()
        .filter(|one| one.api_version() == group_version)
        .map(|one| {
            json!({"name": one.plural, "singularName": one.kind.to_lowercase(), "namespaced": one.is_namespaced, "kind": one.kind,
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]})
        })
        .collect();
    if of_it.is_empty() {
        return Err(not_found(path));
    }
    Ok(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": of_it}))
}

fn of_place(
    server: &ApiServer,
    method: &Method,
    place: &Place<'_>,
    query: &Query,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let found = server.cluster().resource(place.group, place.version, place.plural).cloned();
    let Some(resource) = found else {
        return as_json(200, Err((404, "NotFound", "the server could not find the requested resource".to_owned())));
    };
    let parsed = || serde_json::from_slice::<Value>(body).map_err(|error| (400, "BadRequest", error.to_string()));
    let only_metadata = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("as=PartialObjectMetadata"));
    let wanted = Wanted {
        resource: resource.clone(),
        namespace: place.namespace.to_owned(),
        query: query.clone(),
        only_metadata,
    };
    match (method.as_str(), place.name.is_empty()) {
        ("GET", true) if matches!(query.get("watch").map(String::as_str), Some("1" | "true")) => wanted.watch(server),
        ("GET", true) => as_json(200, wanted.list(server)),
        ("GET", false) => {
            let found = server.cluster().get(place.plural, place.namespace, place.name);
            as_json(200, found.map(|object| wanted.shown(&object)).ok_or_else(|| not_found(place.name)))
        }
        ("POST", true) => as_json(
            201,
            parsed()
                .and_then(|object| server.cluster().create(&resource, place.namespace, object))
                .inspect(|_| server.turn()),
        ),
        ("PUT", false) => {
            let written = parsed()
                .and_then(|object| server.cluster().write(&resource, place.namespace, place.name, object, part(place)));
            as_json(200, written.inspect(|_| server.turn()))
        }
        ("PATCH", false) => {
            let patched = parsed().and_then(|patch| patch_object(server, &resource, place, headers, &patch));
            as_json(200, patched.inspect(|_| server.turn()))
        }
        ("DELETE", false) => {
            let deleted = server.cluster().delete(place.plural, place.namespace, place.name);
            as_json(200, deleted.inspect(|_| server.turn()))
        }
        _ => as_json(200, Err((405, "MethodNotAllowed", method.to_string()))),
    }
}

fn part(place: &Place<'_>) -> Part {
    if place.subresource == "status" { Part::Status } else { Part::Spec }
}

fn patch_object(
    server: &ApiServer,
    resource: &Resource,
    place: &Place<'_>,
    headers: &HeaderMap,
    patch: &Value,
) -> Result<Value, Refused> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut cluster = server.cluster();
    let found = cluster.get(place.plural, place.namespace, place.name);
    let Some(mut object) = found else {
        return match kind.starts_with("application/apply-patch") {
            true => cluster.create(resource, place.namespace, patch.clone()),
            false => Err(not_found(place.name)),
        };
    };
    match kind.split(';').next().unwrap_or_default() {
        "application/json-patch+json" => patches::apply(&mut object, patch).map_err(|why| invalid(&why))?,
        "application/merge-patch+json" | "application/apply-patch+yaml" => patches::merge(&mut object, patch),
        other => return Err((415, "UnsupportedMediaType", format!("{other:?} is no patch that is known here"))),
    }
    cluster.write(resource, place.namespace, place.name, object, part(place))
}

/// What a list or watch is about.
struct Wanted {
    resource: Resource,
    namespace: String,
    query: Query,
    only_metadata: bool,
}

impl Wanted {
    fn given(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    fn is_about(&self, object: &Value) -> bool {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        (self.namespace.is_empty() || namespace == self.namespace)
            && labels_match(self.given("labelSelector"), object)
            && fields_match(self.given("fieldSelector"), object)
    }

    fn shown(&self, object: &Value) -> Value {
        match self.only_metadata {
            true => {
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
            }
            false => object.clone(),
        }
    }

    /// A page; its continuation says where the next begins and which version the list has.
    fn list(&self, server: &ApiServer) -> Result<Value, Refused> {
        let cluster = server.cluster();
        let expired = || (410, "Expired", "the provided continue parameter is too old".to_owned());
        let (version, from) = match self.given("continue") {
            "" => (cluster.version(), String::new()),
            token => {
                let (version, from) = token.split_once('|').ok_or_else(expired)?;
                (version.parse::<u64>().map_err(|_| expired())?, from.to_owned())
            }
        };
        if version < cluster.compacted {
            return Err(expired());
        }
        let limit: usize = self.given("limit").parse().ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        // As the list was at its version: what happened since is undone.
        let mut objects: BTreeMap<String, Value> = BTreeMap::new();
        cluster.all(&self.resource.plural).into_iter().for_each(|object| drop(objects.insert(key(&object), object)));
        for happened in cluster.since(&self.resource.plural, version).into_iter().rev() {
            match (happened.before, happened.after) {
                (Some(before), _) => drop(objects.insert(key(&before), before)),
                (None, Some(after)) => drop(objects.remove(&key(&after))),
                (None, None) => {}
            }
        }
        let rest: Vec<(String, Value)> =
            objects.into_iter().filter(|(key, object)| *key >= from && self.is_about(object)).collect();
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if let Some((next, _)) = rest.get(limit) {
            metadata["continue"] = format!("{version}|{next}").into();
            metadata["remainingItemCount"] = (rest.len() - limit).into();
        }
        let items: Vec<Value> = rest.iter().take(limit).map(|(_, object)| self.shown(object)).collect();
        let (version, kind) = match self.only_metadata {
            true => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
            false => (self.resource.api_version(), format!("{}List", self.resource.kind)),
        };
        Ok(json!({"apiVersion": version, "kind": kind, "metadata": metadata, "items": items}))
    }

    fn watch(self, server: &ApiServer) -> Response {
        let gone = |why: &str| (410, "Expired", format!("too old resource version: {why}"));
        let from = self.given("resourceVersion").to_owned();
        let cluster = server.cluster();
        let (version, mut first) = match from.as_str() {
            "" | "0" => {
                let all = cluster.all(&self.resource.plural);
                let there = all.iter().filter(|object| self.is_about(object));
                (cluster.version(), there.map(|object| line("ADDED", self.shown(object))).collect())
            }
            version => match version.parse::<u64>() {
                Ok(version) => (version, Vec::new()),
                Err(_) => return as_json(200, Err(invalid("resourceVersion"))),
            },
        };
        let is_gone = version < cluster.compacted;
        drop(cluster);
        let mut mood = server.mood();
        if is_gone && mood.gone_as_status {
            return as_json(200, Err(gone(&from)));
        }
        mood.open_watches += 1;
        drop(mood);
        if is_gone {
            first = vec![line("ERROR", status_object(&gone(&from)))];
        }
        let seconds = self.given("timeoutSeconds").parse().unwrap_or(WATCH_SECS);
        let watch = Watch {
            turned: server.shared.turned.subscribe(),
            server: server.clone(),
            wanted: self,
            version,
            waiting: first,
            is_over: is_gone,
            ends: Box::pin(wait(Duration::from_secs(seconds))),
            is_cut: false,
        };
        let lines = stream::unfold(watch, Watch::next);
        ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
    }
}

fn key(object: &Value) -> String {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

fn line(kind: &str, object: Value) -> Vec<u8> {
    let mut line = serde_json::to_vec(&json!({"type": kind, "object": object})).expect("a value is JSON");
    line.push(b'\n');
    line
}

#[expect(clippy::disallowed_methods, reason = "a server on real time")]
async fn wait(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// An open watch.
struct Watch {
    server: ApiServer,
    turned: tokio::sync::watch::Receiver<u64>,
    wanted: Wanted,
    version: u64,
    waiting: Vec<Vec<u8>>,
    /// What waits is the last it says.
    is_over: bool,
    ends: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_cut: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.server.mood().open_watches -= 1;
    }
}

impl Watch {
    /// The next chunk, until the watch has lasted long enough.
    async fn next(mut self) -> Option<(Result<Bytes, io::Error>, Watch)> {
        if self.is_cut {
            // the half line leaves before the connection breaks
            wait(Duration::from_millis(5)).await;
            return Some((Err(io::Error::other("cut")), self));
        }
        loop {
            not_hanging(&self.server).await;
            self.turned.mark_unchanged();
            self.look();
            if !self.waiting.is_empty() {
                let mut chunk = std::mem::take(&mut self.waiting).concat();
                let mut mood = self.server.mood();
                if mood.events_to_cut > 0 {
                    mood.events_to_cut -= 1;
                    chunk.truncate(chunk.len() / 2);
                    self.is_cut = true;
                }
                drop(mood);
                return Some((Ok(chunk.into()), self));
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                changed = self.turned.changed() => changed.expect("the server has it"),
                () = &mut self.ends => return None,
            }
        }
    }

    /// Notes what happened since.
    fn look(&mut self) {
        if self.is_over {
            return;
        }
        let (happened, version) = {
            let cluster = self.server.cluster();
            (cluster.since(&self.wanted.resource.plural, self.version), cluster.version())
        };
        self.version = version;
        let told: Vec<_> = happened.iter().filter_map(|one| self.told(one)).collect();
        self.waiting.extend(told);
    }

    /// What a change is to somebody who sees only what the selectors let through.
    fn told(&self, happened: &Happened) -> Option<Vec<u8>> {
        let Happened { version, before, after, .. } = happened;
        if before.is_none() && after.is_none() {
            let allowed = matches!(self.wanted.given("allowWatchBookmarks"), "1" | "true");
            let resource = &self.wanted.resource;
            let object = json!({"apiVersion": resource.api_version(), "kind": resource.kind,
                "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null}, "spec": {}});
            return allowed.then(|| line("BOOKMARK", object));
        }
        let seen = |object: &Option<Value>| object.clone().filter(|object| self.wanted.is_about(object));
        match (seen(before), seen(after)) {
            (None, None) => None,
            (None, Some(after)) => Some(line("ADDED", self.wanted.shown(&after))),
            (Some(_), Some(after)) => Some(line("MODIFIED", self.wanted.shown(&after))),
            (Some(mut before), None) => {
                before["metadata"]["resourceVersion"] = version.to_string().into();
                Some(line("DELETED", self.wanted.shown(&before)))
            }
        }
    }
}
