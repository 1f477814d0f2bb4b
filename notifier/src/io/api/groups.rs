//! `/api/v2/alerts/groups`.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use model::LabelSet;
use serde::Serialize;

use super::Api;
use super::alerts::{GettableAlert, as_object};
use super::answer::{self, Refusal};
use super::filter::{Filter, Parameters};
use super::status::ReceiverName;
use crate::io::desk::Desk;
use crate::notifier::GroupView;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertGroup {
    alerts: Vec<GettableAlert>,
    #[serde(serialize_with = "as_object")]
    labels: LabelSet,
    receiver: ReceiverName<String>,
    #[serde(serialize_with = "as_object")]
    route_labels: LabelSet,
}

/// `GET`: groups by labels, then receiver; groups without a wanted alert are left out.
pub(super) async fn list<D: Desk>(State(api): State<Api<D>>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let filter = Filter::read(&Parameters::read(query.as_deref()))?;
    let groups: Vec<AlertGroup> = api.desk.read(|notifier, now| {
        let wanted = notifier.groups(now).into_iter().filter(|group| filter.wants_receiver(group.receiver()));
        wanted.filter_map(|group| form(&group, &filter)).collect()
    });
    Ok(answer::json_list(groups))
}

fn form(group: &GroupView<'_>, filter: &Filter) -> Option<AlertGroup> {
    let wanted = group.alerts().filter(|alert| filter.wants_labels(alert.labels()));
    let mut alerts: Vec<GettableAlert> = wanted.filter_map(|alert| GettableAlert::new(&alert, filter)).collect();
    alerts.sort_unstable_by_key(GettableAlert::fingerprint);
    (!alerts.is_empty()).then(|| AlertGroup {
        alerts,
        labels: group.labels().clone(),
        receiver: ReceiverName { name: group.receiver().to_owned() },
        route_labels: group.route_labels().clone(),
    })
}
