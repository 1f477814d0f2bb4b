//! The notifier's configuration from AlertmanagerConfig objects: what is known of them, merged whenever the notifier reads
//! its configuration.
//!
//! - [`following`]: the loop that keeps what is known up to date
//! - [`acceptance`]: whether the notifier can use what comes out
//! - [`reporting`]: telling people what is wrong with their objects
//! - [`counts`]: the metrics

pub mod acceptance;
pub mod counts;
pub mod following;
pub mod reporting;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kubernetes::alertmanager_config::{Alertmanager, Base, Contributions, Merged, Options, World};
use kubernetes::object::ObjectKey;
use kubernetes::watch::WatchTally;
use model::matcher::parse::ParseMode;
use model::source::{Diagnostics, SourceFile};
use notifier::config::Config;

/// What is known of the objects, and what of them is in force.
pub struct AlertmanagerConfigs {
    has_own_base: bool,
    known: Mutex<Known>,
}

struct Known {
    /// The settings; none while the object that has them is not known yet or cannot be used.
    alertmanager: Option<Alertmanager>,
    world: World,
    in_force: Contributions,
    /// The whole and its templates, as they are in force.
    text: Option<(String, Vec<(String, String)>)>,
    refused: BTreeMap<ObjectKey, Diagnostics>,
    selected: usize,
    merges: u64,
    failures: u64,
    tallies: Vec<Arc<WatchTally>>,
}

/// The outcome of a merge, to be remembered once it is in force.
#[derive(Clone, Debug)]
pub struct Merge {
    merged: Merged,
    selected: usize,
}

impl AlertmanagerConfigs {
    /// With these settings; with none if they come from an object.
    pub fn new(alertmanager: Option<Alertmanager>) -> AlertmanagerConfigs {
        let known = Known {
            alertmanager: alertmanager.clone(),
            world: World::default(),
            in_force: Contributions::new(),
            text: None,
            refused: BTreeMap::new(),
            selected: 0,
            merges: 0,
            failures: 0,
            tallies: Vec::new(),
        };
        AlertmanagerConfigs { has_own_base: alertmanager.is_none(), known: Mutex::new(known) }
    }

    /// Whether the base comes from the cluster, too.
    pub fn has_own_base(&self) -> bool {
        self.has_own_base
    }

    /// Merges what is known, into `file` where the base is no object. Nothing of it is in force yet.
    ///
    /// # Errors
    /// The base cannot be used.
    pub fn prepare(
        &self,
        file: Option<&SourceFile>,
        folder: &Path,
        mode: ParseMode,
    ) -> Result<(Config, Diagnostics, Merge), Diagnostics> {
        let base = match file {
            Some(file) if !self.has_own_base => Some(Base::raw(file)?),
            _ => None,
        };
        let accepts =
            |text: &str, templates: &[(String, String)]| acceptance::read(text, templates, folder, mode).map(drop);
        let (alertmanager, world, in_force) = {
            let known = self.known();
            (known.alertmanager.clone(), known.world.clone(), known.in_force.clone())
        };
        // until it is known what the configuration is, nobody is told anything
        let alertmanager = alertmanager.unwrap_or_else(|| Alertmanager::new(ObjectKey::default()));
        let merged = world.merge((&alertmanager, base.as_ref()), &Options::default(), &in_force, &accepts)?;
        let selected = world.selected(&alertmanager).len();
        let (config, warnings) = acceptance::read(&merged.text, &merged.templates, folder, mode)?;
        Ok((config, warnings, Merge { merged, selected }))
    }

    /// Whether a merge says something else than what is in force.
    pub fn changes(&self, merge: &Merge) -> bool {
        self.known().text.as_ref() != Some(&(merge.merged.text.clone(), merge.merged.templates.clone()))
    }

    /// The outcome of a merge is in force.
    pub fn put_in_force(&self, Merge { merged, selected }: Merge) {
        let mut known = self.known();
        let whole = Some((merged.text, merged.templates));
        known.merges += u64::from(known.text != whole);
        known.text = whole;
        known.in_force = merged.contributions;
        known.refused = merged.refused;
        known.selected = selected;
    }

    /// Objects that cannot be used, and why.
    pub fn refused(&self) -> BTreeMap<ObjectKey, Diagnostics> {
        self.known().refused.clone()
    }

    fn failed(&self) {
        self.known().failures += 1;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
