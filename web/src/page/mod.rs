//! What is drawn. Components get values and send [`Msg`]s; they decide nothing.

mod bar;
mod dialog;
mod editor;
mod endpoints;
mod events;
mod inspector;
mod object;
mod keys;
mod lesson;
mod menu;
mod names;
mod node;
mod notice;
mod objects;
mod overlay;
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
use web_sys::{Element, HtmlInputElement};
use yew::prelude::*;

use crate::effects::{self, Frames, WidthOf};
use crate::objects as objects_of;
use crate::scene::Point;
use crate::state::{Dialog, Msg, Notice, Pane, Screen, Shape, State, TOUR, Typing, places};
use crate::timeline::position;
use crate::view::Shared;
use crate::words::{self, Word};

use inspector::full_name;

use svclab_core::history::Branch;
use svclab_core::key::ObjectKey;
use svclab_core::scenario::{Index, Scenario, default_scenario};

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

/// The parts of the picture that move with every frame, outside the virtual DOM.
#[derive(Default, Clone, PartialEq)]
pub struct Moving {
    pub clock: NodeRef,
    pub slider: NodeRef,
    pub canvas: NodeRef,
    pub packet: NodeRef,
    pub label: NodeRef,
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
            Msg::Keep => effects::remember(&self.state.memory()),
            Msg::CopyLink => effects::copy_link(&self.state.kept(), move |it| {
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

    fn tabs(&self, tabs: &'static [Pane], shown: Pane) -> Html {
        let lang = self.state.lang;
        let place = tabs.iter().position(|it| *it == shown).unwrap_or(0);
        let send = self.send.clone();
        let onkeydown = Callback::from(move |event: KeyboardEvent| {
            let count = tabs.len();
            let next = match event.key().as_str() {
                "ArrowRight" => (place + 1) % count,
                "ArrowLeft" => (place + count - 1) % count,
                "Home" => 0,
                "End" => count - 1,
                _ => return,
            };
            event.prevent_default();
            send.emit(Msg::Open(tabs[next]));
            effects::focus(&format!("tab-{}", tabs[next].id()));
        });
        html! {
            <div class="tabs" role="tablist" aria-label={lang.say(Word::Panels)} {onkeydown}>
                for pane in tabs.iter().copied() {
                    <button role="tab" id={format!("tab-{}", pane.id())} type="button"
                            aria-selected={(pane == shown).to_string()}
                            aria-controls={(pane == shown).then(|| format!("panel-{}", pane.id()))}
                            tabindex={if pane == shown { "0" } else { "-1" }}
                            onclick={self.send.reform(move |_| Msg::Open(pane))}>
                        { lang.say(pane.word()) }
                    </button>
                }
            </div>
        }
    }

    fn panel(&self, pane: Pane) -> Html {
        html! {
            <div class="panel" role="tabpanel" key={pane.id()} id={format!("panel-{}", pane.id())}
                 aria-labelledby={format!("tab-{}", pane.id())}>
                { self.pane(pane) }
            </div>
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

    fn pane(&self, pane: Pane) -> Html {
        let state = &self.state;
        let (lang, send) = (state.lang, self.send.clone());
        match pane {
            Pane::Manifests => {
                let preview = state.preview.as_ref();
                let preview =
                    preview.map(|it| (it.changes().cloned(), it.passed().as_micros() / 1_000_000));
                html! {
                    <editor::Editor {lang} files={state.files.clone()}
                                    report={state.report.clone()} shown={state.shown.clone()} {preview} revision={state.revision} {send} />
                }
            }
            Pane::Walk => self.walk(),
            pane => self.other_pane(pane),
        }
    }

    fn walk(&self) -> Html {
        let state = &self.state;
        let playback = state.playback.as_ref().map(|it| walk::Watching {
            way: it.way.clone(),
            exchange: Shared(it.exchange.clone()),
            packet: it.packet,
            step: it.moment().step,
            live: it.live,
            origins: state.origins(),
        });
        let exchanges = Shared(Rc::new(state.lab().exchanges().to_vec()));
        html! {
            <walk::Walk lang={state.lang} {playback} {exchanges} count={state.lab().exchanges().len()}
                        playing={state.playing} sniffing={state.sniffing.clone()} sniffed={state.sniffed()}
                        send={self.send.clone()} />
        }
    }

    /// Those that a tab has to be pressed for.
    #[inline(never)]
    fn other_pane(&self, pane: Pane) -> Html {
        let state = &self.state;
        let (lang, send) = (state.lang, self.send.clone());
        match pane {
            Pane::Manifests | Pane::Walk | Pane::Stage => html! {},
            Pane::Objects => match &state.wanted_objects.chosen {
                Some(key) => html! {
                    <object::ObjectPane {lang} chosen={objects_of::chosen(state.lab(), key)} now={state.lab().now()}
                        only_others={state.wanted_objects.only_others} {send} />
                },
                None => html! {
                    <objects::ObjectsPane {lang} wanted={state.wanted_objects.clone()} can_widen={state.shape != Shape::One}
                        sections={Shared::from(objects_of::sections(state.lab().objects(), &state.wanted_objects))}
                        namespaces={objects_of::namespaces(state.lab().objects())}
                        now={state.lab().now()} {send} />
                },
            },
            Pane::Rules => {
                let node = state.node.clone().unwrap_or_else(|| "".into());
                let names: Vec<_> = state.view.nodes.iter().map(|it| it.name.clone()).collect();
                let rules = state.lab().rules(&node).map(Into::into);
                let against = state.rules_view.against.as_ref();
                let against = against.and_then(|it| state.lab().rules(it)).map(Into::into);
                let kernel = state.lab().network().kernel(&node);
                let counters = kernel.map(|it| it.counters.clone()).unwrap_or_default();
                html! {
                    <rules::Rules {lang} {node} {names} {rules} rule={state.rule} {against}
                        wanted={state.rules_view.clone()} text={state.other_mode()}
                        counters={Shared::from(counters)} requests={state.lab().exchanges().len()} {send} />
                }
            }
            Pane::Endpoints => html! { <endpoints::Endpoints {lang} view={state.view.clone()} /> },
            Pane::Names => html! {
                <names::Names {lang} asked={names::asked(state.lab().exchanges())} {send} />
            },
            Pane::Events => {
                let log = state.lab().log();
                let recorded = state.only_recorded.then(|| svclab_core::print::events(log.iter()));
                html! {
                    <events::Events {lang} entries={events::listed(log)} chosen={state.entry}
                                    {recorded} now={state.lab().now()} {send} />
                }
            }
            Pane::Terminal => self.terminal(),
        }
    }

    /// The terminal below the other panes, or its title alone.
    fn dock(&self) -> Html {
        let lang = self.state.lang;
        let shown = self.state.terminal.shown;
        let word = if shown { Word::HideTerminal } else { Word::ShowTerminal };
        html! {
            <section class="dock" aria-label={lang.say(Word::Terminal)} data-shown={shown.then_some("")}>
                <button type="button" class="fold" title={lang.say(word)} aria-label={lang.say(word)}
                        aria-expanded={shown.to_string()}
                        onclick={self.send.reform(move |_| Msg::Terminal(Typing::Show(!shown)))}>
                    { lang.say(Word::Terminal) }
                    <span aria-hidden="true">{ if shown { "▾" } else { "▴" } }</span>
                </button>
                if shown {
                    { self.terminal() }
                }
            </section>
        }
    }

    fn terminal(&self) -> Html {
        let State { lang, terminal, view, .. } = &self.state;
        let tab = |it: &Screen| terminal::Tab { name: it.label(), runs: it.runs() };
        let Some(screen) = terminal.screen() else { return html! {} };
        html! {
            <terminal::Terminal lang={*lang} tabs={terminal.screens.iter().map(tab).collect::<Vec<_>>()}
                chosen={terminal.chosen} places={places(view)} prompt={screen.prompt()}
                runs={screen.runs()} held={!self.state.playing}
                lines={screen.lines.clone()} typed={screen.typed.clone()} draft={screen.draft.clone()}
                completed={screen.completed.clone()} send={self.send.clone()} />
        }
    }

    /// Writes what changes with every frame straight into the page.
    fn paint(&mut self) {
        let state = &self.state;
        if let Some(clock) = self.moving.clock.cast::<Element>() {
            let time = state.time().to_string();
            if clock.text_content().as_deref() != Some(&time) {
                clock.set_text_content(Some(&time));
            }
        }
        let past = state.history.is_past();
        if let Some(slider) = self.moving.slider.cast::<HtmlInputElement>().filter(|_| past) {
            slider.set_value(&state.history.now().as_millis().to_string());
        }
        if let Some(volley) = &state.volley {
            self.stream.paint(volley);
        }
        let Some(playback) = state.playback.as_ref().filter(|it| it.live) else { return };
        let moment = playback.moment();
        let at = match state.is_still() {
            true => position(&playback.timeline, playback.timeline.arrival(moment.step)),
            false => position(&playback.timeline, playback.clock),
        };
        let (Some(at), Some(packet)) = (at, self.moving.packet.cast::<Element>()) else { return };
        let _ = packet.set_attribute("transform", &format!("translate({:.1} {:.1})", at.x, at.y));
        if let Some(label) = self.moving.label.cast::<Element>() {
            let width: f64 = label
                .get_attribute("data-width")
                .and_then(|it| it.parse().ok())
                .unwrap_or_default();
            let shift = overlay::label_shift(at, width, &state.scene);
            let style = format!("transform:translate({:.1}px,{:.1}px)", shift.x, shift.y);
            let _ = label.set_attribute("style", &style);
        }
        if self.painted != Some(at) {
            self.painted = Some(at);
            self.follow(at);
        }
    }

    /// Scrolls a stage that is larger than its window with the packet.
    fn follow(&self, at: Point) {
        let Some(canvas) = self.moving.canvas.cast::<Element>() else { return };
        let zoom = self.state.zoom();
        let goal = |from: i32, window: i32, level: f64| {
            let (from, window) = (f64::from(from), f64::from(window));
            let margin = (window / 3.0).min(130.0);
            from.max(level + margin - window).min(level - margin).max(0.0) as i32
        };
        let top = goal(canvas.scroll_top(), canvas.client_height(), at.y * zoom);
        let left = goal(canvas.scroll_left(), canvas.client_width(), at.x * zoom);
        if top != canvas.scroll_top() {
            canvas.set_scroll_top(top);
        }
        if left != canvas.scroll_left() {
            canvas.set_scroll_left(left);
        }
    }

    fn save_soon(&mut self) {
        let send = self.send.clone();
        self.saving = Some(Timeout::new(SAVE_AFTER, move || send.emit(Msg::Keep)));
    }
}

/// Milliseconds of quiet after which everything is kept.
const SAVE_AFTER: u32 = 600;
/// Milliseconds after which the page asks what other scenarios there are.
const LIST_AFTER: u32 = 3000;

/// Opens what the page's address asks for.
fn open_link(send: &Callback<Msg>) {
    let restored = send.clone();
    effects::linked(move |fetched| {
        restored.emit(match fetched {
            Ok(session) => Msg::Restore(session),
            Err(problem) => Msg::Notice(Some(Notice::Unreadable(problem))),
        });
    });
    if let Some(name) = effects::linked_scenario() {
        let send = send.clone();
        fetch_scenario(&name, move |read| {
            send.emit(match read {
                Ok(scenario) => Msg::Begin(scenario),
                Err(problem) => Msg::Notice(Some(Notice::Unreadable(problem))),
            });
        });
    }
}

/// Fetches the list of scenarios, and then each of them.
fn list(send: &Callback<Msg>) {
    let send = send.clone();
    effects::fetch("scenarios/index.yaml", move |fetched| {
        // Without the list the page shows the one scenario that it has.
        let Ok(index) = fetched.and_then(|text| Index::parse(&text)) else { return };
        let names: Vec<String> =
            index.groups.iter().flat_map(|it| it.scenarios.iter().cloned()).collect();
        send.emit(Msg::Index(index));
        for name in names {
            let send = send.clone();
            fetch_scenario(&name, move |read| send.emit(Msg::Listed(read)));
        }
    });
}

fn fetch_scenario(name: &str, call: impl FnOnce(Result<Box<Scenario>, String>) + 'static) {
    effects::fetch(&format!("scenarios/{name}.yaml"), move |fetched| {
        call(fetched.and_then(|text| Scenario::parse(&text)).map(Box::new));
    });
}
