//! The text of one file, in the editor's module or in a plain text area.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use web_sys::{Element, HtmlTextAreaElement};
use yew::prelude::*;

use crate::effects;
use crate::state::{Fault, Place, Report};
use crate::words::{KOREAN_PHRASES, Lang};

use super::Told;
use super::bridge::{self, Bridge};
use super::plain::{Plain, top_of};

#[derive(Properties, PartialEq)]
pub(super) struct CodeProps {
    pub lang: Lang,
    pub file: u32,
    pub text: Rc<str>,
    /// It is not the text that was applied last.
    pub differs: bool,
    pub report: Rc<Report>,
    /// Counts the lab's changes.
    pub revision: usize,
    /// Asks for the cursor, and sends it places.
    pub hand: Hand,
    pub tell: Callback<Told>,
}

/// What the rest of the editor's pane does with the text.
#[derive(Clone, Default)]
pub(super) struct Hand {
    bridge: Rc<RefCell<Option<Bridge>>>,
    area: NodeRef,
    cursor: Rc<Cell<u32>>,
    /// What was selected in a text area that had the focus when the module took its place.
    selected: Rc<Cell<Option<(u32, u32)>>>,
}

impl PartialEq for Hand {
    fn eq(&self, other: &Hand) -> bool {
        Rc::ptr_eq(&self.bridge, &other.bridge)
    }
}

impl Hand {
    /// Where the cursor is, in UTF-16 units.
    pub(super) fn cursor(&self) -> u32 {
        match self.area.cast::<HtmlTextAreaElement>() {
            Some(area) => area.selection_start().ok().flatten().unwrap_or(0),
            None => self.cursor.get(),
        }
    }

    fn remember(&self) {
        let area = self.area.cast::<HtmlTextAreaElement>();
        let area = area.filter(|it| effects::has_focus(it));
        let places = area.map(|it| (it.selection_start(), it.selection_end()));
        if let Some((Ok(Some(start)), Ok(Some(end)))) = places {
            self.selected.set(Some((start, end)));
        }
    }

    pub(super) fn answer(&self, number: u32, answer: &str) {
        if let Some(bridge) = &*self.bridge.borrow() {
            bridge.answer(number, answer);
        }
    }

    pub(super) fn flush(&self) {
        if let Some(bridge) = &*self.bridge.borrow() {
            bridge.flush();
        }
    }

    pub(super) fn select(&self, place: &Place) {
        let (start, end) = (place.selection.start, place.selection.end);
        let end = end.max(start + 1);
        if let Some(bridge) = &*self.bridge.borrow() {
            bridge.select(start, end);
        } else if let Some(area) = self.area.cast::<HtmlTextAreaElement>() {
            effects::select(&area, start, end, top_of(place.line));
        }
    }
}

#[component]
pub(super) fn Code(props: &CodeProps) -> Html {
    let CodeProps { lang, file, text, differs, report, revision, hand, tell } = props;
    let (lang, file) = (*lang, *file);
    let host = use_node_ref();
    let is_there = use_state(bridge::is_there);
    let composes = use_mut_ref(|| false);
    // The module takes over where the text area stands, but not in the middle of a syllable.
    let take_over = {
        let (is_there, composes, hand) = (is_there.clone(), composes.clone(), hand.clone());
        Callback::from(move |()| {
            if bridge::is_there() && !*composes.borrow() {
                hand.remember();
                is_there.set(true);
            }
        })
    };
    use_effect_with((), {
        let (is_there, take_over) = (is_there.clone(), take_over.clone());
        move |()| {
            let listening = (!*is_there).then(|| bridge::when_there(move || take_over.emit(())));
            move || drop(listening)
        }
    });
    let composing = use_callback((), move |now, ()| {
        *composes.borrow_mut() = now;
        take_over.emit(());
    });
    // What the module holds of the file that it shows.
    let held = use_mut_ref(|| (u32::MAX, Rc::<str>::from("")));
    let tell_module = {
        let (held, hand, tell) = (held.clone(), hand.clone(), tell.clone());
        Callback::from(move |told: Told| {
            match &told {
                Told::Text { file, text } => *held.borrow_mut() = (*file, text.as_str().into()),
                Told::Cursor(at) => hand.cursor.set(*at),
                Told::Apply | Told::ApplyDocument | Told::Ask { .. } => {}
            }
            tell.emit(told);
        })
    };
    use_effect_with(*is_there, {
        let (host, hand) = (host.clone(), hand.clone());
        move |is_there| {
            if *is_there && let Some(host) = host.cast::<Element>() {
                let bridge = Bridge::open(&host, move |told| tell_module.emit(told));
                *hand.bridge.borrow_mut() = bridge;
            }
            move || drop(hand.bridge.take())
        }
    });
    use_effect_with((*is_there, file, text.clone()), {
        let hand = hand.clone();
        move |(_, file, text)| {
            let now = (*file, text.clone());
            if let Some(bridge) = &*hand.bridge.borrow()
                && *held.borrow() != now
            {
                bridge.show(*file, text);
                *held.borrow_mut() = now;
                if let Some((start, end)) = hand.selected.take() {
                    bridge.select(start, end);
                }
            }
        }
    });
    use_effect_with((*is_there, lang), {
        let hand = hand.clone();
        move |(_, lang)| {
            if let Some(bridge) = &*hand.bridge.borrow() {
                bridge.say(*lang, lang.pick("{}", KOREAN_PHRASES));
            }
        }
    });
    use_effect_with((*is_there, file, report.clone()), {
        let (hand, differs) = (hand.clone(), *differs);
        move |(_, file, report)| {
            if let Some(bridge) = &*hand.bridge.borrow() {
                // Places are those of the text that was applied.
                if differs {
                    return bridge.check();
                }
                let here: Vec<&Fault> =
                    report.faults.iter().filter(|it| it.file == *file).collect();
                bridge.mark(&here);
            }
        }
    });
    use_effect_with((*is_there, file, *revision), {
        let hand = hand.clone();
        move |_| {
            if let Some(bridge) = &*hand.bridge.borrow() {
                bridge.stale();
            }
        }
    });
    if *is_there {
        return html! { <div class="code" key="code" ref={host} /> };
    }
    let here = report.faults.iter().filter(|it| it.file == file);
    let wrong: Vec<usize> = here.map(|it| it.place.line).collect();
    html! {
        <div class="text" key="plain">
            <Plain {file} text={text.clone()} {wrong} area={hand.area.clone()} {composing}
                   tell={tell.clone()} />
        </div>
    }
}
