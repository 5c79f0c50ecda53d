// One story for two machines: the native test and the browser's test both tell it, and both must
// come out with `first-packet.txt`.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Lab, Sending};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

/// The default scenario with seed 7: a request, then a pod made unready, then another request.
pub(crate) fn first_packet() -> String {
    let seconds = |n| Instant::START + Duration::from_secs(n);
    let mut lab = Lab::new(&default_scenario(), 7);
    lab.run_until(seconds(15));
    let mut text = request(&mut lab);
    let ready = lab.pod_views().into_iter().find(|it| it.has_probe && it.key.namespace == "shop");
    if let Some(pod) = ready {
        lab.act(Action::SwitchReadiness { pod: pod.key, ready: false });
    }
    lab.run_until(seconds(40));
    text += &request(&mut lab);
    for entry in lab.log().iter() {
        text += &format!("{} {:?} {:?}\n", entry.at, entry.cause.map(|it| it.0), entry.what);
    }
    text
}

fn request(lab: &mut Lab) -> String {
    let from = ObjectKey::new(Kind::Pod, "shop", "client");
    let service = ObjectKey::new(Kind::Service, "shop", "web");
    let action = Action::Send(Sending::http(from, service, 80, "/hostname"));
    lab.act(action).exchange.map(|it| it.to_string()).unwrap_or_default()
}
