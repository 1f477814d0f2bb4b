//! `/api/v2/status` and `/api/v2/receivers`.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::alerts::Moment;
use super::{Api, answer};
use crate::io::desk::Desk;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    cluster: Cluster,
    config: Config,
    uptime: Moment,
    version_info: VersionInfo,
}

/// There is no gossip: one notifier keeps its state by itself.
#[derive(Serialize)]
struct Cluster {
    peers: [(); 0],
    status: &'static str,
}

#[derive(Serialize)]
struct Config {
    original: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionInfo {
    branch: &'static str,
    build_date: &'static str,
    build_user: &'static str,
    go_version: &'static str,
    revision: &'static str,
    version: &'static str,
}

/// A receiver as lists of alerts and groups name it.
#[derive(Serialize)]
pub(super) struct ReceiverName<T> {
    pub(super) name: T,
}

/// `GET /status`.
pub(super) async fn status<D: Desk>(State(api): State<Api<D>>) -> Response {
    let original =
        api.desk.read(|notifier, _| notifier.config().map(|config| config.shown.clone()).unwrap_or_default());
    answer::json(&Status {
        cluster: Cluster { peers: [], status: "disabled" },
        config: Config { original },
        uptime: Moment(api.about.started_at),
        version_info: VersionInfo {
            branch: "",
            build_date: "",
            build_user: "",
            go_version: "",
            revision: api.about.revision,
            version: api.about.version,
        },
    })
}

/// `GET /receivers`.
pub(super) async fn receivers<D: Desk>(State(api): State<Api<D>>) -> Response {
    let names: Vec<ReceiverName<String>> = api.desk.read(|notifier, _| {
        let receivers = notifier.config().map(|config| config.receivers.keys().cloned().collect::<Vec<_>>());
        receivers.unwrap_or_default().into_iter().map(|name| ReceiverName { name }).collect()
    });
    answer::json(&names)
}
