use std::rc::Rc;

use svclab_core::scenario::{Deed, Scenario, Try};
use svclab_shell::Place;
use yew::prelude::*;

use crate::state::{self, Dialog, Msg, Outcome};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct LessonProps {
    pub lang: Lang,
    pub scenario: Rc<Scenario>,
    pub outcomes: Vec<Outcome>,
    pub shown: bool,
    /// Below a folded title stands what it is about.
    pub introduces: bool,
    /// What came out last, where the text is folded.
    pub latest: Option<usize>,
    /// Which scenario of how many this is, where that is known.
    pub place: Option<(usize, usize)>,
    pub next: Option<Rc<Scenario>>,
    pub send: Callback<Msg>,
}

/// What the scenario asks, and what to try.
#[component]
pub(super) fn Lesson(props: &LessonProps) -> Html {
    let LessonProps { lang, scenario, outcomes, shown, send, .. } = props;
    let (lang, shown) = (*lang, *shown);
    let met = outcomes.iter().filter(|it| **it == Outcome::Met).count();
    html! {
        <section class="lesson" aria-label={lang.say(Word::Lesson)} data-shown={shown.then_some("")}>
            <h2>
                <button type="button" aria-expanded={shown.to_string()}
                        onclick={send.reform(move |_| Msg::Lesson(!shown))}>
                    <span class="turn" aria-hidden="true">{ "▸" }</span>
                    <span>{ lang.pick(&*scenario.title.en, &*scenario.title.ko) }</span>
                    <small aria-label={words::tries_met(lang, met, outcomes.len())}>
                        { format!("{met}/{}", outcomes.len()) }
                    </small>
                </button>
            </h2>
            if let Some(which) = props.latest.filter(|_| !shown) {
                { outcome_alone(props, which) }
            }
            if props.introduces && !shown {
                <p class="intro">{ lang.pick(&*scenario.about.en, &*scenario.about.ko) }</p>
            }
            if shown {
                <div class="body" tabindex="0" role="group" aria-label={lang.say(Word::Lesson)}>
                    <p>{ lang.pick(&*scenario.about.en, &*scenario.about.ko) }</p>
                    <ol aria-label={lang.say(Word::ThingsToTry)}>
                        for (which, it) in scenario.tries.iter().enumerate() {
                            { suggestion(lang, which, it, outcomes.get(which).copied().unwrap_or_default(), send) }
                        }
                    </ol>
                    { further(props, met) }
                </div>
                { super::edge::Edge::Lesson.html(lang) }
            }
        </section>
    }
}

/// What came of the last try, below the title.
fn outcome_alone(props: &LessonProps, which: usize) -> Html {
    let Some(it) = props.scenario.tries.get(which) else { return html! {} };
    let outcome = props.outcomes.get(which).copied().unwrap_or_default();
    let (class, sign) = if outcome == Outcome::Met { ("met", "✓") } else { ("missed", "!") };
    html! {
        <p class={classes!("latest", class)}>
            <span class="sign" aria-hidden="true">{ sign }</span>
            <span>{ words::came_of(props.lang, it, outcome) }</span>
        </p>
    }
}

fn suggestion(lang: Lang, which: usize, it: &Try, outcome: Outcome, send: &Callback<Msg>) -> Html {
    let (class, sign, word) = match outcome {
        Outcome::Untried => ("untried", "", Word::Untried),
        Outcome::Runs => ("runs", "…", Word::Runs),
        Outcome::Met => ("met", "✓", Word::Met),
        Outcome::Missed => ("missed", "!", Word::Missed),
    };
    html! {
        <li {class} key={which}>
            <span class="sign" role="img" aria-label={lang.say(word)}>{ sign }</span>
            <div>
                <button type="button" class="try" onclick={send.reform(move |_| Msg::Try(which))}>
                    { lang.pick(&*it.title.en, &*it.title.ko) }
                </button>
                for deed in it.deeds.iter() {
                    { said_of(lang, deed) }
                }
                if matches!(outcome, Outcome::Met | Outcome::Missed) {
                    <p class="then">{ words::came_of(lang, it, outcome) }</p>
                }
            </div>
        </li>
    }
}

/// What a click is going to do, as it would be done by hand.
fn said_of(lang: Lang, deed: &Deed) -> Html {
    match deed {
        Deed::Run { place, line } => {
            let at = Place::parse(place).map(|it| state::label(&it)).unwrap_or_default();
            html! { <code class="line"><b>{ at }</b>{ " " }{ line }</code> }
        }
        Deed::Edit { replace, with } => {
            let rows = |text: &str, class: &'static str, sign: &'static str| {
                let rows = text.trim_end().lines();
                rows.map(|row| html! { <code class={class}>{ sign }{ row }</code> })
                    .collect::<Html>()
            };
            html! { <span class="edit">{ rows(replace, "minus", "- ") }{ rows(with, "plus", "+ ") }</span> }
        }
        Deed::Readiness { .. } | Deed::Act(_) => {
            html! { <span class="deed">{ words::suggested_deed(lang, deed) }</span> }
        }
    }
}

/// Where to go from here.
fn further(props: &LessonProps, met: usize) -> Html {
    let LessonProps { lang, outcomes, introduces, place, next, send, .. } = props;
    let done = met == outcomes.len();
    html! {
        <p class="further">
            <button type="button" onclick={send.reform(|_| Msg::Dialog(Some(Dialog::Scenarios)))}>
                { lang.say(Word::AllScenarios) }
                if let Some((at, all)) = place {
                    <small>{ format!("{at} / {all}") }</small>
                }
            </button>
            if *introduces {
                <button type="button" onclick={send.reform(|_| Msg::Tour(Some(0)))}>{ lang.say(Word::Tour) }</button>
            }
            if let Some(next) = next.clone() {
                <button type="button" class={classes!(done.then_some("pri"))}
                        title={lang.pick(next.title.en.clone(), next.title.ko.clone())}
                        onclick={send.reform(move |_| Msg::Begin(Box::new((*next).clone())))}>
                    { lang.say(Word::NextScenario) }
                </button>
            }
        </p>
    }
}
