//! The manifests: files, the text of one, what came of the last Apply.

mod bridge;
mod changes;
mod code;
mod outcome;
mod plain;
mod tabs;

use std::rc::Rc;

use yew::prelude::*;

use crate::state::{Changes, Fault, Files, Filing, Msg, Report, Shown};
use crate::words::{self, Lang, Word};

use bridge::Told;
use changes::Preview;
use code::{Code, Hand};
use outcome::Outcome;
use tabs::Tabs;

#[derive(Properties, PartialEq)]
pub(super) struct EditorProps {
    pub lang: Lang,
    pub files: Files,
    pub report: Rc<Report>,
    /// A place to go to.
    pub shown: Option<Shown>,
    /// What an Apply would change, and how many seconds have been tried.
    pub preview: Option<(Option<Changes>, u64)>,
    /// Counts the lab's changes.
    pub revision: usize,
    pub send: Callback<Msg>,
}

/// The manifests as text, with the last Apply's errors at their places.
#[component]
pub(super) fn Editor(props: &EditorProps) -> Html {
    let EditorProps { lang, files, report, preview, revision, send, .. } = props;
    let lang = *lang;
    let file = files.chosen().clone();
    let hand = use_memo((), |()| Hand::default());
    let cursor = use_state(|| 0);
    // A fault in another file is gone to once that file is shown.
    let wanted = use_mut_ref(|| None::<Fault>);
    use_effect_with((file.id, file.text.clone()), {
        let (wanted, hand) = (wanted.clone(), hand.clone());
        move |(file, _)| {
            if let Some(fault) = wanted.borrow_mut().take_if(|it| it.file == *file) {
                hand.select(&fault.place);
            }
        }
    });
    use_effect_with(props.shown.clone(), {
        let hand = hand.clone();
        move |shown| {
            if let Some(it) = shown {
                hand.select(&it.place);
            }
        }
    });
    let pick = {
        let (send, hand, shown) = (send.clone(), hand.clone(), file.id);
        Callback::from(move |fault: Fault| {
            if fault.file == shown {
                return hand.select(&fault.place);
            }
            send.emit(Msg::File(Filing::Choose(fault.file)));
            *wanted.borrow_mut() = Some(fault);
        })
    };
    let apply = |msg: fn(&Hand) -> Msg| {
        let (send, hand) = (send.clone(), hand.clone());
        Callback::from(move |()| {
            hand.flush();
            send.emit(msg(&hand));
        })
    };
    let diff = apply(|_| Msg::Preview);
    let all = apply(|_| Msg::Apply);
    let one = apply(|hand| Msg::ApplyDocument(hand.cursor()));
    let tell = {
        let (send, all, one) = (send.clone(), all.clone(), one.clone());
        let (hand, cursor) = (hand.clone(), cursor.clone());
        Callback::from(move |told: Told| match told {
            Told::Text { file, text } => send.emit(Msg::File(Filing::Write { id: file, text })),
            Told::Cursor(at) => cursor.set(at),
            Told::Apply => all.emit(()),
            Told::ApplyDocument => one.emit(()),
            Told::Ask { number, question, at } => {
                let hand = hand.clone();
                let reply = Callback::from(move |answer: String| hand.answer(number, &answer));
                send.emit(Msg::Ask { question, at, reply });
            }
        })
    };
    // Marks stay at their places while the text around them is changed, but no list does.
    let current = report.faults.iter().position(|it| {
        it.file == file.id && (it.place.selection.start..=it.place.selection.end).contains(&*cursor)
    });
    let names = match files.all() {
        [_] => Vec::new(),
        all => all.iter().map(|it| (it.id, it.name.clone())).collect(),
    };
    html! {
        <div class="editor">
            <Tabs {lang} files={files.all().to_vec()} chosen={file.id} send={send.clone()} />
            <Code {lang} file={file.id} text={file.text.clone()} differs={file.differs()} report={report.clone()} revision={*revision}
                  hand={(*hand).clone()} {tell} />
            <Outcome {lang} report={report.clone()} {names} {pick}
                     current={current.filter(|_| !file.differs())} />
            if let Some(deed) = files.undoable() {
                <p class="deed" role="status">
                    { words::deed(lang, deed) }
                    <button type="button" class="link" onclick={send.reform(|_| Msg::File(Filing::Undo))}>
                        { lang.say(Word::Undo) }
                    </button>
                </p>
            }
            if let Some((changes, passed)) = preview.clone() {
                <Preview {lang} {changes} {passed} send={send.clone()} />
            }
            <div class="actions">
                <button type="button" class="pri" title={lang.say(Word::ApplyHint)}
                        onclick={all.reform(|_| ())}>
                    { lang.say(Word::Apply) }<kbd aria-hidden="true">{ "Ctrl ↵" }</kbd>
                </button>
                <button type="button" title={lang.say(Word::OnlyThisHint)}
                        onclick={one.reform(|_| ())}>{ lang.say(Word::OnlyThis) }</button>
                <button type="button" title={lang.say(Word::DiffHint)}
                        onclick={diff.reform(|_| ())}>{ lang.say(Word::Diff) }</button>
                <span class="grow" />
                <button type="button" class="icon" title={lang.say(Word::ResetHint)} aria-label={lang.say(Word::Reset)}
                        onclick={send.reform(|_| Msg::StartOver)}>{ "⟲" }</button>
            </div>
        </div>
    }
}
