//! Event: when something was told, and of what (`printEvent`).

use serde_json::Value;
use svclab_core::time::Instant;

use super::{Column, narrow, text, wide};
use crate::kubectl::age::age;

pub(super) const EVENT: &[Column] = &[
    narrow("LAST SEEN"),
    narrow("TYPE"),
    narrow("REASON"),
    narrow("OBJECT"),
    wide("SUBOBJECT"),
    wide("SOURCE"),
    narrow("MESSAGE"),
    wide("FIRST SEEN"),
    wide("COUNT"),
    wide("NAME"),
];

pub(super) fn event(value: &Value, name: String, now: Instant) -> Vec<String> {
    let first_of = |paths: &[&str]| {
        let mut found = paths.iter().map(|it| text(value, it)).filter(|it| !it.is_empty());
        found.next().unwrap_or_default().to_owned()
    };
    let last = ["/series/lastObservedTime", "/lastTimestamp", "/firstTimestamp", "/eventTime"];
    let count = ["/series/count", "/count"].iter().find_map(|it| value.pointer(it)?.as_u64());
    let kind = text(value, "/involvedObject/kind").to_lowercase();
    let object = match text(value, "/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let component = first_of(&["/source/component", "/reportingComponent"]);
    let source = match first_of(&["/source/host", "/reportingInstance"]) {
        host if host.is_empty() => component,
        host => format!("{component}, {host}"),
    };
    vec![
        age(&first_of(&last), now),
        text(value, "/type").to_owned(),
        text(value, "/reason").to_owned(),
        object,
        text(value, "/involvedObject/fieldPath").to_owned(),
        source,
        text(value, "/message").trim().to_owned(),
        age(&first_of(&["/firstTimestamp", "/eventTime"]), now),
        count.unwrap_or(1).to_string(),
        name,
    ]
}
