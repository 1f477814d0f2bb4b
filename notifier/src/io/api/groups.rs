//! `/api/v2/alerts/groups`.

use std::cmp::Ordering;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use model::LabelSet;
use outbound::go_json::push_string;
use serde::{Deserialize, Serialize};

use super::Api;
use super::alerts::{GettableAlert, push_object};
use super::answer::{Item, Refusal};
use super::filter::{Filter, Parameters};
use super::paging::Paging;
use crate::group::label_set_order;
use crate::io::asking::Asking;
use crate::io::desk::Desk;
use crate::notifier::GroupView;

struct AlertGroup {
    alerts: Vec<GettableAlert>,
    labels: LabelSet,
    receiver: String,
    route_labels: LabelSet,
}

impl Item for AlertGroup {
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        json.extend_from_slice(b"{\"alerts\":[");
        for (at, alert) in self.alerts.iter().enumerate() {
            if at > 0 {
                json.push(b',');
            }
            alert.write(json)?;
        }
        json.extend_from_slice(b"],\"labels\":");
        push_object(json, &self.labels);
        json.extend_from_slice(b",\"receiver\":{\"name\":");
        push_string(json, &self.receiver);
        json.extend_from_slice(b"},\"routeLabels\":");
        push_object(json, &self.route_labels);
        json.push(b'}');
        Ok(())
    }
}

/// `GET`: groups by labels, then receiver; groups without a wanted alert are left out.
pub(super) async fn list<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let filter = Filter::read(&parameters)?.within(&asking);
    let paging = Paging::read(&parameters)?;
    let page = api.desk.read(|notifier, now| {
        let receivers = filter.receivers(notifier.config());
        let is_wanted = |name| receivers.as_ref().is_none_or(|names| names.contains(name));
        let groups = notifier.groups(now).into_iter().filter(|group| is_wanted(group.receiver()));
        paging.page(groups.map(|group| (Place::of(&group), group)).collect(), |group| form(&group, &filter))
    });
    Ok(page.answer())
}

/// What groups are ordered by: labels, receiver, and the key, since routes may share both.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    labels: Vec<(String, String)>,
    receiver: String,
    key: String,
}

impl Place {
    fn of(group: &GroupView<'_>) -> Self {
        let labels = group.labels().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { labels: labels.collect(), receiver: group.receiver().to_owned(), key: group.key().to_owned() }
    }

    fn labels(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_name = || (&self.receiver, &self.key).cmp(&(&other.receiver, &other.key));
        label_set_order(self.labels(), other.labels()).then_with(by_name)
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn form(group: &GroupView<'_>, filter: &Filter) -> Option<AlertGroup> {
    let wanted = group.alerts().filter(|alert| filter.wants_labels(&alert.labels()));
    let mut alerts: Vec<GettableAlert> = wanted.filter_map(|alert| GettableAlert::new(&alert, filter)).collect();
    alerts.sort_by(GettableAlert::group_order);
    alerts.iter_mut().for_each(GettableAlert::sort_receivers);
    (!alerts.is_empty()).then(|| AlertGroup {
        alerts,
        labels: group.labels().clone(),
        receiver: group.receiver().to_owned(),
        route_labels: group.route_labels().clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_with_fewer_labels_come_first_then_those_that_lack_one_then_by_receiver() {
        let place = |labels: &str, receiver: &str| Place {
            labels: labels.split_whitespace().map(|pair| pair.split_once('=').unwrap()).map(own).collect(),
            receiver: receiver.to_owned(),
            key: "{}".to_owned(),
        };
        let places = [
            place("", "z"),
            place("b=1", "a"),
            place("b=1", "b"),
            place("b=2", "a"),
            place("a=1", "a"),
            place("a=0 b=0", "a"),
        ];
        assert!(places.is_sorted(), "as Alertmanager lists them");
    }

    fn own((name, value): (&str, &str)) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }
}
