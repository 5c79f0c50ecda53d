//! Where the focus is, where it goes, and that it is not lost with the thing that had it.

use std::cell::RefCell;

use gloo::timers::callback::Timeout;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};

pub fn focus(id: &str) {
    gloo::utils::document().get_element_by_id(id).iter().for_each(focus_on);
}

/// Things of the picture have the same method for it as things of the page.
pub fn focus_on(element: &Element) {
    let _ = element.unchecked_ref::<HtmlElement>().focus();
}

/// Once what was just asked for is drawn.
pub fn focus_soon(id: &'static str) {
    Timeout::new(30, move || focus(id)).forget();
}

pub fn has_focus(element: &Element) -> bool {
    focused().as_ref() == Some(element)
}

/// Nothing where only the page as a whole has it.
pub fn focused() -> Option<Element> {
    let document = gloo::utils::document();
    let body: Element = document.body()?.into();
    document.active_element().filter(|it| *it != body)
}

thread_local! {
    /// What took the last key, and all that it is in.
    static KEYED: RefCell<Vec<Element>> = const { RefCell::new(Vec::new()) };
}

/// Remembers what a key was pressed on. It may have gone with that key already, so its places are
/// those that the event has come through.
pub fn remember_keyed(event: &KeyboardEvent) {
    let places = event.composed_path().into_iter().filter_map(|it| it.dyn_into::<Element>().ok());
    KEYED.with(|it| it.replace(places.collect()));
}

/// Whether any key was pressed so far.
pub fn was_keyed() -> bool {
    KEYED.with_borrow(|it| !it.is_empty())
}

/// Whether what took the last key is gone, and the focus with it.
pub fn is_focus_lost() -> bool {
    KEYED.with_borrow(|it| it.first().is_some_and(|it| !it.is_connected())) && focused().is_none()
}

/// What can have the focus, as the style sheet's language says it.
const FOCUSABLE: &str = ":is(button, select, input, textarea, summary, [tabindex])\
                         :not(:disabled, [tabindex='-1'])";

/// Once everything is drawn: the focus goes to the first thing in what is left around the one that
/// is gone, unless what is new on the page has taken it.
pub fn bring_focus_back() {
    Timeout::new(0, to_what_is_left).forget();
}

fn to_what_is_left() {
    if !is_focus_lost() {
        return;
    }
    let place = KEYED.with_borrow(|it| it.iter().find(|it| it.is_connected()).cloned());
    let next = place.and_then(|it| it.query_selector(FOCUSABLE).ok()?);
    next.iter().for_each(focus_on);
}
