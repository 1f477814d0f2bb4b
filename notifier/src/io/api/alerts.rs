//! `/api/v2/alerts`: take alerts in, list them.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::LabelSet;
use model::labels::Fingerprint;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::Api;
use super::answer::{self, Refusal};
use super::filter::{Filter, Parameters};
use super::moment::Moment;
use super::paging::Paging;
use super::posted_alert::PostableAlert;
use super::status::ReceiverName;
use crate::group::alert_order;
use crate::io::desk::Desk;
use crate::notifier::AlertView;

/// `GET`: alerts that are not resolved, by fingerprint; written in pieces as the client reads.
pub(super) async fn list<D: Desk>(State(api): State<Api<D>>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let filter = Filter::read(&parameters)?;
    let paging = Paging::read(&parameters)?;
    let page = api.desk.read(|notifier, now| {
        let receivers = filter.receivers(notifier.config());
        let wanted = |alert: &AlertView<'_>| {
            filter.wants_labels(alert.labels())
                && receivers.as_ref().is_none_or(|names| alert.receivers().any(|name| names.contains(name)))
        };
        let alerts = notifier.alerts(now).filter(wanted).map(|alert| (alert.fingerprint().0, alert));
        paging.page(alerts.collect(), |alert| GettableAlert::new(&alert, &filter))
    });
    Ok(page.answer())
}

/// `POST`: every valid alert is taken, also when others are not.
pub(super) async fn post<D: Desk>(
    State(api): State<Api<D>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let posted: Vec<Option<PostableAlert>> = answer::read(&answer::ALERTS, &headers, &body)?;
    let alerts = posted.into_iter().enumerate().map(|(at, alert)| alert.unwrap_or_default().into_alert(at));
    let alerts = alerts.collect::<Result<Vec<_>, _>>()?;
    let outcome = api.desk.act(|notifier, now, out| notifier.receive(now, alerts, out));
    if let Err(error) = api.desk.durable().await {
        // Pages go out all the same; the shell has logged it once.
        tracing::debug!(%error, "alerts taken but not stored");
    }
    outcome.map(|()| answer::empty()).map_err(|messages| answer::refusal(StatusCode::BAD_REQUEST, messages.join("; ")))
}

/// An alert as clients see it; the order of the fields is Alertmanager's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GettableAlert {
    #[serde(serialize_with = "as_object")]
    annotations: LabelSet,
    ends_at: Moment,
    #[serde(serialize_with = "as_text")]
    fingerprint: Fingerprint,
    receivers: Vec<ReceiverName<String>>,
    starts_at: Moment,
    status: Status,
    updated_at: Moment,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: Arc<str>,
    #[serde(serialize_with = "as_object")]
    labels: LabelSet,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(serialize_with = "as_texts")]
    inhibited_by: Vec<Fingerprint>,
    muted_by: Vec<String>,
    silenced_by: Vec<Uuid>,
    state: &'static str,
}

impl GettableAlert {
    /// The order inside a group.
    pub(super) fn group_order(&self, other: &Self) -> Ordering {
        alert_order(&self.labels, &other.labels)
    }

    /// Lists of groups name the receivers of an alert in alphabetical order, lists of alerts in that of the routes.
    pub(super) fn sort_receivers(&mut self) {
        self.receivers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    }

    /// `None` if the filter does not want alerts in this state.
    pub(super) fn new(alert: &AlertView<'_>, filter: &Filter) -> Option<Self> {
        let status = alert.status();
        filter.wants_status(&status).then(|| Self {
            annotations: alert.annotations().clone(),
            ends_at: Moment(alert.ends_at()),
            fingerprint: alert.fingerprint(),
            receivers: alert.receivers().map(|name| ReceiverName { name: name.to_owned() }).collect(),
            starts_at: Moment(alert.starts_at()),
            status: Status {
                inhibited_by: status.inhibited_by,
                muted_by: status.muted_by,
                silenced_by: status.silenced_by,
                state: status.state.as_str(),
            },
            updated_at: Moment(alert.updated_at()),
            generator_url: Arc::clone(alert.generator_url()),
            labels: alert.labels().clone(),
        })
    }
}

pub(super) fn as_object<S: Serializer>(labels: &LabelSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter())
}

fn as_text<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fingerprint)
}

fn as_texts<S: Serializer>(fingerprints: &[Fingerprint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(fingerprints.iter().map(ToString::to_string))
}
