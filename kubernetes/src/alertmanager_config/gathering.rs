//! Everything of a cluster that a merge needs, asked for once.

use super::alertmanager::Alertmanager;
use super::api_objects::{ALERTMANAGERS, V1ALPHA1, V1BETA1, data};
use super::material::Holder;
use super::options::Options;
use super::world::{Held, World};
use crate::client::{Client, Scope};
use crate::object::{CONFIG_MAPS, Kind, NAMESPACES, ObjectKey, SECRETS, labels};
use crate::reflector::{Failure, PAGE_OBJECTS};

/// The kind that the cluster serves: v1alpha1 if it does, as most do.
///
/// # Errors
/// The server refuses, or does not answer in time.
pub async fn served_kind(client: &Client, namespace: Option<&str>) -> Result<Kind, Failure> {
    let scope = |kind| Scope::all(kind, namespace.map(str::to_owned));
    match client.list(&scope(V1ALPHA1), 1, None).await {
        Err(Failure::Refused { code: 404, .. }) => match client.list(&scope(V1BETA1), 1, None).await {
            Ok(_) => Ok(V1BETA1),
            Err(Failure::Refused { code: 404, .. }) => Ok(V1ALPHA1),
            Err(failure) => Err(failure),
        },
        Ok(_) => Ok(V1ALPHA1),
        Err(failure) => Err(failure),
    }
}

/// The kind of a Secret or ConfigMap.
pub fn kind_of(holder: Holder) -> Kind {
    match holder {
        Holder::Secret => SECRETS,
        Holder::ConfigMap => CONFIG_MAPS,
    }
}

/// An Alertmanager object, as the API has it.
///
/// # Errors
/// The server refuses, or does not answer in time.
pub async fn alertmanager(client: &Client, key: &ObjectKey) -> Result<Option<serde_json::Value>, Failure> {
    client.get(ALERTMANAGERS, key).await
}

/// All objects that a merge for an Alertmanager needs, those of some namespaces only, or of all if none is named.
///
/// # Errors
/// The server refuses, or does not answer in time.
pub async fn world(
    client: &Client,
    alertmanager: &Alertmanager,
    namespaces: &[String],
    options: &Options,
) -> Result<World, Failure> {
    let mut world = World::default();
    if alertmanager.namespaces.needs_labels() {
        for namespace in all(client, &Scope::all(NAMESPACES, None).only_metadata()).await? {
            let Some(key) = ObjectKey::of(&namespace) else { continue };
            world.namespaces.insert(key.name, labels(&namespace));
        }
    }
    let places: Vec<Option<String>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
    for place in places {
        let kind = served_kind(client, place.as_deref()).await?;
        let objects = all(client, &Scope::all(kind, place)).await?;
        // items of lists do not say what they are
        let objects = objects.into_iter().map(|object| typed(object, kind));
        world.objects.extend(objects.filter_map(|object| Held::of(&object, options)));
    }
    for (holder, key) in world.wanted(alertmanager) {
        if let Some(object) = client.get(kind_of(holder), &key).await? {
            world.material.insert(holder, &key.namespace, &key.name, data(&typed(object, kind_of(holder))));
        }
    }
    Ok(world)
}

/// An object that says what it is.
pub fn typed(mut object: serde_json::Value, kind: Kind) -> serde_json::Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), kind.api_version().into());
        fields.insert("kind".to_owned(), kind.name.into());
    }
    object
}

async fn all(client: &Client, scope: &Scope) -> Result<Vec<serde_json::Value>, Failure> {
    let (mut items, mut token) = (Vec::new(), None);
    loop {
        let page = client.list(scope, PAGE_OBJECTS, token.as_deref()).await?;
        items.extend(page.items);
        match page.continue_token {
            Some(next) => token = Some(next),
            None => return Ok(items),
        }
    }
}
