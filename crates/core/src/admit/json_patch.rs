//! JSON patch (RFC 6902).

use serde_json::Value;

use super::Refusal;
use super::patch::json_kind;

/// Carries out the operations of `patch` one after the other.
///
/// # Errors
///
/// 400 if the patch is no list of operations. An operation that cannot be carried out, or a test
/// that fails, is a 422 whose text does not say which: that is so in Kubernetes.
pub fn json_patch(target: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let Value::Array(operations) = patch else {
        let kind = json_kind(patch);
        return Err(undecodable(&format!("{kind} into Go value of type jsonpatch.Patch")));
    };
    if let Some(other) = operations.iter().find(|it| !it.is_object()) {
        let kind = json_kind(other);
        return Err(undecodable(&format!("{kind} into Go value of type jsonpatch.Operation")));
    }
    let mut res = target.clone();
    for operation in operations {
        apply(&mut res, operation).ok_or_else(rejected)?;
    }
    *target = res;
    Ok(())
}

fn undecodable(what: &str) -> Refusal {
    Refusal::plain(400, "BadRequest", &format!("json: cannot unmarshal {what}"))
}

fn rejected() -> Refusal {
    let message = "the server rejected our request due to an error in our request";
    let details = Some(Box::default());
    Refusal { details, ..Refusal::plain(422, "Invalid", message) }
}

fn apply(target: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let from = || operation["from"].as_str();
    match operation["op"].as_str()? {
        "add" => add(target, path, operation.get("value")?.clone()),
        "remove" => remove(target, path).map(|_| ()),
        "replace" => {
            *target.pointer_mut(path)? = operation.get("value")?.clone();
            Some(())
        }
        "move" => {
            let value = remove(target, from()?)?;
            add(target, path, value)
        }
        "copy" => {
            let value = target.pointer(from()?)?.clone();
            add(target, path, value)
        }
        "test" => {
            let found = target.pointer(path).unwrap_or(&Value::Null);
            (*found == operation["value"]).then_some(())
        }
        _ => None,
    }
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    let Some((parent, name)) = path.rsplit_once('/') else {
        *target = value;
        return path.is_empty().then_some(());
    };
    match target.pointer_mut(parent)? {
        Value::Object(map) => _ = map.insert(unescaped(name), value),
        Value::Array(items) if name == "-" => items.push(value),
        Value::Array(items) => {
            let at = name.parse().ok().filter(|at| *at <= items.len())?;
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = path.rsplit_once('/')?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => map.shift_remove(&unescaped(name)),
        Value::Array(items) => {
            let at = name.parse().ok().filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}
