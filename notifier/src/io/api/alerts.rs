//! `/api/v2/alerts`: take alerts in, list them.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::labels::Fingerprint;
use model::{Alert, LabelSet, Timestamp};
use outbound::go_json::push_string;
use serde::Serializer;

use super::Api;
use super::acks::push_note;
use super::answer::{self, Item, Refusal};
use super::filter::{Filter, Parameters};
use super::paging::Paging;
use super::posted_alert::{ALERTS_MAX, PostedAlerts};
use crate::acknowledgement::Acknowledgement;
use crate::alert_book::AlertId;
use crate::group::alert_order;
use crate::io::asking::Asking;
use crate::io::desk::Desk;
use crate::notifier::{AlertStatus, AlertView, NotTaken, Notifier};
use crate::receiver::Receiver;

/// `GET`: alerts that are not resolved, by fingerprint. A whole list is made while the client reads, piece by piece: an
/// alert that ends meanwhile is left out.
pub(super) async fn list<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let filter = Filter::read(&parameters)?.within(&asking);
    let paging = Paging::read(&parameters)?;
    let candidates = |notifier: &Notifier, now| {
        let receivers = filter.receivers(notifier.config());
        let is_wanted = |alert: &AlertView<'_>| {
            receivers.as_ref().is_none_or(|names| alert.receivers().any(|name| names.contains(name)))
        };
        let alerts = notifier.alerts_matching(now, &filter.matchers).filter(is_wanted);
        alerts.map(|alert| (alert.fingerprint().0, alert.id())).collect()
    };
    if !paging.is_whole() {
        let page = api.desk.read(|notifier, now| {
            paging.page(candidates(notifier, now), |id| GettableAlert::new(&notifier.alert(now, id)?, &filter))
        });
        return Ok(page.answer());
    }
    let mut left = paging.in_order(api.desk.read(candidates)).into_iter();
    let desk = api.desk;
    Ok(answer::json_pieces(move || {
        let ids: Vec<(u64, AlertId)> = left.by_ref().take(answer::ITEMS_IN_A_PIECE).collect();
        let alerts = |notifier: &Notifier, now| {
            let alerts = ids.iter().filter_map(|(hash, id)| {
                let alert = notifier.alert(now, *id).filter(|alert| alert.fingerprint() == Fingerprint(*hash))?;
                GettableAlert::new(&alert, &filter)
            });
            alerts.collect()
        };
        (!ids.is_empty()).then(|| desk.read(alerts))
    }))
}

/// Who finds no room is told to come again after so many seconds.
const NO_ROOM_RETRY_AFTER: u16 = 30;

/// `POST`: every valid alert is taken, also when others are not.
pub(super) async fn post<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let alerts = read(&headers, &body)?;
    drop(body);
    let (alerts, foreign): (Vec<_>, Vec<_>) = match asking.is_scoped() {
        true => alerts.into_iter().partition(|alert| asking.sees(&alert.labels)),
        false => (alerts, Vec::new()),
    };
    let outcome = api.desk.act(|notifier, now, out| notifier.receive(now, alerts, out));
    if let Err(error) = api.desk.durable().await {
        // Pages go out all the same; the shell has logged it once.
        tracing::debug!(%error, "alerts taken but not stored");
    }
    if !foreign.is_empty() {
        let message = format!("{}; refused: {} alerts", asking.out_of_scope("the labels of alerts"), foreign.len());
        return Err(answer::refusal(StatusCode::FORBIDDEN, message));
    }
    outcome.map(|()| answer::empty()).map_err(|not_taken| refusal(&not_taken))
}

fn refusal(not_taken: &NotTaken) -> Refusal {
    if not_taken.no_room == 0 {
        return answer::refusal(StatusCode::BAD_REQUEST, not_taken.to_string());
    }
    if not_taken.is_news {
        tracing::warn!(%not_taken, "new alerts are refused; those that are known are kept up to date");
    }
    // 503, as the same alerts are welcome later.
    answer::refusal(StatusCode::SERVICE_UNAVAILABLE, not_taken.to_string()).retry_after(NO_ROOM_RETRY_AFTER)
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Alert>, Refusal> {
    let posted: PostedAlerts = answer::read(&answer::ALERTS, headers, body)?;
    if posted.count > ALERTS_MAX {
        let message = format!("{} alerts in one request, at most {ALERTS_MAX} are taken: send several", posted.count);
        return Err(answer::refusal(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let mut link = Arc::default();
    let alerts = posted.alerts.into_iter().enumerate();
    alerts.map(|(at, alert)| alert.unwrap_or_default().into_alert(at, &mut link)).collect()
}

/// An alert as clients see it; the order of the fields is Alertmanager's.
pub(super) struct GettableAlert {
    annotations: LabelSet,
    ends_at: Timestamp,
    fingerprint: Fingerprint,
    receivers: Vec<Arc<Receiver>>,
    starts_at: Timestamp,
    status: AlertStatus,
    updated_at: Timestamp,
    generator_url: Arc<str>,
    labels: LabelSet,
    /// Not in Alertmanager, and only there where somebody has acknowledged.
    acknowledged: Option<Box<Acknowledgement>>,
}

/// By hand, as lists of alerts are long.
impl Item for GettableAlert {
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        json.extend_from_slice(b"{\"annotations\":");
        push_object(json, &self.annotations);
        push_field(json, "endsAt", &self.ends_at.to_rfc3339_millis());
        push_field(json, "fingerprint", &self.fingerprint.to_string());
        json.extend_from_slice(b",\"receivers\":");
        push_list(json, &self.receivers, |json, receiver| {
            json.extend_from_slice(b"{\"name\":");
            push_string(json, &receiver.name);
            json.push(b'}');
        });
        push_field(json, "startsAt", &self.starts_at.to_rfc3339_millis());
        let AlertStatus { state, silenced_by, inhibited_by, muted_by } = &self.status;
        json.extend_from_slice(b",\"status\":{\"inhibitedBy\":");
        push_list(json, inhibited_by, |json, source| push_string(json, &source.to_string()));
        json.extend_from_slice(b",\"mutedBy\":");
        push_list(json, muted_by, |json, interval| push_string(json, interval));
        json.extend_from_slice(b",\"silencedBy\":");
        push_list(json, silenced_by, |json, silence| push_string(json, &silence.to_string()));
        push_field(json, "state", state.as_str());
        json.push(b'}');
        push_field(json, "updatedAt", &self.updated_at.to_rfc3339_millis());
        if !self.generator_url.is_empty() {
            push_field(json, "generatorURL", &self.generator_url);
        }
        json.extend_from_slice(b",\"labels\":");
        push_object(json, &self.labels);
        if let Some(ack) = &self.acknowledged {
            json.extend_from_slice(b",\"acknowledged\":");
            push_note(json, ack);
        }
        json.push(b'}');
        Ok(())
    }
}

fn push_field(json: &mut Vec<u8>, name: &str, text: &str) {
    json.push(b',');
    push_string(json, name);
    json.push(b':');
    push_string(json, text);
}

/// Labels as an object.
pub(super) fn push_object(json: &mut Vec<u8>, labels: &LabelSet) {
    json.push(b'{');
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        push_string(json, name);
        json.push(b':');
        push_string(json, value);
    }
    json.push(b'}');
}

fn push_list<T>(json: &mut Vec<u8>, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    json.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        push(json, item);
    }
    json.push(b']');
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
            annotations: alert.annotations(),
            ends_at: alert.ends_at(),
            fingerprint: alert.fingerprint(),
            receivers: alert.whole_receivers().cloned().collect(),
            starts_at: alert.starts_at(),
            status,
            updated_at: alert.updated_at(),
            generator_url: alert.generator_url(),
            labels: alert.labels(),
            acknowledged: alert.acknowledged().cloned().map(Box::new),
        })
    }
}

pub(super) fn as_object<S: Serializer>(labels: &LabelSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter())
}
