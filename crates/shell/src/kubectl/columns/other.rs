//! Kinds that the lab only keeps.

use serde_json::Value;

use super::{Column, joined, list, narrow, number, text, wide};

pub(super) const SECRET: &[Column] =
    &[narrow("NAME"), narrow("TYPE"), narrow("DATA"), narrow("AGE")];

pub(super) const SERVICE_ACCOUNT: &[Column] = &[narrow("NAME"), narrow("SECRETS"), narrow("AGE")];

pub(super) const CREATED: &[Column] = &[narrow("NAME"), narrow("CREATED AT")];

pub(super) const ROLE_BINDING: &[Column] = &[
    narrow("NAME"),
    narrow("ROLE"),
    narrow("AGE"),
    wide("USERS"),
    wide("GROUPS"),
    wide("SERVICEACCOUNTS"),
];

pub(super) const REVISION: &[Column] =
    &[narrow("NAME"), narrow("CONTROLLER"), narrow("REVISION"), narrow("AGE")];

pub(super) const JOB: &[Column] = &[
    narrow("NAME"),
    narrow("STATUS"),
    narrow("COMPLETIONS"),
    narrow("DURATION"),
    narrow("AGE"),
    wide("CONTAINERS"),
    wide("IMAGES"),
    wide("SELECTOR"),
];

pub(super) const CRON_JOB: &[Column] = &[
    narrow("NAME"),
    narrow("SCHEDULE"),
    narrow("TIMEZONE"),
    narrow("SUSPEND"),
    narrow("ACTIVE"),
    narrow("LAST SCHEDULE"),
    narrow("AGE"),
    wide("CONTAINERS"),
    wide("IMAGES"),
    wide("SELECTOR"),
];

pub(super) const QUOTA: &[Column] =
    &[narrow("NAME"), narrow("AGE"), narrow("REQUEST"), narrow("LIMIT")];

pub(super) const AUTOSCALER: &[Column] = &[
    narrow("NAME"),
    narrow("REFERENCE"),
    narrow("TARGETS"),
    narrow("MINPODS"),
    narrow("MAXPODS"),
    narrow("REPLICAS"),
    narrow("AGE"),
];

pub(super) const BUDGET: &[Column] = &[
    narrow("NAME"),
    narrow("MIN AVAILABLE"),
    narrow("MAX UNAVAILABLE"),
    narrow("ALLOWED DISRUPTIONS"),
    narrow("AGE"),
];

pub(super) const PRIORITY: &[Column] = &[
    narrow("NAME"),
    narrow("VALUE"),
    narrow("GLOBAL-DEFAULT"),
    narrow("AGE"),
    narrow("PREEMPTIONPOLICY"),
];

/// Names and images of a template's containers.
fn containers(it: &Value, template: &str) -> [String; 2] {
    let all = list(it, &format!("{template}/spec/containers"));
    ["/name", "/image"].map(|field| joined(all.iter().map(|it| text(it, field))))
}

pub(super) fn job(it: &Value, name: String, age: String) -> Vec<String> {
    let is = |kind: &str| {
        let conditions = list(it, "/status/conditions");
        conditions.iter().any(|it| it["type"] == kind && it["status"] == "True")
    };
    let status = match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if is("Suspended") => "Suspended",
        () => "Running",
    };
    let wanted = it.pointer("/spec/completions").and_then(Value::as_i64).unwrap_or(1);
    let done = format!("{}/{wanted}", number(it, "/status/succeeded"));
    let [names, images] = containers(it, "/spec/template");
    vec![name, status.into(), done, String::new(), age, names, images, "<none>".into()]
}

pub(super) fn cron_job(it: &Value, name: String, age: String) -> Vec<String> {
    let zone = match text(it, "/spec/timeZone") {
        "" => "<none>",
        zone => zone,
    };
    let suspended = if it["spec"]["suspend"] == true { "True" } else { "False" };
    let active = list(it, "/status/active").len().to_string();
    let [names, images] = containers(it, "/spec/jobTemplate/spec/template");
    let schedule = text(it, "/spec/schedule");
    let none = || "<none>".to_owned();
    vec![
        name,
        schedule.into(),
        zone.into(),
        suspended.into(),
        active,
        none(),
        age,
        names,
        images,
        none(),
    ]
}

/// What is used of each limit; no controller counts in the lab.
pub(super) fn quota(it: &Value, name: String, age: String) -> Vec<String> {
    let hard = it.pointer("/status/hard").and_then(Value::as_object);
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, most) in hard.into_iter().flatten() {
        let used = it["status"]["used"][resource].as_str().unwrap_or("0");
        let cell = format!("{resource}: {used}/{}", most.as_str().unwrap_or_default());
        if resource.starts_with("limits") { limits.push(cell) } else { requests.push(cell) }
    }
    vec![name, age, requests.join(", "), limits.join(", ")]
}

pub(super) fn autoscaler(it: &Value, name: String, age: String) -> Vec<String> {
    let target = format!(
        "{}/{}",
        text(it, "/spec/scaleTargetRef/kind"),
        text(it, "/spec/scaleTargetRef/name")
    );
    let metrics = list(it, "/spec/metrics").iter().map(|it| {
        let percent = number(it, "/resource/target/averageUtilization");
        format!("{}: <unknown>/{percent}%", text(it, "/resource/name"))
    });
    let metrics = joined(metrics);
    let metrics = if metrics.is_empty() { "<none>".to_owned() } else { metrics };
    let least = it.pointer("/spec/minReplicas").and_then(Value::as_i64);
    let least = least.map_or("<unset>".to_owned(), |it| it.to_string());
    let most = number(it, "/spec/maxReplicas").to_string();
    vec![name, target, metrics, least, most, number(it, "/status/currentReplicas").to_string(), age]
}

pub(super) fn budget(it: &Value, name: String, age: String) -> Vec<String> {
    let of = |field: &str| match &it["spec"][field] {
        Value::Null => "N/A".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let allowed = number(it, "/status/disruptionsAllowed").to_string();
    vec![name, of("minAvailable"), of("maxUnavailable"), allowed, age]
}

pub(super) fn priority(it: &Value, name: String, age: String) -> Vec<String> {
    let default = (it["globalDefault"] == true).to_string();
    vec![name, number(it, "/value").to_string(), default, age, text(it, "/preemptionPolicy").into()]
}

pub(super) fn secret(it: &Value, name: String, age: String) -> Vec<String> {
    let count = it["data"].as_object().map_or(0, |it| it.len());
    vec![name, text(it, "/type").to_owned(), count.to_string(), age]
}

pub(super) fn service_account(it: &Value, name: String, age: String) -> Vec<String> {
    vec![name, list(it, "/secrets").len().to_string(), age]
}

pub(super) fn created(it: &Value, name: String) -> Vec<String> {
    vec![name, text(it, "/metadata/creationTimestamp").to_owned()]
}

pub(super) fn role_binding(it: &Value, name: String, age: String) -> Vec<String> {
    let role = format!("{}/{}", text(it, "/roleRef/kind"), text(it, "/roleRef/name"));
    let of = |kind: &str| {
        let subjects = list(it, "/subjects").iter().filter(|it| it["kind"] == kind);
        joined(subjects.map(|it| match text(it, "/namespace") {
            "" => text(it, "/name").to_owned(),
            namespace => format!("{namespace}/{}", text(it, "/name")),
        }))
    };
    vec![name, role, age, of("User"), of("Group"), of("ServiceAccount")]
}

pub(super) fn revision(it: &Value, name: String, age: String) -> Vec<String> {
    let owners = list(it, "/metadata/ownerReferences").iter();
    let controller = owners.clone().find(|it| it["controller"] == true).map(|it| {
        let group = text(it, "/apiVersion").split_once('/').map_or("", |it| it.0);
        let kind = text(it, "/kind").to_lowercase();
        let dot = if group.is_empty() { "" } else { "." };
        format!("{kind}{dot}{group}/{}", text(it, "/name"))
    });
    let controller = controller.unwrap_or_else(|| "<none>".to_owned());
    vec![name, controller, number(it, "/revision").to_string(), age]
}
