//! Targets made of objects, as Prometheus' `kubernetes_sd_configs` makes them: one for each address and port, with its
//! `__meta_kubernetes_*` labels. Pure: told of objects, it answers with targets.

mod labels;
mod pod;
mod service;
mod slice;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::{Kind, ObjectKey};
use crate::reflector::Change;

pub use labels::Target;

/// Endpoints of Services; deprecated since Kubernetes 1.33.
pub const ENDPOINTS: Kind = Kind { group: "", version: "v1", plural: "endpoints", name: "Endpoints" };
/// Endpoints of Services, in pieces.
pub const ENDPOINT_SLICES: Kind =
    Kind { group: "discovery.k8s.io", version: "v1", plural: "endpointslices", name: "EndpointSlice" };
/// Pods.
pub const PODS: Kind = Kind { group: "", version: "v1", plural: "pods", name: "Pod" };
/// Services.
pub const SERVICES: Kind = Kind { group: "", version: "v1", plural: "services", name: "Service" };

/// Most targets of one discovery: of more, only the first by namespace and name.
const TARGETS_MAX: usize = 10_000;

/// What targets are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The addresses of Endpoints.
    Endpoints,
    /// The addresses of EndpointSlices.
    EndpointSlice,
    /// The ports of containers.
    Pod,
    /// The ports of Services.
    Service,
}

/// Objects that are known, and the targets they are.
#[derive(Clone, Debug)]
pub struct Targets {
    role: Role,
    /// By the place of their kind among [`Role::kinds`].
    objects: [BTreeMap<ObjectKey, Value>; 3],
}

/// Objects to look others up in.
#[derive(Clone, Copy)]
struct Known<'a> {
    services: &'a BTreeMap<ObjectKey, Value>,
    pods: &'a BTreeMap<ObjectKey, Value>,
}

impl Role {
    /// The kinds of objects to follow: first those that targets are made of, then those that say more about them.
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Endpoints => &[ENDPOINTS, SERVICES, PODS],
            Self::EndpointSlice => &[ENDPOINT_SLICES, SERVICES, PODS],
            Self::Pod => &[PODS],
            Self::Service => &[SERVICES],
        }
    }
}

impl Targets {
    /// None yet.
    pub fn new(role: Role) -> Targets {
        Targets { role, objects: Default::default() }
    }

    /// Learns of a change. `kind` is the place of the object's kind among [`Role::kinds`].
    pub fn learn(&mut self, kind: usize, change: Change) {
        let Some(objects) = self.objects.get_mut(kind) else { return };
        match change {
            Change::Set(mut object) => {
                if let Some(key) = ObjectKey::of(&object) {
                    // It is long, and nobody asks for it.
                    object.get_mut("metadata").and_then(Value::as_object_mut).map(|meta| meta.remove("managedFields"));
                    objects.insert(key, *object);
                }
            }
            Change::Gone(key) => drop(objects.remove(&key)),
            Change::Synced => {}
        }
    }

    /// The targets, by namespace and name of the objects they are made of.
    pub fn targets(&self) -> Vec<Target> {
        let [made_of, services, pods] = &self.objects;
        let known = Known { services, pods };
        let targets = made_of.iter().flat_map(|(key, object)| match self.role {
            Role::Endpoints => slice::of_endpoints(key, object, known),
            Role::EndpointSlice => slice::of_slice(key, object, known),
            Role::Pod => pod::targets(key, object),
            Role::Service => service::targets(key, object),
        });
        targets.take(TARGETS_MAX).collect()
    }
}

#[cfg(test)]
mod tests;
