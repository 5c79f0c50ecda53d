//! What the page is showing, and how it changes: [`State`] and [`Msg`]. No browser here.

mod ends;
mod files;
mod gallery;
mod keep;
mod lesson;
mod msg;
mod panes;
mod past;
mod playback;
mod preview;
mod report;
mod rules;
mod settings;
mod sight;
mod terminal;
mod volley;

use std::ops::Range;
use std::rc::Rc;

use serde_json::Value;
use svclab_core::history::History;
use svclab_core::lab::log::EntryId;
use svclab_core::lab::{Action, Lab, Reply};
use svclab_core::reference::Reference;
use svclab_core::scenario::Scenario;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::RuleRef;

use crate::assist::{self, Question};
use crate::marks::Marks;
use crate::objects::Wanted;
use crate::scene::{Scene, Wishes, lay_out};
use crate::view::{Shared, View, view_of};
use crate::words::{self, Lang};

pub use ends::{Choice, Target};
pub use files::{Deed, File, Files, Filing};
pub use gallery::{Card, Gallery, Group};
pub use keep::Notice;
pub use lesson::{Lesson, Outcome};
pub use msg::{Dialog, Msg};
pub use panes::{Pane, Shape, Stop, TOUR};
pub use playback::{Playback, Sniffing};
pub use preview::{Changes, DiffLine, Preview, Section};
pub use report::{Fault, Place, Report};
pub use rules::{RulesView, Shown};
pub use settings::{Density, Memory, Motion, Speed, Theme};
pub use sight::{Sight, Sighting};
pub use terminal::{Completed, Line, Piece, Screen, Terminal, Typing, label, places};
pub use volley::{AMOUNTS, Bar, End, Volley};

use report::{LISTED, faults_of, said_of};

/// What the page has to do after a message, beside drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct After {
    pub draw: bool,
    pub save: bool,
}

const NOTHING: After = After { draw: false, save: false };
const DRAW: After = After { draw: true, save: false };
const SAVE: After = After { draw: true, save: true };

pub struct State {
    pub scenario: Rc<Scenario>,
    pub history: History,
    /// What the time bar paints of the branch that is shown.
    pub marks: Marks,
    pub view: Shared<View>,
    pub scene: Shared<Scene>,
    pub sight: Sight,
    /// Counts the lab's changes.
    pub revision: usize,
    /// The part of a microsecond that frames have left over.
    rest: f64,
    pub lang: Lang,
    pub theme: Theme,
    pub files: Files,
    pub report: Rc<Report>,
    /// What an Apply would change, while somebody looks at it.
    pub preview: Option<Preview>,
    pub playing: bool,
    /// A selected step stopped the time, not the pause button.
    held: bool,
    pub speed: Speed,
    /// What the system wishes.
    still: bool,
    pub density: Density,
    pub motion: Motion,
    pub lesson: Lesson,
    pub gallery: Gallery,
    pub dialog: Option<Dialog>,
    /// Which stop of the tour.
    pub tour: Option<usize>,
    pub notice: Option<Notice>,
    /// The browser did not take what there was to keep.
    pub unkept: bool,
    /// What the last new start has put aside.
    before: Option<Box<keep::Before>>,
    /// Milliseconds until the page sends a first request by itself.
    greeting: Option<f64>,
    pub playback: Option<Playback>,
    pub sniffing: Sniffing,
    pub shape: Shape,
    stage_width: f64,
    /// The panes that tabs have chosen, before the stage and in the main place; what they mean
    /// depends on the shape.
    left: Pane,
    pane: Pane,
    pub wanted_objects: Wanted,
    pub from: Option<Rc<str>>,
    pub to: Option<Rc<str>>,
    /// How many requests are sent at once.
    pub amount: usize,
    pub volley: Option<Volley>,
    /// What the user chose of the two.
    wanted: (Option<Rc<str>>, Option<Rc<str>>),
    /// The node was chosen, not taken for the client's sake.
    node_chosen: bool,
    pub node: Option<Rc<str>>,
    pub rule: Option<RuleRef>,
    pub rules_view: RulesView,
    /// A place in the manifests that is to be seen now.
    pub shown: Option<Shown>,
    pub entry: Option<EntryId>,
    /// The events' pane shows Kubernetes' own Events, not the whole story.
    pub only_recorded: bool,
    pub terminal: Terminal,
    /// What the API says of its kinds, once somebody has asked for it.
    pub reference: Option<Rc<Reference>>,
    reference_asked: bool,
    /// What the editor wants to know of it.
    asked: Vec<Asked>,
    /// What a live region says.
    pub said: String,
}

/// The editor asks what the API says of the field at a place, in UTF-16 units.
#[derive(Debug, Clone)]
struct Asked {
    text: Rc<str>,
    at: u32,
    reply: yew::Callback<String>,
}

/// The lab's seed: the same for everybody, so that two readers see the same names and dice.
pub const SEED: u64 = 1;
/// How long a first visitor looks before a packet leaves by itself, in milliseconds.
const GREETING: f64 = 2500.0;

impl State {
    pub fn new(scenario: Scenario, memory: Memory, system_lang: Lang) -> State {
        let (scenario, history, rest, notice) = match &memory.session {
            Some(session) => keep::last_visit(scenario, session, memory.rest.as_deref()),
            None => {
                let history = State::first_moment(&scenario);
                (Rc::new(scenario), history, Value::Null, None)
            }
        };
        let mut res = State {
            view: View::default().into(),
            scene: lay_out(&View::default(), &Wishes::default(), 700.0).into(),
            sight: Sight::default(),
            history,
            marks: Marks::default(),
            revision: 0,
            rest: 0.0,
            lang: memory.lang.unwrap_or(system_lang),
            theme: memory.theme.unwrap_or_default(),
            files: Files::new(named(&scenario)),
            report: Rc::default(),
            preview: None,
            playing: true,
            held: false,
            speed: Speed::Normal,
            still: false,
            density: memory.density.unwrap_or_default(),
            motion: memory.motion.unwrap_or_default(),
            lesson: Lesson::new(&scenario.tries, &memory.met),
            gallery: Gallery::default(),
            dialog: None,
            tour: None,
            notice,
            unkept: false,
            before: None,
            greeting: (!memory.visited).then_some(GREETING),
            playback: None,
            sniffing: Sniffing::default(),
            shape: Shape::Three,
            stage_width: 700.0,
            left: Pane::Manifests,
            pane: Pane::Walk,
            wanted_objects: Wanted::default(),
            from: None,
            to: None,
            amount: 1,
            volley: None,
            wanted: (None, None),
            node_chosen: false,
            node: None,
            rule: None,
            rules_view: RulesView::default(),
            shown: None,
            entry: None,
            only_recorded: false,
            terminal: Terminal::default(),
            reference: None,
            reference_asked: false,
            asked: Vec::new(),
            said: String::new(),
            scenario,
        };
        if let Some(files) = memory.files {
            res.take_files(files, memory.session.is_some());
        }
        res.said.clear();
        res.open_as_scenario_says();
        res.refresh();
        res.terminal = Terminal::new(res.first_places());
        if !rest.is_null() {
            res.take_rest(&rest);
        }
        res.lesson.introduces = !memory.visited;
        res
    }

    pub fn memory(&self) -> Memory {
        Memory {
            lang: Some(self.lang),
            theme: Some(self.theme),
            density: Some(self.density),
            motion: Some(self.motion),
            files: Some(self.files.clone()),
            session: Some(self.history.draft().to_text()),
            rest: self.rest(),
            met: self.lesson.met(),
            visited: true,
        }
    }

    /// Whether packets stand at their steps instead of moving.
    pub fn is_still(&self) -> bool {
        match self.motion {
            Motion::System => self.still,
            Motion::Full => false,
            Motion::Still => true,
        }
    }

    /// The time that the clock shows: the packet's own while one travels.
    pub fn time(&self) -> Instant {
        match &self.playback {
            Some(it) if it.live => {
                it.trace().steps.get(it.moment().step).map_or(it.trace().at, |step| step.at)
            }
            _ => self.history.now(),
        }
    }

    /// The cluster at the moment that is shown.
    pub fn lab(&self) -> &Lab {
        self.history.lab()
    }

    pub fn update(&mut self, msg: Msg) -> After {
        let after = match msg {
            Msg::Frame(millis) => self.frame(millis),
            Msg::Window(width) => self.resize(Shape::of_width(width), self.stage_width),
            Msg::Stage(width) => self.resize(self.shape, width.floor()),
            Msg::StillPictures(still) => {
                self.still = still;
                DRAW
            }
            msg => self.carry_out_msg(msg),
        };
        if self.lesson.is_running() && self.go_on_trying() { SAVE } else { after }
    }

    /// All that does not come by itself. Apart, so that the page need not fetch it first.
    #[inline(never)]
    fn carry_out_msg(&mut self, msg: Msg) -> After {
        if msg.is_by_user() {
            self.greeting = None;
            self.lesson.introduces = false;
            self.shown = None;
        }
        match msg {
            Msg::Frame(_) | Msg::Window(_) | Msg::Stage(_) | Msg::StillPictures(_) => {
                return NOTHING;
            }
            Msg::Sight(sighting) => self.sight(sighting),
            Msg::Edited(text) => {
                self.files.write(&text);
                return SAVE;
            }
            Msg::File(filing) => {
                self.files.act(filing, &named(&self.scenario));
                return SAVE;
            }
            Msg::Ask { question: Question::Describe, at, reply } => {
                self.describe(Asked { text: self.files.chosen().text.clone(), at, reply });
                return NOTHING;
            }
            Msg::Ask { question, at, reply } => {
                reply.emit(assist::answer(self.lab(), &self.files.chosen().text, question, at));
                return NOTHING;
            }
            Msg::Preview => {
                self.preview = Some(Preview::new(self.lab(), &self.files.text()));
                self.hold();
            }
            Msg::EndPreview => {
                self.preview = None;
                self.resume();
            }
            Msg::ApplyPreview => {
                self.preview = None;
                self.apply();
                return SAVE;
            }
            Msg::ApplyDocument(at) => {
                self.apply_document(at);
                return SAVE;
            }
            Msg::Apply => {
                self.apply();
                return SAVE;
            }
            Msg::StartOver => {
                self.start_over();
                return SAVE;
            }
            Msg::Act(action) => {
                self.act(action);
                return SAVE;
            }
            Msg::From(client) => {
                self.wanted.0 = Some(client.into());
                self.choose_ends();
            }
            Msg::To(target) => {
                self.wanted.1 = Some(target.into());
                self.choose_ends();
                self.lay_out();
            }
            Msg::Send => {
                self.send_all();
                return SAVE;
            }
            Msg::Amount(amount) => self.amount = amount,
            Msg::EndVolley => {
                self.volley = None;
                self.refresh();
                return SAVE;
            }
            Msg::PickExchange(id) => self.pick_exchange(id),
            Msg::Watch(ids) => self.watch_all(&ids),
            Msg::PickPacket(packet) => self.pick_packet(packet),
            Msg::PickPlace(exchange, packet, step) => self.pick_place(exchange, packet, step),
            Msg::Sniff(shown) => self.sniffing.shown = shown,
            Msg::SniffAt(at) => self.sniffing.at = at,
            Msg::PickStep(step) => self.pick_step(step),
            Msg::StepBy(count) => self.step_by(count),
            Msg::LastStep => {
                let last = self.playback.as_ref().map(|it| it.trace().steps.len());
                self.pick_step(last.unwrap_or(0).saturating_sub(1));
            }
            Msg::Leave => self.leave(),
            Msg::PlayPause => {
                self.playing = !self.playing;
                self.held = false;
            }
            Msg::NextEvent => self.next_event(),
            Msg::Look(at) => self.look(at),
            Msg::LookBy(count) => self.look_by(count),
            Msg::Now => self.come_back(),
            Msg::Branch(branch) => self.switch_branch(branch),
            Msg::Speed(speed) => self.speed = speed,
            Msg::Lang(lang) => {
                self.lang = lang;
                return SAVE;
            }
            Msg::NextTheme => {
                self.theme = self.theme.next();
                return SAVE;
            }
            Msg::Theme(theme) => {
                self.theme = theme;
                return SAVE;
            }
            Msg::Open(pane) => self.open(pane),
            Msg::Namespace(namespace) => self.wanted_objects.namespace = namespace,
            Msg::Search(words) => self.wanted_objects.search = words.into(),
            Msg::Fold(kind) => self.wanted_objects.fold(kind),
            Msg::Object(chosen) => self.choose_object(chosen),
            Msg::Wide(wide) => self.wanted_objects.wide = wide,
            Msg::OnlyOthers(only) => self.wanted_objects.only_others = only,
            Msg::Node(node) => {
                self.node = Some(node);
                self.node_chosen = true;
                self.rule = None;
            }
            Msg::Rule(rule) => self.rule = rule,
            Msg::ShowRule(node, rule) => {
                self.node = Some(node);
                self.rule = Some(rule);
                self.open(Pane::Rules);
            }
            Msg::SearchRules(words) => self.rules_view.search = words.into(),
            Msg::Against(node) => self.rules_view.against = node,
            Msg::Mode(mode) => self.rules_view.mode = Some(mode),
            Msg::ShowSource(key) => self.show_source(key),
            Msg::Entry(entry) => self.entry = entry,
            Msg::OnlyRecorded(only) => self.only_recorded = only,
            Msg::Terminal(typing) => {
                self.on_typing(typing);
                return SAVE;
            }
            Msg::Reference(text) => self.on_reference(text),
            Msg::Dialog(dialog) => self.dialog = dialog,
            Msg::Tour(at) => self.tour_to(at),
            Msg::Density(density) => {
                self.density = density;
                return SAVE;
            }
            Msg::Motion(motion) => {
                self.motion = motion;
                return SAVE;
            }
            Msg::Try(which) => self.try_out(which),
            Msg::Lesson(shown) => (self.lesson.shown, self.lesson.latest) = (shown, None),
            Msg::Index(index) => self.gallery.list(index),
            Msg::Listed(Ok(scenario)) => self.gallery.add(*scenario),
            Msg::Listed(Err(problem)) => self.notice = Some(Notice::Unreadable(problem)),
            Msg::Begin(scenario) => {
                self.begin(*scenario);
                self.dialog = None;
                return SAVE;
            }
            Msg::Linked(scenario) => {
                self.begin_linked(*scenario);
                return SAVE;
            }
            Msg::Restore(text) => {
                self.restore(&text);
                return SAVE;
            }
            Msg::Undo => {
                self.undo();
                return SAVE;
            }
            Msg::Notice(notice) => self.notice = notice,
            Msg::Passed => self.notice = None,
            Msg::Kept(kept) => self.told_kept(kept),
            Msg::Keep | Msg::CopyLink | Msg::Export | Msg::Import => return NOTHING,
        }
        DRAW
    }

    /// Reads everything anew from the lab.
    fn refresh(&mut self) {
        self.revision += 1;
        let exchanges = self.history.lab().exchanges();
        self.marks.read(self.history.current(), &self.history.branch().log, exchanges);
        let view = view_of(self.lab(), &self.view, &self.scenario.cluster);
        if *self.view == view {
            return;
        }
        self.view = view.into();
        self.choose_ends();
        self.lay_out();
    }

    fn apply(&mut self) {
        let text = self.files.text();
        self.apply_text(text.clone());
        self.files.all_sent(text);
    }

    #[inline(never)]
    fn apply_document(&mut self, at: u32) {
        let file = self.files.chosen().clone();
        let Some(part) = self.files.document_at(assist::byte_of(&file.text, at)) else {
            return self.apply();
        };
        let document: Rc<str> = file.text[part.clone()].into();
        let reply = self.history.act(Action::Apply { text: document.to_string() });
        let inside = |it: &Range<usize>| (file.id, it.start + part.start..it.end + part.start);
        self.report(reply, inside);
        self.files.document_sent(document);
    }

    fn apply_text(&mut self, text: Rc<str>) {
        let reply = self.history.act(Action::Apply { text: text.to_string() });
        let files = self.files.clone();
        self.report(reply, |it| files.place(it.clone()));
    }

    /// What came of an Apply, each mistake in its file.
    fn report(&mut self, reply: Reply, place: impl Fn(&Range<usize>) -> (u32, Range<usize>)) {
        let listed = reply.diagnostics.iter().take(LISTED).map(|it| (place(&it.span), it));
        let faults = faults_of(&self.files, listed);
        let report = Report {
            more: reply.diagnostics.len() - faults.len(),
            nothing: reply.applied.is_empty() && reply.diagnostics.is_empty(),
            applied: reply.applied.into_iter().map(|it| (it.key, it.change)).collect(),
            faults,
        };
        self.said = said_of(self.lang, &report);
        self.report = Rc::new(report);
        self.resume();
        self.refresh();
    }

    /// In the past it begins a branch.
    fn act(&mut self, action: Action) {
        self.history.act(action);
        self.resume();
        self.wake_jobs(None);
        self.refresh();
        self.say_last_event();
    }

    /// Time stops for a reader who has selected something.
    fn hold(&mut self) {
        self.held |= self.playing;
        self.playing = false;
    }

    /// An action on the cluster is to be seen: a step that was being read is let go.
    fn resume(&mut self) {
        if let Some(playback) = &mut self.playback {
            playback.live = false;
        }
        if self.held {
            self.playing = true;
            self.held = false;
        }
    }

    fn next_event(&mut self) {
        let Some(at) = self.history.next_event() else { return };
        if let Some(playback) = &mut self.playback {
            playback.live = false;
        }
        self.held = false;
        self.run_with_jobs(at);
        self.refresh();
        self.say_last_event();
    }

    fn frame(&mut self, millis: f64) -> After {
        if self.preview.as_mut().is_some_and(Preview::go_on) {
            return DRAW;
        }
        if let Some(left) = self.greeting {
            self.greeting = Some(left - millis).filter(|left| *left > 0.0);
            if self.greeting.is_none() {
                self.greet();
                return DRAW;
            }
        }
        if let Some(after) = self.go_on_sending(millis) {
            return after;
        }
        if !self.playing {
            return NOTHING;
        }
        let millis = millis * self.speed.factor();
        if self.playback.as_ref().is_some_and(|it| it.live) {
            return self.move_packet(millis);
        }
        let micros = millis * 1000.0 + self.rest;
        self.rest = micros.fract();
        let before = self.history.now();
        let goal = before + Duration::from_micros(micros as u64);
        let next = self.history.next_event().into_iter().chain(self.terminal.wake()).min();
        let eventful = next.is_some_and(|at| at <= goal);
        self.run_with_jobs(goal);
        if !eventful {
            // Ages are in whole seconds.
            let older = before.as_millis() / 1000 != goal.as_millis() / 1000;
            let aging = self.is_shown(Pane::Objects) || self.is_shown(Pane::Events);
            return if older && aging { DRAW } else { NOTHING };
        }
        self.refresh();
        DRAW
    }

    /// A packet to follow, for who has not done anything yet.
    #[inline(never)]
    fn greet(&mut self) {
        self.make_room();
        self.send();
        if self.is_still() {
            self.hold();
        }
    }

    fn say_last_event(&mut self) {
        if let Some(entry) = self.lab().log().last() {
            self.said = words::happening(self.lang, entry);
        }
    }
}

/// A scenario's files by name.
fn named(scenario: &Scenario) -> Vec<(&str, &str)> {
    scenario.manifests.iter().map(|it| (it.name.as_str(), it.text.as_str())).collect()
}

#[cfg(test)]
pub(crate) mod tests;
