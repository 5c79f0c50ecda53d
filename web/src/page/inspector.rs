use std::cell::RefCell;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::kubelet::ProbeKind;
use svclab_core::lab::Action;
use yew::prelude::*;

use crate::actions;
use crate::effects;
use crate::inspect::{Condition, Facts, Mention, facts};
use crate::state::{Msg, Pane, Sighting, State, Typing};
use crate::view::{Node, Pod, Shared, View};
use crate::words::{self, Lang, Word};

use super::dialog::use_visit;

#[derive(Properties, PartialEq)]
pub(super) struct InspectorProps {
    pub lang: Lang,
    pub key_of: ObjectKey,
    /// None: it is not there at this moment.
    pub facts: Option<Rc<Facts>>,
    pub view: Shared<View>,
    /// What requests can be sent from and to.
    pub from: Option<Rc<str>>,
    pub to: Option<Rc<str>>,
    pub send: Callback<Msg>,
}

type Asked = (ObjectKey, usize, Option<Rc<str>>);

/// What was found out last: asked with every drawing, it changes with the lab.
#[derive(Default)]
pub(super) struct Known(RefCell<Option<(Asked, Option<Rc<Facts>>)>>);

impl Known {
    pub(super) fn facts(&self, state: &State, key: &ObjectKey) -> Option<Rc<Facts>> {
        let asked = (key.clone(), state.revision, state.node.clone());
        let mut known = self.0.borrow_mut();
        match &*known {
            Some((before, found)) if *before == asked => found.clone(),
            _ => {
                let found = facts(state.lab(), &state.view, key, state.node.as_ref()).map(Rc::new);
                *known = Some((asked, found.clone()));
                found
            }
        }
    }
}

/// What is known of the thing that was pinned, and what can be done with it.
#[component]
pub(super) fn Inspector(props: &InspectorProps) -> Html {
    let InspectorProps { lang, key_of, facts, send, .. } = props;
    let lang = *lang;
    let place = use_node_ref();
    use_visit(place.clone(), key_of.clone());
    let close = send.reform(|_: MouseEvent| Msg::Sight(Sighting::Inspect(None)));
    let escape = send.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            event.prevent_default();
            escape.emit(Msg::Sight(Sighting::Inspect(None)));
        }
    });
    html! {
        <section class="inspector" role="dialog" aria-labelledby="inspected" tabindex="-1" ref={place} {onkeydown}>
            <div class="title">
                <h2 id="inspected"><small>{ key_of.kind.name() }</small>{ " " }{ full_name(key_of) }</h2>
                <button type="button" class="icon" title={lang.say(Word::CloseThis)} aria-label={lang.say(Word::CloseThis)}
                        onclick={close}>{ "✕" }</button>
            </div>
            <div class="scroll" tabindex="0" role="group" aria-label={lang.say(Word::WhatIsKnown)}>
                { ways(props) }
                if let Some(facts) = facts {
                    { switches(props) }
                    { rows(lang, facts) }
                    { conditions(lang, &facts.conditions) }
                    if let Some(text) = &facts.interfaces {
                        <h3>{ lang.say(Word::Interfaces) }</h3>
                        <pre lang="en" tabindex="0" role="group" aria-label={lang.say(Word::Interfaces)}>{ text }</pre>
                    }
                    { links(lang, Word::ServicesOf, &facts.services, send, inspecting) }
                    { links(lang, Word::Pods, &facts.pods, send, inspecting) }
                    { links(lang, Word::Slices, &facts.slices, send, |key| Msg::Object(Some(key))) }
                    { rules(lang, facts, send) }
                } else {
                    <p class="empty">{ lang.say(Word::ObjectIsGone) }</p>
                }
            </div>
        </section>
    }
}

fn inspecting(key: ObjectKey) -> Msg {
    Msg::Sight(Sighting::Inspect(Some(key)))
}

pub(super) fn full_name(key: &ObjectKey) -> String {
    match key.namespace.is_empty() {
        true => key.name.clone(),
        false => format!("{}/{}", key.namespace, key.name),
    }
}

/// Where it leads from here.
fn ways(props: &InspectorProps) -> Html {
    let InspectorProps { lang, key_of, facts, from, to, send, .. } = props;
    let lang = *lang;
    let way = |word: &'static str, msg: Msg| {
        html! {
            <button type="button" onclick={send.reform(move |_| msg.clone())}>{ word }</button>
        }
    };
    let yaml = way("YAML", Msg::Object(Some(key_of.clone())));
    let Some(facts) = facts else { return html! { <div class="ways">{ yaml }</div> } };
    let shell = facts.shell.clone().map(|place| {
        let send = send.clone();
        html! {
            <button type="button" onclick={Callback::from(move |_| {
                send.emit(Msg::Terminal(Typing::Attach(place.clone())));
                send.emit(Msg::Sight(Sighting::Inspect(None)));
                effects::focus_soon("terminal-input");
            })}>{ lang.say(Word::Attach) }</button>
        }
    });
    html! {
        <div class="ways">
            if let Some(from) = from.clone() {
                { way(lang.say(Word::SendFrom), Msg::From(from.to_string())) }
            }
            if let Some(to) = to.clone() {
                { way(lang.say(Word::SendTo), Msg::To(to.to_string())) }
            }
            { for shell }
            { yaml }
            if let Some(key) = facts.written.clone() {
                <button type="button" onclick={{
                    let send = send.clone();
                    Callback::from(move |_| {
                        send.emit(Msg::Sight(Sighting::Inspect(None)));
                        send.emit(Msg::ShowSource(key.clone()));
                    })
                }}>{ lang.say(Word::ShowManifest) }</button>
            }
        </div>
    }
}

/// What the hand can do to it.
fn switches(props: &InspectorProps) -> Html {
    let InspectorProps { lang, key_of, view, send, .. } = props;
    match key_of.kind {
        Kind::Pod => match view.pods.iter().find(|it| it.key == *key_of) {
            Some(pod) => of_pod(*lang, pod, send),
            None => html! {},
        },
        Kind::Node => match view.nodes.iter().find(|it| *it.name == *key_of.name) {
            Some(node) => of_node(*lang, node, send),
            None => html! {},
        },
        _ => html! {},
    }
}

fn of_pod(lang: Lang, pod: &Pod, send: &Callback<Msg>) -> Html {
    let strip = |strip: &crate::view::Strip| {
        let key = pod.key.clone();
        let (on, action) = match strip.kind {
            ProbeKind::Readiness => {
                (pod.answers, Action::SwitchReadiness { pod: key, ready: !pod.answers })
            }
            _ => (pod.alive, Action::SwitchLiveness { pod: key, alive: !pod.alive }),
        };
        let name = words::probe_kind(strip.kind);
        html! {
            <>
                { toggle(words::answers_of(lang, strip.kind, &pod.id), name, on, action, send) }
                <span class="said">{ words::probes(lang, strip) }</span>
            </>
        }
    };
    let crash = pod.runs.clone().map(|container| {
        let action = Action::Crash { pod: pod.key.clone(), container, code: 1 };
        deed(words::crash_of(lang, &pod.id), lang.say(Word::Crash), action, send)
    });
    html! {
        <div class="switches">
            { for pod.strips.iter().filter(|it| pod.has_switch(it)).map(strip) }
            if pod.strips.is_empty() {
                <span class="said">{ lang.say(Word::NoProbe) }</span>
            }
            { for crash }
        </div>
    }
}

fn of_node(lang: Lang, node: &Node, send: &Callback<Msg>) -> Html {
    let name = &node.name;
    let power = Action::SwitchMachine { node: name.to_string(), up: !node.up };
    let proxy = Action::SwitchProxy { node: name.clone(), running: !node.proxy };
    let verb = if node.cordoned { "uncordon" } else { "cordon" };
    html! {
        <div class="switches">
            { toggle(words::power_of(lang, name), lang.say(Word::Power), node.up, power, send) }
            { toggle(words::proxy_of(lang, name), "kube-proxy", node.proxy, proxy, send) }
            if node.ready.is_some() {
                { deed(format!("{verb} {name}"), verb, actions::cordon(name, !node.cordoned), send) }
                { deed(format!("drain {name}"), "drain", actions::drain(name), send) }
            }
        </div>
    }
}

fn toggle(
    label: String,
    word: &'static str,
    on: bool,
    action: Action,
    send: &Callback<Msg>,
) -> Html {
    html! {
        <button type="button" role="switch" class="toggle-switch" aria-label={label} aria-checked={on.to_string()}
                onclick={send.reform(move |_| Msg::Act(action.clone()))}>
            <i aria-hidden="true" />{ word }
        </button>
    }
}

fn deed(label: String, word: &'static str, action: Action, send: &Callback<Msg>) -> Html {
    html! {
        <button type="button" aria-label={label} onclick={send.reform(move |_| Msg::Act(action.clone()))}>
            { word }
        </button>
    }
}

fn rows(lang: Lang, facts: &Facts) -> Html {
    html! {
        <dl class="rows">
            for (word, value) in facts.rows.iter() {
                <div><dt>{ lang.say(*word) }</dt><dd><code>{ value }</code></dd></div>
            }
        </dl>
    }
}

fn conditions(lang: Lang, all: &[Condition]) -> Html {
    if all.is_empty() {
        return html! {};
    }
    html! {
        <>
            <h3>{ lang.say(Word::Conditions) }</h3>
            <dl class="rows" lang="en">
                for it in all.iter() {
                    <div>
                        <dt>{ &it.name }</dt>
                        <dd><code>{ &it.status }</code>{ " " }<small>{ &it.reason }</small></dd>
                    </div>
                }
            </dl>
        </>
    }
}

fn links(
    lang: Lang,
    word: Word,
    keys: &[ObjectKey],
    send: &Callback<Msg>,
    go: fn(ObjectKey) -> Msg,
) -> Html {
    if keys.is_empty() {
        return html! {};
    }
    html! {
        <>
            <h3>{ lang.say(word) }</h3>
            <ul class="links">
                for key in keys.iter().cloned() {
                    <li>
                        <button type="button" class="link" onclick={{
                            let key = key.clone();
                            send.reform(move |_| go(key.clone()))
                        }}>{ full_name(&key) }</button>
                    </li>
                }
            </ul>
        </>
    }
}

/// The rules of one node that mention it; a node has all of its own.
fn rules(lang: Lang, facts: &Facts, send: &Callback<Msg>) -> Html {
    let Some(node) = facts.node.clone() else { return html! {} };
    let all = {
        let (send, node) = (send.clone(), node.clone());
        Callback::from(move |_: MouseEvent| {
            send.emit(Msg::Node(node.clone()));
            send.emit(Msg::Open(Pane::Rules));
            send.emit(Msg::Sight(Sighting::Inspect(None)));
        })
    };
    let mention = |it: &Mention| {
        let (send, node, rule) = (send.clone(), node.clone(), it.rule);
        let onclick = Callback::from(move |_: MouseEvent| {
            send.emit(Msg::ShowRule(node.clone(), rule));
            send.emit(Msg::Sight(Sighting::Inspect(None)));
        });
        html! {
            <li><button type="button" class="rule-link" lang="en" {onclick}>{ &it.text }</button></li>
        }
    };
    html! {
        <>
            <h3>{ words::rules_on(lang, &node) }</h3>
            <ul class="mentions">{ for facts.rules.iter().map(mention) }</ul>
            <button type="button" class="link" onclick={all}>{ words::all_rules(lang, facts.more_rules) }</button>
        </>
    }
}
