use yew::prelude::*;

use crate::view::{Backend, ServiceView, Shared, View};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct EndpointsProps {
    pub lang: Lang,
    pub view: Shared<View>,
}

/// Endpoints and EndpointSlices side by side, Service by Service.
#[component]
pub(super) fn Endpoints(props: &EndpointsProps) -> Html {
    let lang = props.lang;
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label={lang.say(Word::Endpoints)}>
            <table class="endpoints" aria-label="Endpoints">
                <thead>
                    <tr>
                        <th scope="col">{ lang.say(Word::Address) }</th>
                        <th scope="col">{ "ready" }</th>
                        <th scope="col">{ "serving" }</th>
                        <th scope="col">{ "terminating" }</th>
                    </tr>
                </thead>
                for service in props.view.services.iter() {
                    { body(lang, service) }
                }
            </table>
            if props.view.services.is_empty() {
                <p class="empty">{ lang.say(Word::NoServices) }</p>
            }
        </div>
    }
}

fn body(lang: Lang, service: &ServiceView) -> Html {
    html! {
        <tbody key={service.name()}>
            <tr class="service">
                <th scope="rowgroup" colspan="4">
                    <b>{ service.name() }</b>{ " " }
                    <span class="count">
                        { words::endpoints_ready(lang, service.ready(), service.endpoints.len()) }
                    </span>
                </th>
            </tr>
            { old(service) }
            <tr class="holder">
                <td colspan="4">
                    <b>{ "EndpointSlice" }</b>
                    for slice in service.slices.iter() {
                        <code>{ slice }</code>
                    }
                </td>
            </tr>
            for (index, backend) in service.endpoints.iter().enumerate() {
                { row(lang, index, backend) }
            }
            if service.endpoints.is_empty() {
                <tr><td colspan="4" class="dim">{ lang.say(Word::NoEndpoints) }</td></tr>
            }
        </tbody>
    }
}

/// The Endpoints object of the Service: two lists of addresses.
fn old(service: &ServiceView) -> Html {
    let line = |name: &'static str, ends: &[String]| {
        if ends.is_empty() {
            return html! {};
        }
        html! { <span class="list"><i>{ name }</i><code>{ ends.join(", ") }</code></span> }
    };
    html! {
        <tr class="holder">
            <td colspan="4">
                <b>{ "Endpoints" }</b><code>{ &service.key.name }</code>
                { line("addresses", &service.old.addresses) }
                { line("notReadyAddresses", &service.old.not_ready_addresses) }
            </td>
        </tr>
    }
}

fn row(lang: Lang, index: usize, backend: &Backend) -> Html {
    html! {
        <tr key={index} class={classes!((!backend.ready).then_some("off"))}>
            <td>
                <code>{ backend.end() }</code>
                if let Some(pod) = &backend.pod {
                    <small>{ pod }{ backend.node.as_ref().map(|node| format!(" · {node}")) }</small>
                }
            </td>
            { flag(lang, backend.ready, true) }
            { flag(lang, backend.serving, true) }
            { flag(lang, backend.terminating, false) }
        </tr>
    }
}

fn flag(lang: Lang, on: bool, good: bool) -> Html {
    let class = match (on, good) {
        (true, true) => "yes",
        (true, false) => "warn",
        (false, true) => "no",
        (false, false) => "dim",
    };
    html! {
        <td class={class}>
            <span aria-hidden="true">{ if on { "✓ " } else { "✕ " } }</span>
            { lang.say(if on { Word::Yes } else { Word::No }) }
        </td>
    }
}
