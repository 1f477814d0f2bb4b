//! Targets among the objects of Kubernetes, followed: whoever waits is told when they change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kubernetes::client::{Access, Client, Scope};
use kubernetes::endpoints::{Role, Target, Targets};
use kubernetes::reflector::Change;
use kubernetes::watch::Followed;
use model::{LabelSet, Timestamp};
use rules_engine::config::{Discovery, KubernetesDiscovery, KubernetesRole, TargetGroup};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::live;

/// What changes together is told once.
const GATHERING: Duration = Duration::from_millis(100);

/// How long until the API is tried again where it cannot be reached at all, as without a service account.
const UNREACHABLE: Duration = Duration::from_secs(30);

/// Targets that are not known this long after the following began are done without.
const PATIENCE: Duration = Duration::from_secs(30);

/// Targets of some discoveries; dropping it ends the following.
pub struct KubernetesTargets {
    of: Vec<KubernetesDiscovery>,
    began: Timestamp,
    /// By discovery; none until all its objects were told once.
    found: Arc<Mutex<Vec<Option<Vec<TargetGroup>>>>>,
    moved: Arc<Notify>,
    tasks: Vec<JoinHandle<()>>,
}

impl KubernetesTargets {
    /// Follows those that are of Kubernetes, on the runtime of the caller. One of `earlier` goes on if it is about the same.
    pub fn follow(discoveries: &[Discovery], earlier: &[Arc<Self>]) -> Arc<Self> {
        let of: Vec<_> = of_kubernetes(discoveries);
        let known = earlier.iter().find(|known| known.of == of);
        known.cloned().unwrap_or_else(|| Arc::new(Self::begin(of)))
    }

    fn begin(of: Vec<KubernetesDiscovery>) -> Self {
        let found = Arc::new(Mutex::new(vec![None; of.len()]));
        let moved = Arc::new(Notify::new());
        let tasks = of.iter().cloned().enumerate().map(|(place, discovery)| {
            let (found, moved) = (found.clone(), moved.clone());
            tokio::spawn(async move {
                let tell = move |groups: Vec<TargetGroup>| {
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(known) = found.get_mut(place).filter(|known| known.as_ref() != Some(&groups)) {
                        *known = Some(groups);
                        moved.notify_one();
                    }
                };
                follow(discovery, tell).await;
            })
        });
        let tasks = tasks.collect();
        Self { of, began: live::now(), found, moved, tasks }
    }

    /// All targets; none while some have not been looked for, as those known before are better than some of them.
    pub fn found(&self) -> Option<Vec<TargetGroup>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let is_late = live::now().since(self.began) >= PATIENCE;
        let groups = found.iter().map(|groups| groups.clone().or_else(|| is_late.then(Vec::new)));
        groups.collect::<Option<Vec<_>>>().map(|found| found.into_iter().flatten().collect())
    }

    /// Until they change.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Until they change, or are done without.
    pub async fn moved_or_late(&self) {
        tokio::select! {
            () = self.moved() => {}
            () = live::wait(PATIENCE.saturating_sub(live::now().since(self.began)).max(GATHERING)) => {}
        }
    }
}

impl Drop for KubernetesTargets {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn of_kubernetes(discoveries: &[Discovery]) -> Vec<KubernetesDiscovery> {
    let of_kubernetes = discoveries.iter().filter_map(|discovery| match discovery {
        Discovery::Kubernetes(discovery) => Some(discovery.clone()),
        _ => None,
    });
    of_kubernetes.collect()
}

async fn follow(discovery: KubernetesDiscovery, tell: impl Fn(Vec<TargetGroup>)) {
    let access = Access { kubeconfig: discovery.kubeconfig.clone(), context: None };
    let client = loop {
        match Client::open(&access).await {
            Ok(client) => break client,
            Err(error) => {
                warn!(%error, again_in = ?UNREACHABLE, "targets cannot be looked for in Kubernetes; those known stay");
                live::wait(UNREACHABLE).await;
            }
        }
    };
    let role = role(discovery.role);
    let (scopes, kinds) = scopes(&discovery, role, client.own_namespace());
    let mut unsynced = scopes.len();
    let mut followed = Followed::begin(&client, scopes, &BTreeMap::new());
    let mut targets = Targets::new(role);
    while let Some(told) = followed.told.recv().await {
        let mut waiting = vec![told];
        if unsynced == 0 {
            live::wait(GATHERING).await;
        }
        while let Ok(told) = followed.told.try_recv() {
            waiting.push(told);
        }
        for told in waiting {
            let Some(kind) = kinds.get(told.scope) else { continue };
            for change in told.changes {
                if change == Change::Synced {
                    unsynced = unsynced.saturating_sub(1);
                }
                targets.learn(*kind, change);
            }
        }
        if unsynced == 0 {
            tell(targets.targets().into_iter().map(group).collect());
        }
    }
}

/// What to follow, and for each the place of its kind among those of the role.
fn scopes(discovery: &KubernetesDiscovery, role: Role, own_namespace: &str) -> (Vec<Scope>, Vec<usize>) {
    let mut namespaces: Vec<Option<String>> = discovery.namespaces.iter().cloned().map(Some).collect();
    if discovery.own_namespace {
        namespaces.push(Some(own_namespace.to_owned()));
    }
    if namespaces.is_empty() {
        namespaces.push(None);
    }
    namespaces.sort();
    namespaces.dedup();
    let selector = |plural: &str| {
        let of_kind = |selector: &&rules_engine::config::KubernetesSelector| {
            self::role(selector.role).kinds().first().is_some_and(|kind| kind.plural == plural)
        };
        discovery.selectors.iter().find(of_kind)
    };
    let all = role.kinds().iter().enumerate().flat_map(|(place, kind)| {
        namespaces.iter().map(move |namespace| {
            let mut scope = Scope::all(*kind, namespace.clone());
            if let Some(selector) = selector(kind.plural) {
                scope.label_selector.clone_from(&selector.label);
                scope.field_selector.clone_from(&selector.field);
            }
            (scope, place)
        })
    });
    all.unzip()
}

fn role(role: KubernetesRole) -> Role {
    match role {
        KubernetesRole::Endpoints => Role::Endpoints,
        KubernetesRole::EndpointSlice => Role::EndpointSlice,
        KubernetesRole::Pod => Role::Pod,
        KubernetesRole::Service => Role::Service,
    }
}

fn group(target: Target) -> TargetGroup {
    TargetGroup { labels: LabelSet::from_pairs(target.labels.iter()), addresses: vec![target.address] }
}

#[cfg(test)]
mod tests {
    use rules_engine::config::KubernetesSelector;

    use super::*;

    #[test]
    fn every_kind_is_followed_in_every_namespace() {
        let discovery = KubernetesDiscovery {
            role: KubernetesRole::EndpointSlice,
            namespaces: vec!["monitoring".to_owned(), "own".to_owned()],
            own_namespace: true,
            kubeconfig: None,
            selectors: vec![KubernetesSelector {
                role: KubernetesRole::Pod,
                label: "app=am".to_owned(),
                field: String::new(),
            }],
        };
        let (scopes, kinds) = scopes(&discovery, Role::EndpointSlice, "own");
        let shown = scopes.iter().map(|scope| (scope.kind.plural, scope.namespace.as_deref().unwrap_or("all")));
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                ("endpointslices", "monitoring"),
                ("endpointslices", "own"),
                ("services", "monitoring"),
                ("services", "own"),
                ("pods", "monitoring"),
                ("pods", "own"),
            ]
        );
        assert_eq!(kinds, [0, 0, 1, 1, 2, 2]);
        assert_eq!(scopes[5].label_selector, "app=am");
        assert!(scopes[0].label_selector.is_empty());
        let everywhere = KubernetesDiscovery { namespaces: Vec::new(), own_namespace: false, ..discovery };
        assert_eq!(self::scopes(&everywhere, Role::Pod, "own").0[0].namespace, None);
    }
}
