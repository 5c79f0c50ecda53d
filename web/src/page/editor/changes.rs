use yew::prelude::*;

use crate::page::dialog::use_modal;
use crate::state::{Changes, DiffLine, Msg, Section};
use crate::words::{self, Lang, Word};

/// Lines of one part that are drawn.
const DRAWN: usize = 600;

#[derive(Properties, PartialEq)]
pub(super) struct PreviewProps {
    pub lang: Lang,
    /// None while it is being found out.
    pub changes: Option<Changes>,
    /// Whole seconds of the lab's time that have been tried.
    pub passed: u64,
    pub send: Callback<Msg>,
}

/// What applying would change, before it is done.
#[component]
pub(super) fn Preview(props: &PreviewProps) -> Html {
    let PreviewProps { lang, changes, passed, send } = props;
    let lang = *lang;
    let dialog = use_modal();
    let close = send.reform(|_| Msg::EndPreview);
    let oncancel = send.reform(|event: Event| {
        event.prevent_default();
        Msg::EndPreview
    });
    html! {
        <dialog ref={dialog} class="changes" aria-label={lang.say(Word::ChangesTitle)} {oncancel}>
            <header>
                <h2>{ lang.say(Word::ChangesTitle) }</h2>
                <p role="status">
                    { changes.as_ref().map_or_else(|| words::trying(lang, *passed), |it| words::changes_take(lang, it)) }
                </p>
            </header>
            <div class="scroll" tabindex="0" role="group" aria-label={lang.say(Word::ChangesTitle)}>
                if let Some(changes) = changes {
                    if changes.mistakes > 0 {
                        <p class="bad">{ words::mistakes_left_out(lang, changes.mistakes) }</p>
                    }
                    { part(lang, Word::Objects, &changes.objects) }
                    { part(lang, Word::Endpoints, &changes.endpoints) }
                    { part(lang, Word::Rules, &changes.rules) }
                }
            </div>
            <footer>
                <button type="button" class="pri" disabled={changes.is_none()} onclick={send.reform(|_| Msg::ApplyPreview)}>
                    { lang.say(Word::Apply) }
                </button>
                <button type="button" onclick={close}>{ lang.say(Word::SkipToEnd) }</button>
            </footer>
        </dialog>
    }
}

fn part(lang: Lang, word: Word, sections: &[Section]) -> Html {
    let new: usize = sections.iter().map(Section::new_lines).sum();
    let gone: usize = sections.iter().map(Section::gone_lines).sum();
    html! {
        <section aria-label={lang.say(word)}>
            <h3>
                { lang.say(word) }
                if new + gone > 0 {
                    <span class="plus">{ format!("+{new}") }</span>
                    <span class="minus">{ format!("−{gone}") }</span>
                }
            </h3>
            if sections.is_empty() {
                <p class="dim">{ lang.say(Word::NoChange) }</p>
            }
            for (index, section) in sections.iter().enumerate() {
                <details key={index} open={true}>
                    <summary><code>{ &section.title }</code></summary>
                    <ol lang="en">
                        for (index, line) in section.lines.iter().take(DRAWN).enumerate() {
                            <li key={index} class={class(line)}>{ text(lang, line) }</li>
                        }
                    </ol>
                    if section.lines.len() > DRAWN {
                        <p class="dim">{ words::more(lang, section.lines.len() - DRAWN) }</p>
                    }
                </details>
            }
        </section>
    }
}

fn class(line: &DiffLine) -> &'static str {
    match line {
        DiffLine::Same(_) => "same",
        DiffLine::New(_) => "new",
        DiffLine::Gone(_) => "gone",
        DiffLine::Left(_) => "left",
    }
}

fn text(lang: Lang, line: &DiffLine) -> Html {
    match line {
        DiffLine::Same(line) => html! { <code>{ format!("  {line}") }</code> },
        DiffLine::New(line) => html! { <code>{ format!("+ {line}") }</code> },
        DiffLine::Gone(line) => html! { <code>{ format!("- {line}") }</code> },
        DiffLine::Left(count) => html! { <span>{ words::lines_left(lang, *count) }</span> },
    }
}
