use svclab_core::print::{self, Line, Origin, marked};
use svclab_core::time::Instant;
use yew::prelude::*;

use crate::objects::{Chosen, of_others};
use crate::state::Msg;
use crate::view::Shared;
use crate::words::{self, Lang, Word};

use super::events::recorded;

#[derive(Properties, PartialEq)]
pub(super) struct ObjectPaneProps {
    pub lang: Lang,
    pub chosen: Chosen,
    pub now: Instant,
    pub only_others: bool,
    pub send: Callback<Msg>,
}

/// One object as it is stored, each line with who put it there, and what happened to it.
#[component]
pub(super) fn ObjectPane(props: &ObjectPaneProps) -> Html {
    let ObjectPaneProps { lang, chosen, now, only_others, send } = props;
    let lang = *lang;
    let lines = use_memo(chosen.object.clone(), |object| {
        object.as_ref().map(|it| marked(it)).unwrap_or_default()
    });
    html! {
        <div class="object">
            <header>
                <button type="button" class="icon" title={lang.say(Word::BackToObjects)}
                        aria-label={lang.say(Word::BackToObjects)}
                        onclick={send.reform(|_| Msg::Object(None))}>{ "‹" }</button>
                <h2><small>{ chosen.key.kind.name() }</small>{ full_name(chosen) }</h2>
            </header>
            if chosen.object.is_some() {
                <Legend {lang} only_others={*only_others} send={send.clone()} />
                <div class="scroll" tabindex="0" role="group" aria-label="YAML">
                    <Yaml {lang} lines={Shared(lines)} only_others={*only_others} />
                    { story(lang, chosen, *now) }
                </div>
            } else {
                <div class="scroll" tabindex="0" role="group" aria-label={lang.say(Word::Events)}>
                    <p class="empty">{ lang.say(Word::ObjectIsGone) }</p>
                    { story(lang, chosen, *now) }
                </div>
            }
        </div>
    }
}

fn full_name(chosen: &Chosen) -> String {
    let key = &chosen.key;
    match key.namespace.is_empty() {
        true => key.name.clone(),
        false => format!("{}/{}", key.namespace, key.name),
    }
}

fn class(origin: Origin) -> &'static str {
    match origin {
        Origin::Written => "written",
        Origin::Defaulted => "defaulted",
        Origin::Allocated => "allocated",
        Origin::Component => "component",
    }
}

#[derive(Properties, PartialEq)]
struct LegendProps {
    lang: Lang,
    only_others: bool,
    send: Callback<Msg>,
}

#[component]
fn Legend(props: &LegendProps) -> Html {
    let LegendProps { lang, only_others, send } = props;
    let lang = *lang;
    let only = *only_others;
    html! {
        <div class="origins">
            <ul>
                for origin in Origin::ALL {
                    <li class={class(origin)} title={words::origin_in_full(lang, origin)}>
                        <i class="origin" aria-hidden="true">{ words::origin_letter(origin) }</i>
                        { words::origin(lang, origin) }
                    </li>
                }
            </ul>
            <button type="button" aria-pressed={only.to_string()} class="toggle"
                    onclick={send.reform(move |_| Msg::OnlyOthers(!only))}>
                { lang.say(Word::OnlyOthers) }
            </button>
        </div>
    }
}

/// Lines beyond this are not drawn.
const DRAWN: usize = 3_000;

#[derive(Properties, PartialEq)]
struct YamlProps {
    lang: Lang,
    lines: Shared<Vec<Line<Origin>>>,
    only_others: bool,
}

#[component]
fn Yaml(props: &YamlProps) -> Html {
    let YamlProps { lang, lines, only_others } = props;
    let shown: Vec<&Line<Origin>> =
        if *only_others { of_others(lines) } else { lines.iter().collect() };
    let more = shown.len().saturating_sub(DRAWN);
    html! {
        <>
            <ol class="yaml" lang="en" aria-label="YAML">
                for (index, line) in shown.into_iter().take(DRAWN).enumerate() {
                    { yaml_line(*lang, index, line) }
                }
            </ol>
            if more > 0 {
                <p class="empty">{ words::more_lines(*lang, more) }</p>
            }
        </>
    }
}

fn yaml_line(lang: Lang, index: usize, line: &Line<Origin>) -> Html {
    let text = if line.head.is_empty() { &line.value } else { &line.head };
    let indent = text.chars().take_while(|it| *it == ' ').count();
    // A line that is broken goes on below its own beginning.
    let style = format!("padding-left:{0}ch;text-indent:-{0}ch", indent + 2);
    html! {
        <li key={index} class={classes!(line.mark.map(class))}>
            if let Some(mark) = line.mark {
                <i class="origin" role="img" title={words::origin_in_full(lang, mark)}
                   aria-label={words::origin(lang, mark)}>{ words::origin_letter(mark) }</i>
            } else {
                <i class="origin"></i>
            }
            <code {style}><span class="key">{ &line.head }</span>{ &line.value }</code>
        </li>
    }
}

/// Its Events, then everything that happened to it, the newest first.
fn story(lang: Lang, chosen: &Chosen, now: Instant) -> Html {
    let events = print::events(chosen.entries.iter().rev());
    html! {
        <>
        if !events.is_empty() {
            <section class="story events" aria-label={lang.say(Word::Recorded)}>
                <h3>{ lang.say(Word::Recorded) }</h3>
                { recorded(lang, &events, now) }
            </section>
        }
        <section class="story" aria-label={lang.say(Word::Events)}>
            <h3>{ lang.say(Word::WholeStory) }</h3>
            if chosen.entries.is_empty() {
                <p class="dim">{ lang.say(Word::NothingOfIt) }</p>
            }
            <ol>
                for entry in chosen.entries.iter() {
                    <li key={entry.id.0}>
                        <time>{ entry.at.to_string() }</time>
                        <span>{ words::happening(lang, entry) }</span>
                    </li>
                }
            </ol>
        </section>
        </>
    }
}
