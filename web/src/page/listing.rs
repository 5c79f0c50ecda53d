//! What the page asks its host for: scenarios, and what its own address names.

use svclab_core::scenario::{Index, Scenario};
use yew::Callback;

use crate::effects;
use crate::state::{Msg, Notice};

/// Milliseconds after which the page asks what other scenarios there are.
pub(super) const LIST_AFTER: u32 = 3000;

/// Opens what the page's address asks for.
pub(super) fn open_link(send: &Callback<Msg>) {
    let restored = send.clone();
    effects::linked(move |fetched| {
        restored.emit(match fetched {
            Ok(session) => Msg::Restore(session),
            Err(problem) => Msg::Notice(Some(Notice::Unreadable(problem))),
        });
    });
    if let Some(name) = effects::linked_scenario() {
        let send = send.clone();
        fetch_scenario(&name, move |read| {
            send.emit(match read {
                Ok(scenario) => Msg::Linked(scenario),
                Err(problem) => Msg::Notice(Some(Notice::Unreadable(problem))),
            });
        });
    }
}

/// Fetches the list of scenarios, and then each of them.
pub(super) fn list(send: &Callback<Msg>) {
    let send = send.clone();
    effects::fetch("scenarios/index.yaml", move |fetched| {
        // Without the list the page shows the one scenario that it has.
        let Ok(index) = fetched.and_then(|text| Index::parse(&text)) else { return };
        let names: Vec<String> =
            index.groups.iter().flat_map(|it| it.scenarios.iter().cloned()).collect();
        send.emit(Msg::Index(index));
        for name in names {
            let send = send.clone();
            fetch_scenario(&name, move |read| send.emit(Msg::Listed(read)));
        }
    });
}

fn fetch_scenario(name: &str, call: impl FnOnce(Result<Box<Scenario>, String>) + 'static) {
    effects::fetch(&format!("scenarios/{name}.yaml"), move |fetched| {
        call(fetched.and_then(|text| Scenario::parse(&text)).map(Box::new));
    });
}
