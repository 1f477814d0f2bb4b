//! Servers and notifiers that are found at run time: looked for again and again, and put to use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use rules_engine::config::{DiscoveredServers, NotifierSection, NotifierTarget};
use rules_engine::io::discovery::Finder;
use rules_engine::io::query_api::QueryApi;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::live;
use crate::service::kubernetes_targets::KubernetesTargets;

/// Puts all notifiers to use, those found and those listed.
pub type Adopt = Box<dyn Fn(Vec<NotifierTarget>) + Send + Sync>;

/// The looking; ends when dropped.
#[derive(Default)]
pub struct Discovery {
    tasks: Vec<JoinHandle<()>>,
    first_looks: Vec<oneshot::Receiver<()>>,
    /// Objects being followed.
    followed: Vec<Arc<KubernetesTargets>>,
    /// Those that were before.
    earlier: Vec<Arc<KubernetesTargets>>,
}

impl Discovery {
    /// After another one, whose following goes on where it is about the same.
    pub fn after(before: &Self) -> Self {
        let earlier = before.followed.clone();
        Self { tasks: Vec::new(), first_looks: Vec::new(), followed: Vec::new(), earlier }
    }

    fn follow(&mut self, discoveries: &[rules_engine::config::Discovery]) -> Arc<KubernetesTargets> {
        let one = KubernetesTargets::follow(discoveries, &self.earlier);
        self.followed.push(one.clone());
        one
    }

    /// All was begun: what was followed before and is not any more, is let go of.
    pub fn begun(&mut self) {
        self.earlier.clear();
    }

    /// Looks for servers of a source, beside those that are listed.
    pub fn of_servers(&mut self, api: Arc<QueryApi>, listed: Vec<String>, servers: DiscoveredServers) {
        let mut finder = Finder::new(servers.discoveries.clone());
        let of_kubernetes = self.follow(&servers.discoveries);
        let (looked, first_look) = oneshot::channel();
        self.first_looks.push(first_look);
        self.tasks.push(tokio::spawn(async move {
            let mut looked = Some(looked);
            let mut before = BTreeSet::new();
            loop {
                let Some(told) = of_kubernetes.found() else {
                    of_kubernetes.moved_or_late().await;
                    continue;
                };
                let found = [finder.look().await, told].concat();
                let (found, mistakes) = servers.urls(&found);
                tell_mistakes(&mistakes);
                let urls: BTreeSet<String> = listed.iter().cloned().chain(found).collect();
                if urls != before {
                    info!(source = api.name(), servers = urls.len(), "servers of a query source found");
                    api.adopt(urls.iter().cloned());
                    before = urls;
                }
                tell_looked(&mut looked);
                tokio::select! {
                    () = live::wait(finder.refresh()) => {}
                    () = of_kubernetes.moved() => {}
                }
            }
        }));
    }

    /// Looks for notifiers, beside those that are listed.
    pub fn of_notifiers(&mut self, listed: Vec<NotifierTarget>, sections: Vec<NotifierSection>, adopt: Adopt) {
        let mut finders: Vec<Finder> = sections.iter().map(|one| Finder::new(one.discoveries.clone())).collect();
        let of_kubernetes: Vec<_> = sections.iter().map(|one| self.follow(&one.discoveries)).collect();
        let refresh = finders.iter().map(Finder::refresh).min().unwrap_or(Duration::MAX);
        let (looked, first_look) = oneshot::channel();
        self.first_looks.push(first_look);
        self.tasks.push(tokio::spawn(async move {
            let mut looked = Some(looked);
            let mut before = BTreeSet::new();
            loop {
                let Some(told) = of_kubernetes.iter().map(|one| one.found()).collect::<Option<Vec<_>>>() else {
                    select_all(of_kubernetes.iter().map(|one| Box::pin(one.moved_or_late()))).await;
                    continue;
                };
                let mut all = listed.clone();
                for ((section, finder), told) in sections.iter().zip(&mut finders).zip(told) {
                    let (found, mistakes) = section.notifiers(&[finder.look().await, told].concat());
                    tell_mistakes(&mistakes);
                    all.extend(found);
                }
                let mut urls = BTreeSet::new();
                all.retain(|target| urls.insert(target.url.clone()));
                if urls != before || looked.is_some() {
                    info!(notifiers = urls.len(), "notifiers found");
                    adopt(all);
                    before = urls;
                }
                tell_looked(&mut looked);
                tokio::select! {
                    () = live::wait(refresh) => {}
                    _ = select_all(of_kubernetes.iter().map(|one| Box::pin(one.moved()))) => {}
                }
            }
        }));
    }

    /// Waits until everything was looked for once, but not for longer than this.
    pub async fn first_look(&mut self, deadline: Duration) {
        let looks = std::mem::take(&mut self.first_looks);
        let all = async {
            for look in looks {
                let _ended = look.await;
            }
        };
        let _in_time = tokio::time::timeout(deadline, all).await;
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Whoever waited for the first look may have given up.
fn tell_looked(looked: &mut Option<oneshot::Sender<()>>) {
    if let Some(looked) = looked.take() {
        let _gone = looked.send(());
    }
}

fn tell_mistakes(mistakes: &[String]) {
    for mistake in mistakes {
        warn!(mistake, "a target that was found cannot be used");
    }
}
