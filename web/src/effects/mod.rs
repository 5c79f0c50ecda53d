//! The browser: storage, clock, media queries, focus and scrolling. Nothing else of the page asks it.

mod focus;
mod host;

use std::cell::RefCell;
use std::rc::Rc;

use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::storage::{LocalStorage, Storage};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlTextAreaElement, ResizeObserver, ResizeObserverEntry};

use crate::state::{Density, Files, Memory, Motion, Theme};
use crate::words::Lang;

pub use focus::*;
pub use host::*;

const LANG: &str = "svclab.lang";
const THEME: &str = "svclab.theme";
const DENSITY: &str = "svclab.density";
const MOTION: &str = "svclab.motion";
const FILES: &str = "svclab.files";
const SESSION: &str = "svclab.session";
/// The session of a lab that has stopped: it can be saved, but is not begun again by itself.
const STOPPED: &str = "svclab.stopped";
const MET: &str = "svclab.met";
/// Other branches than the session's, and the terminals' screens.
const REST: &str = "svclab.rest";
/// Longer texts are refused anyway, after a while: browsers give a page five million letters in all.
const LONGEST: usize = 5_000_000;

pub fn remembered() -> Memory {
    let get = |key: &str| LocalStorage::get::<String>(key).ok();
    let met = get(MET).unwrap_or_default();
    Memory {
        lang: parameter("lang").or_else(|| get(LANG)).and_then(|code| Lang::from_code(&code)),
        theme: parameter("theme").or_else(|| get(THEME)).and_then(|name| Theme::from_name(&name)),
        density: get(DENSITY).and_then(|name| Density::from_name(&name)),
        motion: get(MOTION).and_then(|name| Motion::from_name(&name)),
        files: get(FILES).and_then(|it| Files::from_json(&it)),
        session: get(SESSION),
        rest: get(REST),
        met: met.split(',').filter_map(|it| it.parse().ok()).collect(),
        visited: get(THEME).is_some(),
    }
}

/// Whether the browser has taken all of it. What it refuses stays as it was kept before.
pub fn remember(memory: &Memory) -> bool {
    let set = |key: &str, value: Option<&str>| match value {
        Some(value) => value.len() <= LONGEST && LocalStorage::set(key, value).is_ok(),
        None => {
            LocalStorage::delete(key);
            true
        }
    };
    let met: Vec<String> = memory.met.iter().map(ToString::to_string).collect();
    set(LANG, memory.lang.map(Lang::code));
    set(THEME, memory.theme.map(Theme::name));
    set(DENSITY, memory.density.map(Density::name));
    set(MOTION, memory.motion.map(Motion::name));
    set(MET, Some(&met.join(",")));
    // Encoding some megabytes takes a while, to be refused in the end.
    let files = memory.files.as_ref().filter(|it| it.size() <= LONGEST).map(Files::to_json);
    let fits = files.is_some() && set(FILES, files.as_deref());
    let session = memory.session.as_deref();
    let session = set(SESSION, session) || {
        // What was done counts more than what it printed.
        LocalStorage::delete(REST);
        set(SESSION, session)
    };
    set(REST, memory.rest.as_deref()) && session && fits
}

/// The element of `index.html` that the page is drawn into.
pub fn root() -> Option<Element> {
    gloo::utils::document().get_element_by_id("lab")
}

/// The language that the browser asks for.
pub fn system_lang() -> Lang {
    let code = gloo::utils::window().navigator().language();
    code.and_then(|code| Lang::from_code(&code)).unwrap_or_default()
}

pub fn show_settings(lang: Lang, theme: Theme, density: Density) {
    let root = gloo::utils::document_element();
    for (name, value) in
        [("lang", lang.code()), ("data-theme", theme.name()), ("data-density", density.name())]
    {
        // A `lang` that is set anew, even to what it was, makes the browser style every element
        // again: half a second with a text of half a million lines.
        if root.get_attribute(name).as_deref() != Some(value) {
            // Setting an attribute of an element that exists cannot fail.
            let _ = root.set_attribute(name, value);
        }
    }
}

/// Whether the user asks for reduced motion: told at once, and whenever it changes.
pub fn on_still_pictures(call: impl Fn(bool) + 'static) -> Option<EventListener> {
    let query = gloo::utils::window().match_media("(prefers-reduced-motion: reduce)");
    let query = query.ok().flatten()?;
    call(query.matches());
    let asked = query.clone();
    Some(EventListener::new(&query, "change", move |_| call(asked.matches())))
}

pub fn window_width() -> f64 {
    let width = gloo::utils::window().inner_width();
    width.ok().and_then(|it| it.as_f64()).unwrap_or(1440.0)
}

pub fn on_resize(call: impl Fn() + 'static) -> EventListener {
    EventListener::new(&gloo::utils::window(), "resize", move |_| call())
}

/// Tells the width of an element's content whenever it changes, without asking for a layout.
pub struct WidthOf {
    observer: Option<ResizeObserver>,
    _call: Closure<dyn FnMut(Vec<ResizeObserverEntry>)>,
    watched: Option<Element>,
}

impl WidthOf {
    pub fn new(call: impl Fn(f64) + 'static) -> WidthOf {
        let call = Closure::new(move |entries: Vec<ResizeObserverEntry>| {
            if let Some(entry) = entries.last() {
                call(entry.content_rect().width());
            }
        });
        let observer = ResizeObserver::new(call.as_ref().unchecked_ref()).ok();
        WidthOf { observer, _call: call, watched: None }
    }

    /// The element to watch from now on; nothing happens where it is the one already watched.
    pub fn watch(&mut self, element: Option<Element>) {
        let Some(observer) = self.observer.as_ref().filter(|_| self.watched != element) else {
            return;
        };
        observer.disconnect();
        if let Some(element) = &element {
            observer.observe(element);
        }
        self.watched = element;
    }
}

impl Drop for WidthOf {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}

/// Calls back before each frame with the milliseconds since the one before.
pub struct Frames {
    _pending: Rc<RefCell<Option<AnimationFrame>>>,
}

/// A tab that was hidden for long does not catch up.
const LONGEST_FRAME: f64 = 100.0;

impl Frames {
    pub fn new(call: impl Fn(f64) + 'static) -> Frames {
        let pending = Rc::default();
        ask(&pending, None, Rc::new(call));
        Frames { _pending: pending }
    }
}

type Pending = Rc<RefCell<Option<AnimationFrame>>>;

fn ask(pending: &Pending, before: Option<f64>, call: Rc<dyn Fn(f64)>) {
    let again = Rc::downgrade(pending);
    let frame = request_animation_frame(move |now| {
        call(before.map_or(0.0, |before| (now - before).clamp(0.0, LONGEST_FRAME)));
        if let Some(pending) = again.upgrade() {
            ask(&pending, Some(now), call);
        }
    });
    *pending.borrow_mut() = Some(frame);
}

/// Selects a part of the text and scrolls to its line.
pub fn select(area: &HtmlTextAreaElement, from: u32, to: u32, scroll: i32) {
    let _ = area.focus();
    let _ = area.set_selection_range(from, to);
    area.set_scroll_top(scroll.max(0));
}

/// Whether text of the page is selected.
pub fn is_selecting() -> bool {
    let selection = gloo::utils::window().get_selection().ok().flatten();
    selection.is_some_and(|it| !it.is_collapsed())
}

/// Scrolls `outer` so far that `inner` is in sight.
pub fn reveal(outer: &Element, inner: &Element) {
    let (frame, it) = (outer.get_bounding_client_rect(), inner.get_bounding_client_rect());
    let above = it.top() - frame.top() - 8.0;
    let below = it.top() + it.height().min(frame.height() - 16.0) - frame.bottom() + 8.0;
    if above < 0.0 {
        outer.set_scroll_top(outer.scroll_top() + above as i32);
    } else if below > 0.0 {
        outer.set_scroll_top(outer.scroll_top() + below as i32 + 1);
    }
}

/// Tells when the page is about to go, or to be hidden.
pub fn on_leaving(call: impl Fn() + 'static) -> EventListener {
    EventListener::new(&gloo::utils::document(), "visibilitychange", move |_| {
        if gloo::utils::document().hidden() {
            call();
        }
    })
}

/// Shows the calm message that `index.html` holds. What led here is put aside, to be saved.
pub fn show_crash() {
    if let Some(files) = remembered().files {
        let files = files.unapplied().to_json();
        // A browser may refuse to store anything.
        let _ = LocalStorage::set(FILES, files);
    }
    if let Ok(session) = LocalStorage::get::<String>(SESSION) {
        // There may be no room for it twice.
        LocalStorage::delete(SESSION);
        let _ = LocalStorage::set(STOPPED, session);
    }
    if let Some(element) = gloo::utils::document().get_element_by_id("crashed") {
        let _ = element.remove_attribute("hidden");
    }
}
