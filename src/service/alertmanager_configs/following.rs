//! Keeps what is known of the objects up to date, with the Secrets and ConfigMaps they refer to, and has the notifier read its
//! configuration again once changes have settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kubernetes::alertmanager_config::{Alertmanager, Held, Holder, Options, data, gathering};
use kubernetes::client::{Client, Scope};
use kubernetes::object::{Kind, NAMESPACES, ObjectKey, labels, metadata_text};
use kubernetes::reflector::{Change, Failure};
use kubernetes::watch::{Followed, Told};
use serde_json::Value;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::AlertmanagerConfigs;
use super::reporting::{Reporter, Standing};
use crate::live;
use crate::service::notifier::NotifierService;

/// Changes are put in force after this time without another one.
const QUIET: Duration = Duration::from_millis(200);
/// And after this time at the latest.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// At start the cluster has this long to say what there is; then the notifier works with what it knows.
const START_DEADLINE: Duration = Duration::from_secs(15);
/// How often Secrets and ConfigMaps are looked at that may not be watched.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Secrets and ConfigMaps that are watched one by one; more are looked at.
const WATCHES_MAX: usize = 128;

/// What is followed.
pub struct Following {
    client: Client,
    configs: Arc<AlertmanagerConfigs>,
    /// The Alertmanager object with the settings.
    settings: Option<ObjectKey>,
    /// Empty for all.
    namespaces: Vec<String>,
    reporter: Reporter,
    kind: Kind,
    material: Material,
}

/// Secrets and ConfigMaps that are referred to.
#[derive(Default)]
struct Material {
    wanted: BTreeSet<(Holder, ObjectKey)>,
    watched: Vec<(Holder, ObjectKey)>,
    looked_at: BTreeSet<(Holder, ObjectKey)>,
    versions: BTreeMap<(Holder, ObjectKey), String>,
    followed: Option<Followed>,
}

/// What a scope of the watch is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Objects,
    Namespaces,
    Settings,
}

impl Following {
    /// Asks once for everything there is.
    pub async fn open(
        client: Client,
        configs: Arc<AlertmanagerConfigs>,
        settings: Option<ObjectKey>,
        (namespaces, reporter): (Vec<String>, Reporter),
    ) -> Following {
        let kind = kubernetes::alertmanager_config::V1ALPHA1;
        let material = Material::default();
        let mut following = Following { client, configs, settings, namespaces, reporter, kind, material };
        let asked = tokio::time::timeout(START_DEADLINE, following.ask()).await;
        let why = match asked {
            Ok(Ok(())) => return following,
            Ok(Err(failure)) => failure,
            Err(_) => format!("no answer within {START_DEADLINE:?}"),
        };
        error!(
            error = why,
            "AlertmanagerConfig objects are not known yet: the notifier starts without them and takes them in later"
        );
        following
    }

    async fn ask(&mut self) -> Result<(), String> {
        let told = |failure: Failure| failure.to_string();
        if let Some(key) = &self.settings {
            let object = gathering::alertmanager(&self.client, key).await.map_err(told)?;
            let object = object.ok_or_else(|| format!("there is no Alertmanager {key}"))?;
            self.take_settings(&object);
        }
        let alertmanager = self.configs.known().alertmanager.clone();
        let Some(alertmanager) = alertmanager else { return Err("the Alertmanager object cannot be used".to_owned()) };
        let place = self.namespaces.first().map(String::as_str);
        self.kind = gathering::served_kind(&self.client, place).await.map_err(told)?;
        let world = gathering::world(&self.client, &alertmanager, &self.namespaces, &Options::default()).await;
        self.configs.known().world = world.map_err(told)?;
        Ok(())
    }

    /// Follows until the end; `service` reads its configuration again whenever something changed.
    pub async fn follow(mut self, service: Arc<NotifierService>, mut ended: watch::Receiver<bool>) {
        self.settle_material().await;
        self.report().await;
        let (scopes, about) = self.scopes();
        let mut followed = Followed::begin(&self.client, scopes, &BTreeMap::new());
        self.configs.known().tallies.clone_from(&followed.tallies);
        let mut unsynced: BTreeSet<usize> = (0..about.len()).collect();
        let mut look = std::pin::pin!(live::wait(LOOK_EVERY));
        while !*ended.borrow() {
            let changed = tokio::select! {
                told = followed.told.recv() => match told {
                    Some(told) => self.take(told, &about, &mut unsynced),
                    None => return,
                },
                told = self.material.told() => self.take_material(told),
                () = &mut look => {
                    look.set(live::wait(LOOK_EVERY));
                    self.look().await
                }
                _ = ended.changed() => return,
            };
            if !changed {
                continue;
            }
            self.gather(&mut followed, &about, &mut unsynced).await;
            if !unsynced.is_empty() {
                continue;
            }
            self.settle_material().await;
            let again = service.clone();
            let refreshed = tokio::task::block_in_place(|| again.read_objects());
            if let Err(mistakes) = refreshed {
                self.configs.failed();
                error!(error = format!("{mistakes:#}"), "the merged configuration cannot be used, the old one stays");
            }
            self.report().await;
        }
    }

    /// Takes what else changes until it is quiet.
    async fn gather(&mut self, followed: &mut Followed, about: &[About], unsynced: &mut BTreeSet<usize>) {
        let mut end = std::pin::pin!(live::wait(QUIET_MAX));
        loop {
            tokio::select! {
                told = followed.told.recv() => match told {
                    Some(told) => { self.take(told, about, unsynced); }
                    None => return,
                },
                told = self.material.told() => { self.take_material(told); }
                () = live::wait(QUIET) => return,
                () = &mut end => return,
            }
        }
    }

    fn scopes(&self) -> (Vec<Scope>, Vec<About>) {
        let places: Vec<Option<String>> = match self.namespaces.is_empty() {
            true => vec![None],
            false => self.namespaces.iter().cloned().map(Some).collect(),
        };
        let mut about = vec![About::Objects; places.len()];
        let mut scopes: Vec<Scope> = places.into_iter().map(|place| Scope::all(self.kind, place)).collect();
        let needs_labels =
            self.configs.known().alertmanager.as_ref().is_none_or(|settings| settings.namespaces.needs_labels());
        if needs_labels {
            scopes.push(Scope::all(NAMESPACES, None).only_metadata());
            about.push(About::Namespaces);
        }
        if let Some(key) = &self.settings {
            scopes.push(named(kubernetes::alertmanager_config::ALERTMANAGERS, key));
            about.push(About::Settings);
        }
        (scopes, about)
    }

    /// Takes changes; whether they can make a difference.
    fn take(&mut self, told: Told, about: &[About], unsynced: &mut BTreeSet<usize>) -> bool {
        let Some(of) = about.get(told.scope).copied() else { return false };
        for change in told.changes {
            match (of, change) {
                (_, Change::Synced) => drop(unsynced.remove(&told.scope)),
                (About::Objects, Change::Set(object)) => self.take_object(*object),
                (About::Objects, Change::Gone(key)) => {
                    self.configs.known().world.objects.remove(&key);
                    self.reporter.forget(&key);
                }
                (About::Namespaces, Change::Set(object)) => {
                    let name = metadata_text(&object, "name").to_owned();
                    self.configs.known().world.namespaces.insert(name, labels(&object));
                }
                (About::Namespaces, Change::Gone(key)) => {
                    self.configs.known().world.namespaces.remove(&key.name);
                }
                (About::Settings, Change::Set(object)) => self.take_settings(&object),
                (About::Settings, Change::Gone(key)) => {
                    warn!(alertmanager = %key, "the Alertmanager object is gone; what it said stays in force");
                }
            }
        }
        true
    }

    fn take_object(&mut self, object: Value) {
        let object = gathering::typed(object, self.kind);
        if let Some((key, held)) = Held::of(&object, &Options::default()) {
            self.reporter.seen(&key, &object);
            self.configs.known().world.objects.insert(key, held);
        }
    }

    fn take_settings(&mut self, object: &Value) {
        let object = gathering::typed(object.clone(), kubernetes::alertmanager_config::ALERTMANAGERS);
        match Alertmanager::of(&object, &Options::default()) {
            Ok(alertmanager) => {
                if !alertmanager.merges() {
                    info!(alertmanager = %alertmanager.names, "the Alertmanager object merges no AlertmanagerConfig: it has neither alertmanagerConfigSelector nor alertmanagerConfiguration");
                }
                self.configs.known().alertmanager = Some(alertmanager);
            }
            Err(mistakes) => {
                error!(error = %mistakes, "the Alertmanager object cannot be used, what it said before stays");
            }
        }
    }

    fn take_material(&mut self, told: Told) -> bool {
        let Some((holder, key)) = self.material.watched.get(told.scope).cloned() else { return false };
        let mut is_other = false;
        for change in told.changes {
            match change {
                Change::Set(object) => {
                    self.hold(holder, &key, Some(*object));
                    is_other = true;
                }
                Change::Gone(_) => {
                    self.hold(holder, &key, None);
                    is_other = true;
                }
                Change::Synced => {}
            }
        }
        is_other
    }

    fn hold(&mut self, holder: Holder, key: &ObjectKey, object: Option<Value>) {
        let id = (holder, key.clone());
        let mut known = self.configs.known();
        match object {
            Some(object) => {
                self.material.versions.insert(id, metadata_text(&object, "resourceVersion").to_owned());
                let object = gathering::typed(object, gathering::kind_of(holder));
                known.world.material.insert(holder, &key.namespace, &key.name, data(&object));
            }
            None => {
                self.material.versions.remove(&id);
                known.world.material.remove(holder, &key.namespace, &key.name);
            }
        }
    }

    /// Sees to it that what the objects refer to now is known and followed, and nothing else.
    async fn settle_material(&mut self) {
        let wanted = {
            let known = self.configs.known();
            known.alertmanager.as_ref().map(|settings| known.world.wanted(settings)).unwrap_or_default()
        };
        if wanted == self.material.wanted {
            return;
        }
        let new: Vec<_> = wanted.difference(&self.material.wanted).cloned().collect();
        for gone in self.material.wanted.difference(&wanted).cloned().collect::<Vec<_>>() {
            self.material.looked_at.remove(&gone);
            self.hold(gone.0, &gone.1, None);
        }
        self.material.watched.retain(|id| wanted.contains(id));
        self.material.wanted = wanted;
        for (holder, key) in new {
            let may_be_watched = self.material.watched.len() < WATCHES_MAX && self.find(holder, &key).await;
            match may_be_watched {
                true => self.material.watched.push((holder, key)),
                false => {
                    self.get(holder, &key).await;
                    self.material.looked_at.insert((holder, key));
                }
            }
        }
        let scopes = self.material.watched.iter().map(|(holder, key)| named(gathering::kind_of(*holder), key));
        let versions = self
            .material
            .watched
            .iter()
            .enumerate()
            .filter_map(|(number, id)| Some(((number, id.1.clone()), self.material.versions.get(id)?.clone())));
        let versions = versions.collect();
        self.material.followed = Some(Followed::begin(&self.client, scopes.collect(), &versions));
    }

    /// Asks for one as a watch would; whether it may be watched.
    async fn find(&mut self, holder: Holder, key: &ObjectKey) -> bool {
        match self.client.list(&named(gathering::kind_of(holder), key), 1, None).await {
            Ok(page) => {
                self.hold(holder, key, page.items.into_iter().next());
                true
            }
            Err(Failure::Refused { code: 403, .. }) => false,
            // it is asked for again until there is an answer
            Err(_) => true,
        }
    }

    /// Asks for one; whether it is another than before.
    async fn get(&mut self, holder: Holder, key: &ObjectKey) -> bool {
        let before = self.material.versions.get(&(holder, key.clone())).cloned();
        match self.client.get(gathering::kind_of(holder), key).await {
            Ok(object) => {
                self.hold(holder, key, object);
                self.material.versions.get(&(holder, key.clone())) != before.as_ref()
            }
            Err(failure) => {
                warn!(resource = %holder, object = %key, "cannot be read, what is known of it stays: {failure}");
                false
            }
        }
    }

    /// Looks at what may not be watched; whether something is other than before.
    async fn look(&mut self) -> bool {
        let mut is_other = false;
        for (holder, key) in self.material.looked_at.clone() {
            is_other |= self.get(holder, &key).await;
        }
        is_other
    }

    /// Tells people what is wrong with their objects.
    async fn report(&mut self) {
        let standings: BTreeMap<ObjectKey, Standing> = {
            let known = self.configs.known();
            let Some(settings) = &known.alertmanager else { return };
            let selected = known.world.selected(settings).into_keys();
            let standing = |key: ObjectKey| {
                let why = known.refused.get(&key).map(ToString::to_string);
                let stays = why.is_some() && known.in_force.contains_key(&key);
                (key, Standing { why, stays })
            };
            selected.map(standing).collect()
        };
        self.reporter.report(&self.client, self.kind, standings).await;
    }
}

impl Material {
    async fn told(&mut self) -> Told {
        let told = match &mut self.followed {
            Some(followed) => followed.told.recv().await,
            None => None,
        };
        match told {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }
}

/// One object of a kind.
fn named(kind: Kind, key: &ObjectKey) -> Scope {
    let field_selector = format!("metadata.name={}", key.name);
    Scope { field_selector, ..Scope::all(kind, Some(key.namespace.clone())) }
}
