use std::rc::Rc;

use svclab_core::lab::log::Change;
use svclab_core::read::Severity;
use yew::prelude::*;

use crate::state::{Fault, Report};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct OutcomeProps {
    pub lang: Lang,
    pub report: Rc<Report>,
    /// The files' names, where there are several.
    pub names: Vec<(u32, Rc<str>)>,
    /// The fault that the cursor is in.
    pub current: Option<usize>,
    pub pick: Callback<Fault>,
}

/// What the last Apply did: objects, and problems to go to.
#[component]
pub(super) fn Outcome(props: &OutcomeProps) -> Html {
    let OutcomeProps { lang, report, names, current, pick } = props;
    let lang = *lang;
    if **report == Report::default() {
        return html! {};
    }
    let name = |file| names.iter().find(|(id, _)| *id == file).map(|(_, name)| &**name);
    let changed = report.applied.iter().filter(|(_, change)| *change != Change::Unchanged);
    let unchanged = report.applied.len() - changed.clone().count();
    html! {
        <div class="outcome" tabindex="0" role="group" aria-label={lang.say(Word::Problems)}>
            if report.nothing {
                <p class="bad">{ lang.say(Word::NoObjects) }</p>
            }
            if !report.faults.is_empty() {
                <ol class="faults" aria-label={lang.say(Word::Problems)}>
                    for (index, fault) in report.faults.iter().cloned().enumerate() {
                        <li key={index}>
                            <button type="button" class={severity(&fault)}
                                    aria-current={(*current == Some(index)).then_some("location")}
                                    onclick={{
                                        let fault = fault.clone();
                                        pick.reform(move |_| fault.clone())
                                    }}>
                                <b>{ words::fault_place(lang, name(fault.file), fault.place.line, fault.place.column) }</b>
                                <span lang="en">{ fault.text }</span>
                            </button>
                        </li>
                    }
                </ol>
            }
            if report.more > 0 {
                <p>{ words::more_errors(lang, report.more) }</p>
            }
            if !report.applied.is_empty() {
                <ul class="applied">
                    for (index, (key, change)) in changed.enumerate() {
                        <li key={index}>
                            <code>{ key.to_string() }</code>{ " " }
                            <span>{ words::change(lang, *change) }</span>
                        </li>
                    }
                    if unchanged > 0 {
                        <li key="unchanged"><span>{ words::unchanged(lang, unchanged) }</span></li>
                    }
                </ul>
            }
        </div>
    }
}

fn severity(fault: &Fault) -> Option<&'static str> {
    (fault.severity == Severity::Warning).then_some("warning")
}
