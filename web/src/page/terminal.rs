use std::rc::Rc;

use svclab_shell::{Draft, Stream};
use web_sys::{Element, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::effects;
use crate::state::{Completed, Line, Msg, Piece, Typing};
use crate::view::Shared;
use crate::words::{self, Lang, Word};

/// A shell, as its tab shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tab {
    /// `worker-1 #`
    pub name: String,
    pub runs: bool,
}

#[derive(Properties, PartialEq)]
pub(super) struct TerminalProps {
    pub lang: Lang,
    pub tabs: Vec<Tab>,
    pub chosen: usize,
    /// All places where a shell can be opened: path and name.
    pub places: Vec<(String, String)>,
    pub prompt: String,
    pub runs: bool,
    /// A command waits for the time that is stopped.
    pub held: bool,
    pub lines: Shared<Vec<Rc<Line>>>,
    pub typed: Shared<Vec<String>>,
    pub draft: Option<Draft>,
    pub completed: Option<Completed>,
    pub send: Callback<Msg>,
}

/// Shells at places of the lab: what was printed, and the line to type.
#[component]
pub(super) fn Terminal(props: &TerminalProps) -> Html {
    let TerminalProps { lang, lines, draft, send, .. } = props;
    let screen = use_node_ref();
    use_effect_with((lines.clone(), props.prompt.clone(), props.chosen), {
        let screen = screen.clone();
        move |_| {
            if let Some(screen) = screen.cast::<Element>() {
                screen.set_scroll_top(screen.scroll_height());
            }
        }
    });
    html! {
        <div class="terminal">
            { tabs(props) }
            <div class="screen" ref={screen} onclick={|event: MouseEvent| focus_unless_selecting(&event)}>
                <div class="lines" role="log" aria-label={lang.say(Word::Printed)} lang="en">
                    for (index, line) in lines.iter().enumerate() {
                        <Row key={index} lang={*lang} line={Shared(line.clone())} send={send.clone()} />
                    }
                </div>
                if let Some(draft) = draft {
                    <Editing lang={*lang} draft={draft.clone()} send={send.clone()} />
                } else {
                    <Input lang={*lang} prompt={props.prompt.clone()} typed={props.typed.clone()}
                           chosen={props.chosen} runs={props.runs} held={props.held}
                           completed={props.completed.clone()} send={send.clone()} />
                }
            </div>
        </div>
    }
}

const INPUT: &str = "terminal-input";

/// A click beside the text means the line to type; one that selects text does not.
fn focus_unless_selecting(event: &MouseEvent) {
    let on_button = event
        .target_dyn_into::<Element>()
        .is_some_and(|it| it.closest("button, textarea").ok().flatten().is_some());
    if !on_button && !effects::is_selecting() {
        effects::focus(INPUT);
    }
}

fn tabs(props: &TerminalProps) -> Html {
    let TerminalProps { lang, tabs, chosen, places, send, .. } = props;
    let (chosen, count) = (*chosen, tabs.len());
    let onkeydown = {
        let send = send.clone();
        move |event: KeyboardEvent| {
            let next = match event.key().as_str() {
                "ArrowDown" | "ArrowRight" => (chosen + 1) % count.max(1),
                "ArrowUp" | "ArrowLeft" => (chosen + count.max(1) - 1) % count.max(1),
                "Delete" => return send.emit(Msg::Terminal(Typing::Close(chosen))),
                _ => return,
            };
            event.prevent_default();
            send.emit(Msg::Terminal(Typing::Choose(next)));
            effects::focus(&format!("shell-{next}"));
        }
    };
    let attach = send.reform(|event: Event| {
        let select = event.target_unchecked_into::<HtmlSelectElement>();
        let path = select.value();
        select.set_value("");
        Msg::Terminal(Typing::Attach(path))
    });
    html! {
        <div class="shells">
            <div role="tablist" aria-label={lang.say(Word::Shells)} {onkeydown}>
                for (index, tab) in tabs.iter().enumerate() {
                    <button role="tab" type="button" key={index} id={format!("shell-{index}")}
                            aria-selected={(index == chosen).to_string()}
                            tabindex={if index == chosen { "0" } else { "-1" }}
                            onclick={send.reform(move |_| Msg::Terminal(Typing::Choose(index)))}>
                        <span>{ &tab.name }</span>
                        if tab.runs {
                            <i class="busy" role="img" aria-label={lang.say(Word::Runs)} />
                        }
                    </button>
                }
            </div>
            <select aria-label={lang.say(Word::Attach)} onchange={attach}>
                <option value="" selected=true disabled=true hidden=true>{ lang.say(Word::AttachTo) }</option>
                for (path, name) in places {
                    <option value={path.clone()}>{ name }</option>
                }
            </select>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct RowProps {
    lang: Lang,
    line: Shared<Line>,
    send: Callback<Msg>,
}

#[component]
fn Row(props: &RowProps) -> Html {
    let RowProps { lang, line, send } = props;
    match &**line {
        Line::Typed { prompt, text } => html! {
            <p class="typed"><b>{ prompt }</b>{ " " }{ text }</p>
        },
        Line::Printed { stream, pieces } => {
            let err = (*stream == Stream::Err).then_some("err");
            // Columns stay columns; a sentence is broken where the screen ends.
            let table = pieces.iter().any(|it| it.text.contains("   ")).then_some("table");
            html! {
                <p class={classes!(err, table)}>
                    for piece in pieces {
                        { link(piece, send) }
                    }
                    // An empty line is as high as any.
                    if pieces.is_empty() { { "\u{200b}" } }
                </p>
            }
        }
        Line::Sent(ids) => {
            let sent: Rc<[usize]> = ids.iter().copied().collect();
            html! {
                <p class="sent">
                    <button type="button" class="link"
                            onclick={send.reform(move |_| Msg::Watch(sent.clone()))}>
                        { words::watch_packets(*lang, ids.len()) }
                    </button>
                </p>
            }
        }
    }
}

fn link(piece: &Piece, send: &Callback<Msg>) -> Html {
    let Some(key) = &piece.object else { return html! { { &piece.text } } };
    let (key, title) = (key.clone(), key.to_string());
    html! {
        <button type="button" class="named" {title}
                onclick={send.reform(move |_| Msg::Object(Some(key.clone())))}>{ &piece.text }</button>
    }
}

#[derive(Properties, PartialEq)]
struct InputProps {
    lang: Lang,
    prompt: String,
    typed: Shared<Vec<String>>,
    chosen: usize,
    runs: bool,
    held: bool,
    completed: Option<Completed>,
    send: Callback<Msg>,
}

/// The line to type. Arrows call earlier lines back; Shift and Enter begin another line.
/// Tab completes; in an empty line, with Shift or after Escape, it leaves as everywhere else.
#[component]
fn Input(props: &InputProps) -> Html {
    let InputProps { lang, prompt, typed, chosen, runs, held, completed, send } = props;
    let (lang, runs) = (*lang, *runs);
    let area = use_node_ref();
    // How far back in what was typed; 0 is the line being written, kept beside it.
    let back = use_mut_ref(|| (0_usize, String::new()));
    use_effect_with(*chosen, {
        let back = back.clone();
        move |_| *back.borrow_mut() = (0, String::new())
    });
    use_effect_with(completed.clone(), {
        let area = area.clone();
        move |completed| {
            let area = area.cast::<HtmlTextAreaElement>();
            if let (Some(area), Some(completed)) = (area, completed) {
                write_completed(&area, completed);
            }
        }
    });
    let escaped = use_mut_ref(|| false);
    let onkeydown = {
        let (send, typed) = (send.clone(), typed.clone());
        move |event: KeyboardEvent| {
            let area = event.target_unchecked_into::<HtmlTextAreaElement>();
            let leaves = escaped.replace(event.key() == "Escape");
            let control = event.ctrl_key() && !event.shift_key();
            let typing = match event.key().as_str() {
                "Enter" if event.is_composing() || event.shift_key() => return,
                "Enter" if runs => {
                    event.prevent_default();
                    return;
                }
                "Enter" => {
                    let text = area.value();
                    area.set_value("");
                    *back.borrow_mut() = (0, String::new());
                    Typing::Enter(text)
                }
                key @ ("ArrowUp" | "ArrowDown") if !area.value().contains('\n') => {
                    event.prevent_default();
                    recall(&area, &typed, &mut back.borrow_mut(), key == "ArrowUp");
                    return;
                }
                "Tab" if leaves || runs || event.shift_key() || event.is_composing() => return,
                "Tab" if area.value().is_empty() => return,
                "Tab" => Typing::Complete(area.value(), cursor(&area)),
                "c" if control && !effects::is_selecting() => {
                    area.set_value("");
                    Typing::Interrupt
                }
                "l" if control => Typing::Clear,
                _ => return,
            };
            event.prevent_default();
            send.emit(Msg::Terminal(typing));
        }
    };
    let oninput = |event: InputEvent| fit(&event.target_unchecked_into());
    html! {
        <div class="input">
            <b aria-hidden="true">{ prompt }</b>
            <textarea id={INPUT} ref={area} rows="1" aria-label="Terminal" lang="en" wrap="soft"
                      aria-description={prompt.clone()} aria-busy={runs.to_string()}
                      spellcheck="false" autocomplete="off" autocapitalize="off"
                      placeholder={if *chosen == 0 && typed.is_empty() { "kubectl get pods,svc,endpointslices -A" } else { "" }}
                      {onkeydown} {oninput} />
            if runs {
                if *held {
                    <span class="held">{ lang.say(Word::WaitsForTime) }</span>
                    <button type="button" onclick={send.reform(|_| Msg::PlayPause)}>{ lang.say(Word::Play) }</button>
                }
                <button type="button" onclick={send.reform(|_| Msg::Terminal(Typing::Interrupt))}>
                    { lang.say(Word::Stop) }<kbd aria-hidden="true">{ "Ctrl C" }</kbd>
                </button>
            }
        </div>
    }
}

/// The byte of the text before which the cursor stands.
fn cursor(area: &HtmlTextAreaElement) -> usize {
    let units = area.selection_start().ok().flatten().unwrap_or(u32::MAX) as usize;
    let text = area.value();
    let mut passed = 0;
    let reached = |it: &(usize, char)| {
        passed += it.1.len_utf16();
        passed > units
    };
    text.char_indices().find(reached).map_or(text.len(), |it| it.0)
}

/// Unless another line was typed meanwhile.
fn write_completed(area: &HtmlTextAreaElement, completed: &Completed) {
    if area.value() == completed.before.0 {
        area.set_value(&completed.line);
        let before = completed.line.get(..completed.cursor).unwrap_or_default();
        let units = before.encode_utf16().count() as u32;
        let _ = area.set_selection_range(units, units);
        fit(area);
    }
}

fn recall(area: &HtmlTextAreaElement, typed: &[String], back: &mut (usize, String), older: bool) {
    let (at, written) = back;
    if *at == 0 {
        *written = area.value();
    }
    *at = if older { (*at + 1).min(typed.len()) } else { at.saturating_sub(1) };
    let text = match typed.len().checked_sub(*at).and_then(|it| typed.get(it)) {
        Some(text) if *at > 0 => text,
        _ => &*written,
    };
    area.set_value(text);
    fit(area);
}

/// As many rows as it has lines.
fn fit(area: &HtmlTextAreaElement) {
    let lines = area.value().split('\n').count().min(12);
    area.set_rows(lines as u32);
}

#[derive(Properties, PartialEq)]
struct EditingProps {
    lang: Lang,
    draft: Draft,
    send: Callback<Msg>,
}

/// The text of `kubectl edit`.
#[component]
fn Editing(props: &EditingProps) -> Html {
    let EditingProps { lang, draft, send } = props;
    let area = use_node_ref();
    use_effect_with(draft.clone(), {
        let area = area.clone();
        move |draft| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                area.set_value(&draft.text);
                let _ = area.focus();
            }
        }
    });
    let save = {
        let area = area.clone();
        send.reform(move |_| {
            let text = area.cast::<HtmlTextAreaElement>().map(|it| it.value());
            Msg::Terminal(Typing::Edited(text))
        })
    };
    html! {
        <div class="editing">
            <p><b>{ &draft.name }</b></p>
            <textarea ref={area} rows="12" wrap="off" spellcheck="false" lang="en" aria-label={draft.name.clone()} />
            <div class="actions">
                <button type="button" class="pri" onclick={save}>{ lang.say(Word::SaveEdit) }</button>
                <button type="button" onclick={send.reform(|_| Msg::Terminal(Typing::Edited(None)))}>
                    { lang.say(Word::LeaveEdit) }
                </button>
            </div>
        </div>
    }
}
