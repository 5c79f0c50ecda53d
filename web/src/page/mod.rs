//! What is drawn. Components get values and send [`Msg`]s; they decide nothing.

mod bar;
mod dialog;
mod edge;
mod editor;
mod endpoints;
mod events;
mod inspector;
mod keys;
mod lesson;
mod listing;
mod menu;
mod moving;
mod names;
mod node;
mod notice;
mod object;
mod objects;
mod overlay;
mod panes;
mod pod;
mod press;
mod rule;
mod rules;
mod scrub;
mod send;
mod sight;
mod stage;
mod terminal;
mod tour;
mod volley;
mod walk;

use std::rc::Rc;

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use svclab_core::history::Branch;
use svclab_core::key::ObjectKey;
use svclab_core::scenario::default_scenario;
use yew::prelude::*;

use crate::effects::{self, Frames, WidthOf};
use crate::scene::Point;
use crate::state::{Dialog, Msg, Notice, Pane, Shape, State, TOUR};
use crate::view::Shared;
use crate::words::{self, Word};

use edge::Edge;
use inspector::full_name;
use listing::{LIST_AFTER, list, open_link};
use moving::Moving;

/// What the API says of its kinds, beside the page.
const REFERENCE: &str = "reference.txt";

pub fn start() {
    yew::set_custom_panic_hook(Box::new(|panic| {
        gloo::console::error!(panic.to_string());
        effects::show_crash();
    }));
    // Not the body: the message for the worst case stands beside the page.
    if let Some(root) = effects::root() {
        yew::Renderer::<App>::with_root(root).render();
    }
}

pub struct App {
    state: State,
    send: Callback<Msg>,
    moving: Moving,
    /// Where the packet was drawn last.
    painted: Option<Point>,
    saving: Option<Timeout>,
    /// Where the stage's width is measured.
    canvas: WidthOf,
    wheel: sight::Wheel,
    known: inspector::Known,
    stream: volley::Stream,
    _frames: Frames,
    _listening: Vec<EventListener>,
    _listing: Timeout,
}

impl Component for App {
    type Message = Msg;
    type Properties = ();

    fn create(ctx: &Context<App>) -> App {
        let send = ctx.link().callback(|msg| msg);
        let mut state =
            State::new(default_scenario(), effects::remembered(), effects::system_lang());
        state.update(Msg::Window(effects::window_width()));
        effects::show_settings(state.lang, state.theme, state.density);
        open_link(&send);
        let (frame, window, stage, still) =
            (send.clone(), send.clone(), send.clone(), send.clone());
        let resize = effects::on_resize(move || window.emit(Msg::Window(effects::window_width())));
        let still = effects::on_still_pictures(move |it| still.emit(Msg::StillPictures(it)));
        let leaving = effects::on_leaving({
            let send = send.clone();
            move || send.emit(Msg::Keep)
        });
        let keys = keys::listen(send.clone());
        let wheel = send.clone();
        let listing = Timeout::new(LIST_AFTER, {
            let send = send.clone();
            move || list(&send)
        });
        App {
            state,
            send,
            moving: Moving::default(),
            painted: None,
            saving: None,
            canvas: WidthOf::new(move |width| stage.emit(Msg::Stage(width))),
            wheel: sight::Wheel::new(wheel),
            known: inspector::Known::default(),
            stream: volley::Stream::default(),
            _frames: Frames::new(move |millis| frame.emit(Msg::Frame(millis))),
            _listening: [resize, leaving, keys].into_iter().chain(still).collect(),
            _listing: listing,
        }
    }

    fn update(&mut self, _ctx: &Context<App>, msg: Msg) -> bool {
        if self.with_browser(&msg) {
            return false;
        }
        let before = self.state.zoom();
        let after = self.state.update(msg);
        sight::keep_middle(&self.moving.canvas, self.state.zoom() / before);
        if after.save {
            effects::show_settings(self.state.lang, self.state.theme, self.state.density);
            self.save_soon();
        }
        if self.state.takes_reference() {
            let send = self.send.clone();
            effects::fetch(REFERENCE, move |text| send.emit(Msg::Reference(text.ok())));
        }
        if !after.draw {
            self.paint();
        }
        after.draw
    }

    fn rendered(&mut self, _ctx: &Context<App>, _first: bool) {
        self.paint();
        if effects::was_keyed() {
            effects::bring_focus_back();
        }
        self.canvas.watch(self.moving.canvas.cast());
        self.wheel.watch(self.moving.canvas.cast());
    }

    fn view(&self, _ctx: &Context<App>) -> Html {
        let state = &self.state;
        let (lang, shape) = (state.lang, state.shape);
        let pane = state.pane();
        let wide = state.is_wide();
        let stage = !wide && (shape != Shape::One || pane == Pane::Stage);
        html! {
            <div class="page" data-shape={shape.name()} data-wide={wide.then_some("")}
                 data-tour={state.tour.and_then(|it| TOUR.get(it)).map(|it| it.name())}>
                <bar::Bar {lang} theme={state.theme} playing={state.playing} speed={state.speed}
                          travelling={state.playback.as_ref().is_some_and(|it| it.live)}
                          clock={self.moving.clock.clone()} scrub={self.scrub()} send={self.send.clone()} />
                if shape != Shape::Three {
                    { self.lesson() }
                }
                <main>
                    if let Some(left) = state.left() {
                        <div class="pane left">
                            { self.lesson() }
                            { self.tabs(shape.left(), left) }
                            { self.panel(left) }
                            { Edge::Left.html(lang) }
                        </div>
                    }
                    if shape == Shape::One {
                        { self.tabs(shape.tabs(), pane) }
                    }
                    if stage {
                        { self.stage(shape == Shape::One) }
                    }
                    if shape != Shape::One {
                        <div class="pane right">
                            { self.tabs(shape.tabs(), pane) }
                            { self.panel(pane) }
                            { self.inspector() }
                            { Edge::Right.html(lang) }
                        </div>
                    } else if pane != Pane::Stage {
                        { self.panel(pane) }
                    }
                </main>
                if shape != Shape::One {
                    { self.dock() }
                }
                if let Some(notice) = state.notice.clone() {
                    <notice::NoticeBar {lang} {notice} send={self.send.clone()} />
                }
                if let Some(at) = state.tour {
                    <tour::Tour {lang} {at} send={self.send.clone()} />
                }
                if shape == Shape::One {
                    { self.inspector() }
                }
                if let Some(dialog) = state.dialog {
                    { self.open_dialog(dialog) }
                }
                <p class="unseen" aria-live="polite">{ &state.said }</p>
            </div>
        }
    }
}

impl App {
    fn lesson(&self) -> Html {
        let State { lang, scenario, lesson, gallery, .. } = &self.state;
        html! {
            <lesson::Lesson lang={*lang} scenario={scenario.clone()} outcomes={lesson.outcomes.clone()}
                shown={lesson.shown} introduces={lesson.introduces} latest={lesson.latest} place={gallery.place_of(&scenario.name)}
                next={gallery.after(&scenario.name)} send={self.send.clone()} />
        }
    }

    #[inline(never)]
    fn open_dialog(&self, dialog: Dialog) -> Html {
        let State { lang, theme, density, motion, gallery, scenario, .. } = &self.state;
        let (lang, send) = (*lang, self.send.clone());
        match dialog {
            Dialog::Scenarios => html! {
                <dialog::Scenarios {lang} groups={gallery.groups()} current={scenario.name.clone()} {send} />
            },
            Dialog::Settings => html! {
                <dialog::Settings {lang} theme={*theme} density={*density} motion={*motion} {send} />
            },
            Dialog::Shortcuts => html! { <dialog::Shortcuts {lang} {send} /> },
        }
    }

    fn inspector(&self) -> Html {
        match self.state.sight.inspected.clone() {
            Some(key) => self.inspected(key),
            None => html! {},
        }
    }

    /// Apart, as nothing is inspected when the page opens.
    #[inline(never)]
    fn inspected(&self, key: ObjectKey) -> Html {
        let state = &self.state;
        let name = full_name(&key);
        let from = state.clients().into_iter().map(|it| it.id).find(|id| **id == *name);
        let leads_there = |id: &Rc<str>| id.split([':', ' ']).next() == Some(&name);
        let to = state.targets().into_iter().map(|it| it.id).find(leads_there);
        let facts = self.known.facts(state, &key);
        html! {
            <inspector::Inspector lang={state.lang} key_of={key} {facts} view={state.view.clone()}
                                  {from} {to} send={self.send.clone()} />
        }
    }

    /// What only the browser can do.
    fn with_browser(&self, msg: &Msg) -> bool {
        matches!(msg, Msg::Keep | Msg::CopyLink | Msg::Export | Msg::Import) && self.keep(msg)
    }

    #[inline(never)]
    fn keep(&self, msg: &Msg) -> bool {
        let send = self.send.clone();
        let read = move |fetched: effects::Fetched, then: fn(String) -> Msg| {
            send.emit(fetched.map_or_else(|it| Msg::Notice(Some(Notice::Unreadable(it))), then));
        };
        match msg {
            Msg::Keep => {
                let kept = effects::remember(&self.state.memory());
                if kept == self.state.unkept {
                    self.send.emit(Msg::Kept(kept));
                }
            }
            Msg::CopyLink => effects::copy_link(&self.state.linked(), move |it| {
                read(it, |_| Msg::Notice(Some(Notice::LinkCopied)));
            }),
            Msg::Export => effects::save_file("service-lab.json", &self.state.kept()),
            Msg::Import => effects::choose(move |it| read(it, Msg::Restore)),
            _ => return false,
        }
        true
    }

    fn scrub(&self) -> Html {
        let history = &self.state.history;
        let fork = |it: &Branch| it.parent.map(|fork| (fork.branch.0, fork.at));
        // At the present the live region says what happens.
        let last = history.lab().log().last().filter(|_| history.is_past());
        let last = last.map(|it| words::happening(self.state.lang, it)).unwrap_or_default();
        html! {
            <scrub::Scrub lang={self.state.lang} marks={self.state.marks.all.clone()}
                          now={history.now()} head={history.branch().head} past={history.is_past()}
                          {last} branches={history.branches().map(|(_, it)| fork(it)).collect::<Vec<_>>()}
                          current={history.current().0} slider={self.moving.slider.clone()}
                          send={self.send.clone()} />
        }
    }

    fn stage(&self, alone: bool) -> Html {
        let state = &self.state;
        let lang = state.lang;
        let watched = state.playback.as_ref().filter(|it| it.live).map(|it| overlay::Watched {
            trace: Shared(it.trace().clone()),
            timeline: it.timeline.clone(),
            moment: it.moment(),
            reply: it.is_reply(),
            name: words::packet_name(&it.exchange, it.packet),
        });
        let (clients, targets) = (state.clients(), state.targets());
        let chosen = state.chosen_service();
        html! {
            <section class="stage" aria-label="Stage" id={alone.then_some("panel-stage")}>
                <send::Send {lang} {clients} {targets} from={state.from.clone()} to={state.to.clone()}
                            amount={state.amount} send={self.send.clone()} />
                <div class="sight">
                    <div class="canvas" ref={self.moving.canvas.clone()} tabindex="0"
                         role="group" aria-label={lang.say(Word::Stage)}
                         onkeydown={sight::keys(&self.send, &self.moving.canvas)}
                         onpointermove={sight::drag(&self.moving.canvas)}>
                        <svg width={(state.scene.width * state.zoom()).to_string()}
                             height={(state.scene.height * state.zoom()).to_string()}
                             viewBox={format!("0 0 {} {}", state.scene.width, state.scene.height)}
                             role="group" aria-label={lang.say(Word::Stage)}>
                            <stage::Map {lang} view={state.view.clone()} scene={state.scene.clone()}
                                        {chosen} inspected={state.sight.inspected.clone()} send={self.send.clone()} />
                            if let Some(watched) = watched {
                                <overlay::Overlay {lang} scene={state.scene.clone()} {watched}
                                                  moving={self.moving.clone()} />
                            }
                        </svg>
                        if let Some(volley) = &state.volley {
                            { self.stream.layer(lang, (state.scene.width, state.scene.height), state.zoom(), &volley.failures()) }
                        }
                    </div>
                    if let Some(volley) = &state.volley {
                        <volley::Bars {lang} bars={volley.bars()} landed={volley.landed()} wanted={volley.wanted}
                                      send={self.send.clone()} />
                    }
                    <sight::Sizes {lang} canvas={self.moving.canvas.clone()} send={self.send.clone()} />
                </div>
                if let Some(playback) = state.playback.as_ref().filter(|it| alone && it.live) {
                    <walk::Caption {lang} trace={Shared(playback.trace().clone())}
                                   step={playback.moment().step} playing={state.playing}
                                   send={self.send.clone()} />
                }
            </section>
        }
    }

    fn save_soon(&mut self) {
        let send = self.send.clone();
        self.saving = Some(Timeout::new(SAVE_AFTER, move || send.emit(Msg::Keep)));
    }
}

/// Milliseconds of quiet after which everything is kept.
const SAVE_AFTER: u32 = 600;
