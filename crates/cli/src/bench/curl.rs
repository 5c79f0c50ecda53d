//! What a shell's loop of requests takes, with all that the cluster does meanwhile.

use serde_json::{Value, json};
use svclab_core::lab::Lab;
use svclab_core::scenario::default_scenario;
use svclab_core::time::Duration;
use svclab_shell::{Job, Place, Progress, Session};

use super::clusters::at;
use super::milliseconds;

/// So many requests to the Service of the default cluster, from its client, one after the other.
pub(super) fn curl(requests: usize) -> Value {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(at(20));
    let line = format!("for i in $(seq {requests}); do curl -s web/hostname; echo; done");
    json!({
        "requests": requests,
        "answered": play(lab.clone(), &line).lines().filter(|it| it.starts_with("web-")).count(),
        "ms": milliseconds(|| play(lab.clone(), &line).len()),
    })
}

/// What the line prints.
fn play(mut lab: Lab, line: &str) -> String {
    let Some(client) = Place::parse("pod/shop/client") else { return String::new() };
    let mut job = Job::new(Session::new(client), line);
    let mut printed = String::new();
    loop {
        let (back, progress) = job.resume(lab);
        lab = back;
        job.printed().into_iter().for_each(|it| printed.push_str(&it.text));
        match progress {
            Progress::Waits(Some(at)) => lab.run_until(at),
            Progress::Busy => lab.run_until(lab.now() + Duration::from_millis(100)),
            _ => return printed,
        }
    }
}
