//! Servers and notifiers that are found at run time: looked for again and again, and put to use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rules_engine::config::{DiscoveredServers, NotifierSection, NotifierTarget};
use rules_engine::io::discovery::Finder;
use rules_engine::io::query_api::QueryApi;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::live;

/// Puts all notifiers to use, those found and those listed.
pub type Adopt = Box<dyn Fn(Vec<NotifierTarget>) + Send + Sync>;

/// The looking; ends when dropped.
#[derive(Default)]
pub struct Discovery {
    tasks: Vec<JoinHandle<()>>,
    first_looks: Vec<oneshot::Receiver<()>>,
}

impl Discovery {
    /// Looks for servers of a source, beside those that are listed.
    pub fn of_servers(&mut self, api: Arc<QueryApi>, listed: Vec<String>, servers: DiscoveredServers) {
        let mut finder = Finder::new(servers.discoveries.clone());
        let (looked, first_look) = oneshot::channel();
        self.first_looks.push(first_look);
        self.tasks.push(tokio::spawn(async move {
            let mut looked = Some(looked);
            let mut before = BTreeSet::new();
            loop {
                let (found, mistakes) = servers.urls(&finder.look().await);
                tell_mistakes(&mistakes);
                let urls: BTreeSet<String> = listed.iter().cloned().chain(found).collect();
                if urls != before {
                    info!(source = api.name(), servers = urls.len(), "servers of a query source found");
                    api.adopt(urls.iter().cloned());
                    before = urls;
                }
                tell_looked(&mut looked);
                live::wait(finder.refresh()).await;
            }
        }));
    }

    /// Looks for notifiers, beside those that are listed.
    pub fn of_notifiers(&mut self, listed: Vec<NotifierTarget>, sections: Vec<NotifierSection>, adopt: Adopt) {
        let mut finders: Vec<Finder> = sections.iter().map(|one| Finder::new(one.discoveries.clone())).collect();
        let refresh = finders.iter().map(Finder::refresh).min().unwrap_or(Duration::MAX);
        let (looked, first_look) = oneshot::channel();
        self.first_looks.push(first_look);
        self.tasks.push(tokio::spawn(async move {
            let mut looked = Some(looked);
            let mut before = BTreeSet::new();
            loop {
                let mut all = listed.clone();
                for (section, finder) in sections.iter().zip(&mut finders) {
                    let (found, mistakes) = section.notifiers(&finder.look().await);
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
                live::wait(refresh).await;
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
