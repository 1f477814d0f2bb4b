//! The objects and their history: what lists show and watches tell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::resources::{BUILT_IN, Resource};

/// Namespace and name.
pub(super) type Key = (String, String);

/// Everything there is.
pub(super) struct Cluster {
    version: u64,
    resources: Vec<Resource>,
    objects: BTreeMap<String, BTreeMap<Key, Value>>,
    history: Vec<Happened>,
    /// Nobody may begin to watch from before this version.
    pub(super) compacted: u64,
    uids: u64,
}

/// One change of an object.
#[derive(Clone)]
pub(super) struct Happened {
    pub(super) version: u64,
    pub(super) plural: String,
    /// None for a bookmark.
    pub(super) after: Option<Value>,
    pub(super) before: Option<Value>,
}

/// Why something is refused: status, reason, message.
pub(super) type Refused = (u16, &'static str, String);

impl Cluster {
    pub(super) fn new() -> Self {
        let resources = BUILT_IN.into_iter().map(Resource::from).collect();
        let objects = BTreeMap::new();
        Self { version: 1000, resources, objects, history: Vec::new(), compacted: 1000, uids: 0 }
    }

    pub(super) fn resources(&self) -> &[Resource] {
        &self.resources
    }

    pub(super) fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Resource> {
        self.resources.iter().find(|one| (&*one.group, &*one.version, &*one.plural) == (group, version, plural))
    }

    pub(super) fn serve(&mut self, resource: Resource) {
        if !self.resources.contains(&resource) {
            self.resources.push(resource);
        }
    }

    pub(super) fn withdraw(&mut self, plural: &str) {
        self.resources.retain(|one| one.plural != plural);
        self.objects.remove(plural);
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.objects.get(plural)?.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn all(&self, plural: &str) -> Vec<Value> {
        self.objects.get(plural).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// What happened to a kind after a version, bookmarks included.
    pub(super) fn since(&self, plural: &str, version: u64) -> Vec<Happened> {
        let of_kind = |one: &&Happened| one.version > version && (one.plural == plural || one.plural.is_empty());
        let from = self.history.partition_point(|one| one.version <= version);
        self.history[from..].iter().filter(of_kind).cloned().collect()
    }

    pub(super) fn compact(&mut self) {
        self.compacted = self.version;
    }

    pub(super) fn bookmark(&mut self) {
        self.version += 1;
        self.history.push(Happened { version: self.version, plural: String::new(), after: None, before: None });
    }

    /// Creates or replaces an object, its status with it.
    pub(super) fn put(&mut self, object: &Value) -> Result<Value, Refused> {
        let (group, version) = match object["apiVersion"].as_str().unwrap_or_default().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", object["apiVersion"].as_str().unwrap_or_default()),
        };
        let kind = object["kind"].as_str().unwrap_or_default();
        let known = |one: &&Resource| (&*one.group, &*one.version, &*one.kind) == (group, version, kind);
        let resource = self.resources.iter().find(known).cloned().ok_or_else(|| not_found(kind))?;
        let namespace = match object["metadata"]["namespace"].as_str() {
            Some(namespace) if resource.is_namespaced => namespace.to_owned(),
            None if resource.is_namespaced => "default".to_owned(),
            _ => String::new(),
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        match self.get(&resource.plural, &namespace, &name) {
            Some(_) => self.write(&resource, &namespace, &name, object.clone(), Part::All),
            None => self.create(&resource, &namespace, object.clone()),
        }
    }

    pub(super) fn create(&mut self, resource: &Resource, namespace: &str, mut object: Value) -> Result<Value, Refused> {
        self.uids += 1;
        let uid = format!("00000000-0000-4000-8000-{:012}", self.uids);
        let metadata = object["metadata"].as_object_mut().ok_or_else(|| invalid("metadata is missing"))?;
        if !metadata.contains_key("name") {
            let stem = metadata.get("generateName").and_then(Value::as_str).unwrap_or_default();
            let name = format!("{stem}{:05}", self.uids);
            metadata.insert("name".to_owned(), name.into());
        }
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(invalid("metadata.name is missing"));
        }
        if self.get(&resource.plural, namespace, &name).is_some() {
            return Err((409, "AlreadyExists", format!("{} {name:?} already exists", resource.plural)));
        }
        if resource.is_namespaced {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        metadata.insert("uid".to_owned(), uid.into());
        metadata.insert("generation".to_owned(), 1.into());
        metadata.insert("creationTimestamp".to_owned(), "2026-08-22T00:00:00Z".into());
        object["apiVersion"] = resource.api_version().into();
        object["kind"] = resource.kind.clone().into();
        Ok(self.keep(resource, namespace, &name, object))
    }

    /// Replaces an object, or its status only.
    pub(super) fn write(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        new: Value,
        part: Part,
    ) -> Result<Value, Refused> {
        let old = self.get(&resource.plural, namespace, name).ok_or_else(|| not_found(name))?;
        let wanted = new["metadata"]["resourceVersion"].as_str().filter(|version| !version.is_empty());
        if wanted.is_some_and(|wanted| Some(wanted) != old["metadata"]["resourceVersion"].as_str()) {
            let message = "the object has been modified; please apply your changes to the latest version";
            return Err((409, "Conflict", message.to_owned()));
        }
        let mut object = match part {
            Part::Status => {
                let mut object = old.clone();
                object["status"] = new["status"].clone();
                object
            }
            Part::Spec if resource.has_status => {
                let mut object = new;
                match old.get("status") {
                    Some(status) => object["status"] = status.clone(),
                    None => drop(object.as_object_mut().map(|object| object.remove("status"))),
                }
                object
            }
            Part::Spec | Part::All => new,
        };
        for key in ["uid", "generation", "creationTimestamp", "namespace", "name", "resourceVersion"] {
            object["metadata"][key] = old["metadata"][key].clone();
        }
        if !resource.is_namespaced {
            object["metadata"].as_object_mut().map(|metadata| metadata.remove("namespace"));
        }
        if object == old {
            return Ok(old);
        }
        let meant = |object: &Value| {
            let mut meant = object.clone();
            for part in ["metadata", "status"] {
                meant.as_object_mut().map(|meant| meant.remove(part));
            }
            meant
        };
        if meant(&object) != meant(&old) {
            object["metadata"]["generation"] = (old["metadata"]["generation"].as_u64().unwrap_or(0) + 1).into();
        }
        Ok(self.keep(resource, namespace, name, object))
    }

    fn keep(&mut self, resource: &Resource, namespace: &str, name: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let key = (namespace.to_owned(), name.to_owned());
        let before = self.objects.entry(resource.plural.clone()).or_default().insert(key, object.clone());
        self.note(&resource.plural, before, Some(object.clone()));
        object
    }

    pub(super) fn delete(&mut self, plural: &str, namespace: &str, name: &str) -> Result<Value, Refused> {
        let key = (namespace.to_owned(), name.to_owned());
        let objects = self.objects.get_mut(plural);
        let before = objects.and_then(|objects| objects.remove(&key)).ok_or_else(|| not_found(name))?;
        self.version += 1;
        self.note(plural, Some(before.clone()), None);
        Ok(before)
    }

    fn note(&mut self, plural: &str, before: Option<Value>, after: Option<Value>) {
        self.history.push(Happened { version: self.version, plural: plural.to_owned(), after, before });
    }

    /// Groups and their versions, for discovery.
    pub(super) fn groups(&self) -> Value {
        let names: BTreeSet<&str> =
            self.resources.iter().map(|one| &*one.group).filter(|one| !one.is_empty()).collect();
        let groups = names.into_iter().map(|name| {
            let versions: BTreeSet<&str> =
                self.resources.iter().filter(|one| one.group == name).map(|one| &*one.version).collect();
            let entry = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
            let versions: Vec<Value> = versions.iter().map(entry).collect();
            json!({"name": name, "versions": versions, "preferredVersion": versions[0]})
        });
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()})
    }
}

/// Which part of an object a write concerns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Spec,
    Status,
}

pub(super) fn not_found(name: &str) -> Refused {
    (404, "NotFound", format!("{name:?} not found"))
}

pub(super) fn invalid(why: &str) -> Refused {
    (422, "Invalid", why.to_owned())
}
