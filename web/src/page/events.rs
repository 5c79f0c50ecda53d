use std::collections::BTreeSet;

use svclab_core::kubelet::Life;
use svclab_core::lab::log::{Entry, EntryId, Happening, Log};
use svclab_core::print::Event;
use svclab_core::time::Instant;
use svclab_shell::kubectl::age;
use yew::prelude::*;

use crate::effects;
use crate::state::Msg;
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct EventsProps {
    pub lang: Lang,
    /// The newest first.
    pub entries: Vec<Entry>,
    pub chosen: Option<EntryId>,
    /// Kubernetes' own Events, when they alone are asked for.
    pub recorded: Option<Vec<Event>>,
    pub now: Instant,
    pub send: Callback<Msg>,
}

/// At most so many entries are drawn.
const DRAWN: usize = 300;

/// The newest entries first. A probe that goes on succeeding is left to the pod's strip.
pub(super) fn listed(log: &Log) -> Vec<Entry> {
    let dull = |entry: &&Entry| match entry.what {
        Happening::Probed { success: true, in_row, threshold, .. } => in_row > threshold,
        _ => false,
    };
    log.iter().rev().filter(|it| !dull(it)).take(DRAWN).cloned().collect()
}

/// What happened and why: every entry links to its cause.
#[component]
pub(super) fn Events(props: &EventsProps) -> Html {
    let EventsProps { lang, entries, chosen, recorded, now, send } = props;
    let lang = *lang;
    let chain = chosen.map(|id| chain_of(entries, id)).unwrap_or_default();
    html! {
        <div class="events">
            { choice(lang, recorded.is_some(), send) }
            if let Some(recorded) = recorded {
                <div class="scroll" tabindex="0" role="group" aria-label={lang.say(Word::Recorded)}>
                    { self::recorded(lang, recorded, *now) }
                </div>
            } else {
                { story(lang, entries, *chosen, &chain, send) }
            }
        </div>
    }
}

fn choice(lang: Lang, only: bool, send: &Callback<Msg>) -> Html {
    html! {
        <div class="nodes">
            <div class="seg" role="group" aria-label={lang.say(Word::Events)}>
                for (it, word) in [(false, Word::WholeStory), (true, Word::Recorded)] {
                    <button type="button" aria-pressed={(it == only).to_string()}
                            onclick={send.reform(move |_| Msg::OnlyRecorded(it))}>{ lang.say(word) }</button>
                }
            </div>
        </div>
    }
}

/// Events as `kubectl get events` and `describe` show them: when, how often, what.
pub(super) fn recorded(lang: Lang, events: &[Event], now: Instant) -> Html {
    if events.is_empty() {
        return html! { <p class="empty">{ lang.say(Word::NoEvents) }</p> };
    }
    html! {
        <ol class="recorded" aria-label={lang.say(Word::Recorded)}>
            for event in events.iter().take(DRAWN) {
                <li key={event.entry.0} class={event.is_warning.then_some("warning")}>
                    <p>
                        <time>{ age(&event.last.rfc3339(), now) }</time>
                        <b>{ if event.is_warning { "Warning" } else { "Normal" } }</b>
                        <b>{ &event.reason }</b>
                        if event.count > 1 {
                            <small>{ words::times(lang, event.count, &age(&event.first.rfc3339(), now)) }</small>
                        }
                        <small class="by">{ event.by.name() }</small>
                    </p>
                    <code>{ format!("{}/{}", event.key.kind.name().to_lowercase(), event.key.name) }</code>
                    <span lang="en">{ &event.message }</span>
                </li>
            }
        </ol>
    }
}

/// Everything that happened, the newest first.
fn story(
    lang: Lang,
    entries: &[Entry],
    chosen: Option<EntryId>,
    chain: &BTreeSet<EntryId>,
    send: &Callback<Msg>,
) -> Html {
    html! {
        <div class="scroll">
            if entries.is_empty() {
                <p class="empty">{ lang.say(Word::NoEvents) }</p>
            } else {
                <ol aria-label={lang.say(Word::Events)} class={classes!(chosen.map(|_| "chosen"))}>
                    for entry in entries.iter() {
                        <li key={entry.id.0} class={classes!(
                                tone(&entry.what),
                                chain.contains(&entry.id).then_some("linked"))}>
                            <button type="button" class="entry" id={format!("event-{}", entry.id.0)}
                                    aria-pressed={(chosen == Some(entry.id)).to_string()}
                                    onclick={send.reform({
                                        let id = entry.id;
                                        let open = chosen == Some(id);
                                        move |_| Msg::Entry((!open).then_some(id))
                                    })}>
                                <time>{ entry.at.to_string() }</time>
                                <span>{ words::happening(lang, entry) }</span>
                            </button>
                            { cause(lang, entries, entry, send) }
                        </li>
                    }
                </ol>
            }
        </div>
    }
}

fn cause(lang: Lang, entries: &[Entry], entry: &Entry, send: &Callback<Msg>) -> Html {
    let Some(cause) = entry.cause.and_then(|id| entries.iter().find(|it| it.id == id)) else {
        return html! {};
    };
    let id = cause.id;
    let onclick = send.reform(move |_| {
        effects::focus(&format!("event-{}", id.0));
        Msg::Entry(Some(id))
    });
    html! {
        <button type="button" class="cause" title={lang.say(Word::ShowCause)} {onclick}>
            <span aria-hidden="true">{ "↳ " }</span>
            <span class="unseen">{ lang.say(Word::Because) }{ " " }</span>
            { words::happening(lang, cause) }
        </button>
    }
}

/// An entry with everything that led to it and everything that came of it.
fn chain_of(entries: &[Entry], id: EntryId) -> BTreeSet<EntryId> {
    let mut res = BTreeSet::from([id]);
    let mut next = Some(id);
    while let Some(entry) = next.and_then(|id| entries.iter().find(|it| it.id == id)) {
        res.insert(entry.id);
        next = entry.cause.filter(|id| !res.contains(id));
    }
    let mut after = BTreeSet::from([id]);
    for entry in entries.iter().rev() {
        if entry.cause.is_some_and(|cause| after.contains(&cause)) {
            after.insert(entry.id);
        }
    }
    res.extend(after);
    res
}

fn tone(what: &Happening) -> &'static str {
    match what {
        what if what.is_by_user() => "user",
        Happening::Refused { .. }
        | Happening::Unschedulable { .. }
        | Happening::Recorded { warning: true, .. } => "bad",
        Happening::Probed { success, .. } => {
            if *success {
                "good"
            } else {
                "bad"
            }
        }
        Happening::Container { what, .. } => match what {
            Life::PullFailed { .. }
            | Life::Unusable { .. }
            | Life::GaveUp { .. }
            | Life::PullBackOff { .. }
            | Life::PreStopFailed
            | Life::BackOff { .. } => "bad",
            Life::Exited { code } if *code != 0 => "bad",
            _ => "plain",
        },
        Happening::Said { said, .. } => match said.is_warning {
            true => "bad",
            false => "plain",
        },
        Happening::Ready { ready, .. } => {
            if *ready {
                "good"
            } else {
                "bad"
            }
        }
        Happening::Synced { .. }
        | Happening::FlushNoticed { .. }
        | Happening::ConnectionsDeleted { .. } => "rules",
        Happening::Endpoints { .. } | Happening::Slice { .. } => "slice",
        _ => "plain",
    }
}
