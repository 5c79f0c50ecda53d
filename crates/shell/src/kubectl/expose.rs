//! `kubectl expose`: an object with pods behind it → a Service for them.

use serde_json::{Value, json};
use svclab_core::key::Kind;

use super::Kubectl;
use super::create::{pairs, post, service_body};
use super::errors::{Done, Failed, error};

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let flags = &kubectl.flags;
    let found = super::targets::objects(kubectl, &flags.arguments, super::targets::NOTHING)?;
    super::all_failed(found.failures)?;
    let report = |why: &str| error(why);
    for (object, _) in &found.objects {
        let value = object.to_value();
        let (kind, name) = (object.kind(), &object.meta().name);
        let exposable =
            [Kind::Deployment, Kind::ReplicaSet, Kind::Service, Kind::Pod].contains(&kind);
        if !exposable {
            return Err(error(format!("cannot expose a {}", kind.name())));
        }
        let selector = match flags.text("selector") {
            Some(text) => pairs(text),
            None => selector_of(kind, &value).ok_or_else(|| match kind {
                Kind::Pod => report("couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed"),
                _ => report("couldn't retrieve selectors via --selector flag or introspection: the service has no pod selector set"),
            })?,
        };
        let ports = exposed_ports(kubectl, kind, &value)?;
        let mut spec = json!({"ports": ports, "selector": selector});
        for (flag, field) in [
            ("type", "type"),
            ("cluster-ip", "clusterIP"),
            ("load-balancer-ip", "loadBalancerIP"),
            ("session-affinity", "sessionAffinity"),
        ] {
            if let Some(text) = flags.text(flag).filter(|it| !it.is_empty()) {
                spec[field] = text.into();
            }
        }
        if let Some(ip) = flags.text("external-ip") {
            spec["externalIPs"] = json!([ip]);
        }
        let labels = match flags.text("labels") {
            Some(text) => pairs(text),
            None => value["metadata"]["labels"].clone(),
        };
        let name = flags.text("name").filter(|it| !it.is_empty()).unwrap_or(name);
        post(kubectl, Kind::Service, service_body(name, labels, spec), "exposed", "")?;
    }
    Ok(())
}

fn selector_of(kind: Kind, value: &Value) -> Option<Value> {
    let pointer = match kind {
        Kind::Pod => "/metadata/labels",
        Kind::Service => "/spec/selector",
        _ => "/spec/selector/matchLabels",
    };
    let found = value.pointer(pointer).filter(|it| it.as_object().is_some_and(|it| !it.is_empty()));
    found.cloned()
}

/// The ports of `--port`, or those of the object itself.
fn exposed_ports(kubectl: &Kubectl, kind: Kind, value: &Value) -> Done<Vec<Value>> {
    let flags = &kubectl.flags;
    let pointer = match kind {
        Kind::Pod => "/spec/containers",
        _ => "/spec/template/spec/containers",
    };
    let list = |it: Option<&Value>| it.and_then(Value::as_array).cloned().unwrap_or_default();
    let known: Vec<(u64, String)> = match kind {
        Kind::Service => list(value.pointer("/spec/ports")),
        _ => {
            let containers = list(value.pointer(pointer));
            containers.iter().flat_map(|it| list(it.get("ports"))).collect()
        }
    }
    .iter()
    .map(|it| {
        let number = it.get("port").or(it.get("containerPort")).and_then(Value::as_u64);
        (number.unwrap_or(0), it["protocol"].as_str().unwrap_or("TCP").to_owned())
    })
    .collect();
    let asked: Vec<String> = flags.list("port").into_iter().filter(|it| !it.is_empty()).collect();
    let mut numbers: Vec<u64> = Vec::new();
    for text in &asked {
        numbers.push(
            text.parse::<u16>()
                .map(u64::from)
                .map_err(|_| error(format!("strconv.Atoi: parsing \"{text}\": invalid syntax")))?,
        );
    }
    if asked.is_empty() {
        numbers = known.iter().map(|it| it.0).collect();
    }
    if numbers.is_empty() {
        return Err(Failed(
            "error: couldn't find port via --port flag or introspection".to_owned(),
        ));
    }
    let several = numbers.len() > 1;
    let ports = numbers.iter().enumerate().map(|(index, number)| {
        let protocol = known.iter().find(|it| it.0 == *number).map(|it| it.1.as_str());
        let protocol = flags.text("protocol").or(protocol).unwrap_or("TCP");
        let target = match flags.text("target-port").filter(|it| !it.is_empty()) {
            Some(text) => text.parse::<u16>().map_or_else(|_| text.into(), Value::from),
            None => (*number).into(),
        };
        let mut port = json!({"port": number, "protocol": protocol, "targetPort": target});
        if several {
            port["name"] = format!("port-{}", index + 1).into();
        }
        port
    });
    Ok(ports.collect())
}
