use yew::prelude::*;

use crate::state::{Msg, Speed, Theme};
use crate::words::{Lang, Word};

use super::menu::Menu;

#[derive(Properties, PartialEq)]
pub(super) struct BarProps {
    pub lang: Lang,
    pub theme: Theme,
    pub playing: bool,
    /// A packet is on the stage: the lab's time waits.
    pub travelling: bool,
    pub speed: Speed,
    pub clock: NodeRef,
    /// The time bar.
    pub scrub: Html,
    pub send: Callback<Msg>,
}

/// The top of the page: time, language, theme.
#[component]
pub(super) fn Bar(props: &BarProps) -> Html {
    let BarProps { lang, theme, playing, speed, send, .. } = props;
    let lang = *lang;
    let play = if *playing { Word::Pause } else { Word::Play };
    html! {
        <header class="bar">
            <h1><Logo />{ "Service Lab" }</h1>
            { props.scrub.clone() }
            <div class="time" role="group" aria-label={lang.say(Word::Time)}>
                <span class={classes!("clock", props.travelling.then_some("waiting"))}
                      title={props.travelling.then(|| lang.say(Word::PacketHeld))}>
                    <span class="dim">{ "t = " }</span>
                    <span ref={props.clock.clone()} role="timer" aria-label={lang.say(Word::Clock)}></span>
                </span>
                <button type="button" class="icon" aria-label={lang.say(play)} title={lang.say(play)}
                        onclick={send.reform(|_| Msg::PlayPause)}>
                    { if *playing { pause_icon() } else { play_icon() } }
                </button>
                <button type="button" class="icon wide" title={lang.say(Word::NextEvent)}
                        aria-label={lang.say(Word::NextEvent)}
                        onclick={send.reform(|_| Msg::NextEvent)}>
                    { next_icon() }<span class="long">{ lang.say(Word::NextEvent) }</span>
                </button>
                <div class="seg" role="group" aria-label={lang.say(Word::Speed)}>
                    for it in Speed::ALL {
                        <button type="button" aria-pressed={(it == *speed).to_string()}
                                onclick={send.reform(move |_| Msg::Speed(it))}>{ it.label() }</button>
                    }
                </div>
            </div>
            <div class="settings">
                <div class="seg" role="group" aria-label={lang.say(Word::Language)}>
                    for (it, name) in [(Lang::Ko, "한국어"), (Lang::En, "EN")] {
                        <button type="button" lang={it.code()} aria-pressed={(it == lang).to_string()}
                                onclick={send.reform(move |_| Msg::Lang(it))}>{ name }</button>
                    }
                </div>
                <Switcher {lang} theme={*theme} send={send.clone()} />
                <Menu {lang} send={send.clone()} />
            </div>
        </header>
    }
}

#[derive(Properties, PartialEq)]
struct SwitcherProps {
    lang: Lang,
    theme: Theme,
    send: Callback<Msg>,
}

#[component]
fn Switcher(props: &SwitcherProps) -> Html {
    let name = props.lang.say(match props.theme {
        Theme::System => Word::ThemeSystem,
        Theme::Light => Word::ThemeLight,
        Theme::Dark => Word::ThemeDark,
    });
    html! {
        <button type="button" class="icon" aria-label={name} title={name}
                onclick={props.send.reform(|_| Msg::NextTheme)}>
            { theme_icon(props.theme) }
        </button>
    }
}

fn icon(path: &'static str) -> Html {
    html! {
        <svg class="glyph" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d={path} />
        </svg>
    }
}

pub(super) fn play_icon() -> Html {
    icon("M4 2.5v11l9-5.5z")
}

pub(super) fn pause_icon() -> Html {
    icon("M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z")
}

fn next_icon() -> Html {
    icon("M2 3v10l7-5zM10.5 3h2.5v10h-2.5z")
}

pub(super) fn step_icon(forward: bool, end: bool) -> Html {
    icon(match (forward, end) {
        (true, false) => "M5 2.5v11l7-5.5z",
        (false, false) => "M11 2.5v11l-7-5.5z",
        (true, true) => "M3 2.5v11l7-5.5zM11 2.5h2.2v11H11z",
        (false, true) => "M13 2.5v11l-7-5.5zM2.8 2.5H5v11H2.8z",
    })
}

fn theme_icon(theme: Theme) -> Html {
    icon(match theme {
        // Half a disc, a sun, a moon.
        Theme::System => "M8 1.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zm0 1.5v10a5 5 0 010-10z",
        Theme::Light => {
            "M8 4.6a3.4 3.4 0 100 6.8 3.4 3.4 0 000-6.8zM7.3.6h1.4v2.6H7.3zM7.3 12.8h1.4v2.6H7.3z\
             M.6 7.3h2.6v1.4H.6zM12.8 7.3h2.6v1.4h-2.6zM2.3 3.3l1-1 1.8 1.8-1 1zM10.9 11.9l1-1 1.8 1.8-1 1z\
             M2.3 12.7l1.8-1.8 1 1-1.8 1.8zM10.9 4.1l1.8-1.8 1 1-1.8 1.8z"
        }
        Theme::Dark => "M9.8 1.6A6.5 6.5 0 1014.4 10 5.4 5.4 0 019.8 1.6z",
    })
}

/// A dashed ghost with a packet going through it.
#[component]
fn Logo() -> Html {
    html! {
        <svg class="logo" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
            <rect x="3.5" y="5.5" width="17" height="13" rx="6.5" />
            <path d="M1 12h7M16 12h7" />
            <circle cx="12" cy="12" r="3.2" />
        </svg>
    }
}
