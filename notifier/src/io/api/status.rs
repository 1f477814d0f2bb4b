//! `/api/v2/status` and `/api/v2/receivers`.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use model::LabelSet;
use model::matcher::all_match;
use serde::Serialize;

use super::Api;
use super::alerts::as_object;
use super::answer::{self, Refusal};
use super::filter::Parameters;
use super::moment::Moment;
use crate::io::asking::Asking;
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

/// `GET /status`.
pub(super) async fn status<D: Desk>(State(api): State<Api<D>>, asking: Asking) -> Response {
    let original =
        api.desk.read(|notifier, _| notifier.config().map(|config| config.shown.clone()).unwrap_or_default());
    // It names what is others' business.
    let original = if asking.is_scoped() { String::new() } else { original };
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

/// A receiver as `/receivers` shows it.
#[derive(Serialize)]
struct Receiver<'a> {
    #[serde(serialize_with = "as_object")]
    labels: &'a LabelSet,
    name: &'a str,
}

/// `GET /receivers`.
pub(super) async fn receivers<D: Desk>(
    State(api): State<Api<D>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let matchers = Parameters::read(query.as_deref(), api.about.matcher_mode).matchers("receiver_matchers")?;
    let config = api.desk.read(|notifier, _| notifier.config().cloned());
    let receivers = config.iter().flat_map(|config| config.receivers_in_order());
    let wanted = receivers.filter(|receiver| all_match(&matchers, &receiver.labels));
    let shown = wanted.map(|receiver| Receiver { labels: &receiver.labels, name: &receiver.name });
    Ok(answer::json(&shown.collect::<Vec<_>>()))
}
