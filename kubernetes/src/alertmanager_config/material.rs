//! What Secrets and ConfigMaps hold, as far as the objects refer to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which of the two an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// One key of a Secret or ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// What holds it.
    pub holder: Holder,
    /// The namespace, always that of the object that refers.
    pub namespace: String,
    /// The name of the Secret or ConfigMap.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// The Secrets and ConfigMaps there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Material {
    /// Whether what is not there is taken to be something.
    assumes: bool,
    held: BTreeMap<(Holder, String, String), BTreeMap<String, Vec<u8>>>,
}

/// Why a reference gives nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// There is no such Secret or ConfigMap.
    #[error("there is no {holder} {namespace}/{name}")]
    Object {
        /// What it should be.
        holder: Holder,
        /// Where.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// It is there, without the key.
    #[error("{0} does not exist; the keys there are {1}")]
    Key(Reference, String),
    /// Its bytes are no text.
    #[error("{0} is not UTF-8 text")]
    NotText(Reference),
}

/// Stands for what is not looked up: an address that is good for every receiver.
const ASSUMED: &str = "https://slack.com/api/chat.postMessage";

impl Material {
    /// For checks without any Secret: everything that is referred to is taken to be there.
    pub fn assumed() -> Material {
        Material { assumes: true, ..Material::default() }
    }

    /// Adds what a Secret or ConfigMap holds, in place of what was there under its name.
    pub fn insert(&mut self, holder: Holder, namespace: &str, name: &str, data: BTreeMap<String, Vec<u8>>) {
        self.held.insert((holder, namespace.to_owned(), name.to_owned()), data);
    }

    /// Takes one out.
    pub fn remove(&mut self, holder: Holder, namespace: &str, name: &str) {
        self.held.remove(&(holder, namespace.to_owned(), name.to_owned()));
    }

    /// What one holds.
    pub fn data(&self, holder: Holder, namespace: &str, name: &str) -> Option<&BTreeMap<String, Vec<u8>>> {
        self.held.get(&(holder, namespace.to_owned(), name.to_owned()))
    }

    /// The text a reference leads to.
    ///
    /// # Errors
    /// There is none.
    pub fn text(&self, reference: &Reference) -> Result<&str, Missing> {
        if self.assumes {
            return Ok(ASSUMED);
        }
        let Reference { holder, namespace, name, key } = reference;
        let data = self.data(*holder, namespace, name).ok_or_else(|| Missing::Object {
            holder: *holder,
            namespace: namespace.clone(),
            name: name.clone(),
        })?;
        let bytes = data.get(key).ok_or_else(|| {
            let keys: Vec<&str> = data.keys().map(String::as_str).collect();
            let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
            Missing::Key(reference.clone(), keys)
        })?;
        std::str::from_utf8(bytes).map_err(|_| Missing::NotText(reference.clone()))
    }

    /// The Secrets and ConfigMaps themselves, each once.
    pub fn objects(&self) -> impl Iterator<Item = (Holder, &str, &str)> {
        self.held.keys().map(|(holder, namespace, name)| (*holder, namespace.as_str(), name.as_str()))
    }

    /// Drops what is not among these.
    pub fn keep(&mut self, wanted: &BTreeSet<(Holder, String, String)>) {
        self.held.retain(|object, _| wanted.contains(object));
    }
}

/// Only the names: what is held is secret.
impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.held.keys()).finish()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Holder::Secret => "Secret",
            Holder::ConfigMap => "ConfigMap",
        })
    }
}

/// `key "token" of Secret shop/chat`
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {:?} of {} {}/{}", self.key, self.holder, self.namespace, self.name)
    }
}
