//! What the command line says about AlertmanagerConfig objects, for the notifier.

use std::sync::Arc;

use kubernetes::alertmanager_config::Alertmanager;
use kubernetes::client::Client;
use kubernetes::object::ObjectKey;
use kubernetes::rule_source::Workload;
use kubernetes::selector::{NamespaceSelector, ObjectSelector};

use crate::cli::kubernetes::{AccessFlags, AlertmanagerConfigFlags};
use crate::process::Parts;
use crate::service::alertmanager_configs::AlertmanagerConfigs;
use crate::service::alertmanager_configs::counts::ConfigCounts;
use crate::service::alertmanager_configs::following::Following;
use crate::service::alertmanager_configs::reporting::Reporter;
use crate::service::notifier::NotifierService;
use crate::web::address::host_name;

/// The objects as they are now, and who follows them; none if none are wanted.
///
/// # Errors
/// There is no way to the cluster.
pub(super) async fn open(
    flags: &AlertmanagerConfigFlags,
    access: &AccessFlags,
) -> anyhow::Result<Option<(Arc<AlertmanagerConfigs>, Following)>> {
    if !flags.wants_objects() {
        return Ok(None);
    }
    let client = Client::open(&access.access()).await?;
    let own_namespace = client.own_namespace().to_owned();
    let settings = flags.alertmanager.as_deref().map(|text| {
        let (namespace, name) = text.split_once('/').unwrap_or((own_namespace.as_str(), text));
        ObjectKey::new(namespace, name)
    });
    let configs = Arc::new(AlertmanagerConfigs::new(match &settings {
        Some(_) => None,
        None => Some(from_flags(flags, &own_namespace)),
    }));
    let workload = settings.as_ref().filter(|_| flags.writes_status).map(|key| Workload {
        resource: "alertmanagers",
        namespace: key.namespace.clone(),
        name: key.name.clone(),
    });
    let reporter = Reporter::new(host_name(), workload);
    let following = Following::open(client, configs.clone(), settings, (flags.namespaces.clone(), reporter)).await;
    Ok(Some((configs, following)))
}

/// Has them followed while the process runs.
pub(super) fn add(
    parts: &mut Parts,
    service: Arc<NotifierService>,
    opened: Option<(Arc<AlertmanagerConfigs>, Following)>,
) {
    if let Some((configs, following)) = opened {
        parts.registry.register_collector(Box::new(ConfigCounts(configs)));
        parts.work.push(Box::new(move |ended| Box::pin(following.follow(service, ended))));
    }
}

fn from_flags(flags: &AlertmanagerConfigFlags, own_namespace: &str) -> Alertmanager {
    let mut settings = Alertmanager::new(ObjectKey::new(own_namespace, "watchfire"));
    settings.selector = ObjectSelector::Labelled(flags.selector.clone().unwrap_or_default());
    settings.namespaces = flags.namespace_selector.clone().map_or(NamespaceSelector::Own, NamespaceSelector::Labelled);
    settings.strategy = flags.strategy.map(Into::into).unwrap_or_default();
    settings
}
