//! What stands over the page: the scenarios to choose from, settings, keys.

use web_sys::{Element, HtmlDialogElement};
use yew::prelude::*;

use crate::effects;
use crate::state::{Card, Density, Group, Motion, Msg, Theme};
use crate::words::{Lang, Word};

/// A `dialog` element that is open as long as it is drawn. Then the focus goes back where it was.
#[hook]
pub(super) fn use_modal() -> NodeRef {
    let dialog = use_node_ref();
    use_effect_with((), {
        let dialog = dialog.clone();
        move |()| {
            let dialog = dialog.cast::<HtmlDialogElement>();
            if let Some(dialog) = &dialog {
                // It is in the page and not open yet.
                let _ = dialog.show_modal();
            }
            // One that is taken out of the page while it is open gives nothing back.
            move || dialog.iter().for_each(HtmlDialogElement::close)
        }
    });
    dialog
}

/// What opens beside the rest takes the focus to `place`, and gives it back when it goes or turns
/// to something else.
#[hook]
pub(super) fn use_visit<T: PartialEq + 'static>(place: NodeRef, about: T) {
    use_effect_with(about, move |_| {
        let before = effects::focused();
        let place = place.cast::<Element>();
        let is_inside = |it: &Element| place.as_ref().is_some_and(|place| place.contains(Some(it)));
        let before = before.filter(|it| !is_inside(it));
        place.iter().for_each(effects::focus_on);
        move || before.iter().for_each(effects::focus_on)
    });
}

#[derive(Properties, PartialEq)]
struct ModalProps {
    lang: Lang,
    title: Word,
    send: Callback<Msg>,
    children: Html,
}

/// A dialog that Escape and a click beside it close.
#[component]
fn Modal(props: &ModalProps) -> Html {
    let ModalProps { lang, title, send, children } = props;
    let dialog = use_modal();
    let close = send.reform(|_: ()| Msg::Dialog(None));
    let beside = {
        let (dialog, close) = (dialog.clone(), close.clone());
        move |event: MouseEvent| {
            if event.target_dyn_into::<Element>() == dialog.cast::<Element>() {
                close.emit(());
            }
        }
    };
    html! {
        <dialog ref={dialog} class="modal" aria-label={lang.say(*title)} onclick={beside}
                onclose={close.reform(|_: Event| ())}>
            <div class="content">
                <header>
                    <h2>{ lang.say(*title) }</h2>
                    <button type="button" class="icon" aria-label={lang.say(Word::SkipToEnd)}
                            onclick={close.reform(|_: MouseEvent| ())}>{ "✕" }</button>
                </header>
                { children.clone() }
            </div>
        </dialog>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct ScenariosProps {
    pub lang: Lang,
    pub groups: Vec<Group>,
    /// The one that runs.
    pub current: String,
    pub send: Callback<Msg>,
}

/// All scenarios, in the order to take them.
#[component]
pub(super) fn Scenarios(props: &ScenariosProps) -> Html {
    let ScenariosProps { lang, groups, current, send } = props;
    let lang = *lang;
    html! {
        <Modal {lang} title={Word::AllScenarios} send={send.clone()}>
            <div class="gallery">
                for (index, group) in groups.iter().enumerate() {
                    <section key={index} aria-label={lang.pick(group.title.en.clone(), group.title.ko.clone())}>
                        <h3>{ lang.pick(&*group.title.en, &*group.title.ko) }</h3>
                        <ul>
                            for card in group.cards.iter() {
                                { offer(lang, card, card.scenario.name == *current, send) }
                            }
                        </ul>
                    </section>
                }
                if groups.is_empty() {
                    <p class="empty">{ lang.say(Word::Fetching) }</p>
                }
            </div>
        </Modal>
    }
}

fn offer(lang: Lang, card: &Card, is_current: bool, send: &Callback<Msg>) -> Html {
    let scenario = card.scenario.clone();
    let (title, about) = (&scenario.title, &scenario.about);
    html! {
        <li key={&*scenario.name}>
            <button type="button" aria-current={is_current.then_some("true")}
                    onclick={send.reform({
                        let scenario = scenario.clone();
                        move |_| Msg::Begin(Box::new((*scenario).clone()))
                    })}>
                <b><small>{ card.number }</small>{ lang.pick(&*title.en, &*title.ko) }</b>
                <span>{ lang.pick(&*about.en, &*about.ko) }</span>
            </button>
        </li>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct SettingsProps {
    pub lang: Lang,
    pub theme: Theme,
    pub density: Density,
    pub motion: Motion,
    pub send: Callback<Msg>,
}

#[component]
pub(super) fn Settings(props: &SettingsProps) -> Html {
    let SettingsProps { lang, theme, density, motion, send } = props;
    let lang = *lang;
    let themes =
        [(Theme::System, Word::AsSystem), (Theme::Light, Word::Light), (Theme::Dark, Word::Dark)];
    let densities = [
        (Density::Dense, Word::Dense),
        (Density::Normal, Word::Normal),
        (Density::Roomy, Word::Roomy),
    ];
    let motions = [
        (Motion::System, Word::AsSystem),
        (Motion::Full, Word::Moves),
        (Motion::Still, Word::StepByStep),
    ];
    html! {
        <Modal {lang} title={Word::Settings} send={send.clone()}>
            <div class="settings-list">
                { choice(lang, Word::Theme, &themes, *theme, send.reform(Msg::Theme)) }
                { choice(lang, Word::Density, &densities, *density, send.reform(Msg::Density)) }
                { choice(lang, Word::Motion, &motions, *motion, send.reform(Msg::Motion)) }
            </div>
        </Modal>
    }
}

fn choice<T: Copy + PartialEq + 'static>(
    lang: Lang,
    name: Word,
    values: &[(T, Word)],
    chosen: T,
    send: Callback<T>,
) -> Html {
    html! {
        <div class="setting">
            <span>{ lang.say(name) }</span>
            <div class="seg" role="group" aria-label={lang.say(name)}>
                for (value, word) in values.iter().copied() {
                    <button type="button" aria-pressed={(value == chosen).to_string()}
                            onclick={send.reform(move |_| value)}>{ lang.say(word) }</button>
                }
            </div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct KeysProps {
    pub lang: Lang,
    pub send: Callback<Msg>,
}

/// Keys and what they do; where a place has to have the focus, it is named.
const KEYS: [(&str, Word); 16] = [
    ("?", Word::KeyShortcuts),
    ("Space", Word::KeyPlay),
    (".", Word::KeyNextEvent),
    (", <", Word::KeyBack),
    ("N", Word::KeyNow),
    ("S", Word::KeySend),
    ("L", Word::AllScenarios),
    ("U", Word::KeyUndo),
    ("M", Word::KeyManifests),
    ("T", Word::KeyTerminal),
    ("1 – 5", Word::KeyPanes),
    ("← → Home End", Word::KeySteps),
    ("+ − 0", Word::KeySizes),
    ("Ctrl/⌘ + Enter", Word::ApplyHint),
    ("↑ ↓", Word::KeyRecall),
    ("Ctrl + C", Word::KeyInterrupt),
];

#[component]
pub(super) fn Shortcuts(props: &KeysProps) -> Html {
    let KeysProps { lang, send } = props;
    let lang = *lang;
    html! {
        <Modal {lang} title={Word::Shortcuts} send={send.clone()}>
            <dl class="keys">
                for (keys, word) in KEYS {
                    <div><dt><kbd>{ keys }</kbd></dt><dd>{ lang.say(word) }</dd></div>
                }
            </dl>
        </Modal>
    }
}
