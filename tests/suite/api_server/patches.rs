//! Merge patches (RFC 7396) and JSON Patch (RFC 6902).

use serde_json::Value;

/// Puts a merge patch over a value.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (key, value) in fields {
        match value {
            Value::Null => drop(target.as_object_mut().and_then(|target| target.remove(key))),
            value => merge(&mut target[key.as_str()], value),
        }
    }
}

/// Does the operations of a JSON Patch one after the other.
pub(super) fn apply(target: &mut Value, operations: &Value) -> Result<(), String> {
    operations.as_array().ok_or("a JSON Patch is a list")?.iter().try_for_each(|operation| one(target, operation))
}

fn one(target: &mut Value, operation: &Value) -> Result<(), String> {
    let text = |key: &str| operation[key].as_str().ok_or(format!("{key} is missing"));
    let path = text("path")?;
    match text("op")? {
        "test" if target.pointer(path) == Some(&operation["value"]) => Ok(()),
        "test" => Err(format!("testing path {path} value failed")),
        "replace" => {
            *target.pointer_mut(path).ok_or(format!("{path} is missing"))? = operation["value"].clone();
            Ok(())
        }
        op @ ("add" | "remove") => {
            let (parent, key) = path.rsplit_once('/').ok_or("the path begins with a slash")?;
            let key = key.replace("~1", "/").replace("~0", "~");
            match (target.pointer_mut(parent).ok_or(format!("{parent} is missing"))?, op) {
                (Value::Object(fields), "add") => drop(fields.insert(key, operation["value"].clone())),
                (Value::Object(fields), _) => drop(fields.remove(&key).ok_or(format!("{path} is missing"))?),
                (Value::Array(items), "add") if key == "-" => items.push(operation["value"].clone()),
                (Value::Array(items), op) => {
                    let at: usize = key.parse().map_err(|_| format!("{path} is no place of a list"))?;
                    match op {
                        "add" if at <= items.len() => items.insert(at, operation["value"].clone()),
                        "remove" if at < items.len() => drop(items.remove(at)),
                        _ => return Err(format!("{path} is missing")),
                    }
                }
                _ => return Err(format!("{parent} holds nothing")),
            }
            Ok(())
        }
        op => Err(format!("{op} is not known here")),
    }
}
