//! What the page is showing, and how it changes: [`State`] and [`Msg`]. No browser here.

use std::ops::Range;
use std::rc::Rc;

use svclab_core::history::{BranchId, History};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::log::{Change, EntryId};
use svclab_core::lab::{Action, Lab, Sending};
use svclab_core::object::Protocol;
use svclab_core::scenario::Scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Exchange, Trace};
use svclab_netfilter::RuleRef;

use crate::marks::Marks;
use crate::objects::Wanted;
use crate::scene::{Scene, lay_out};
use crate::timeline::{Moment, Timeline, timeline};
use crate::view::{Shared, View, view_of};
use crate::words::{self, Lang, Word};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    pub fn from_name(name: &str) -> Option<Theme> {
        [Theme::System, Theme::Light, Theme::Dark].into_iter().find(|it| it.name() == name)
    }

    fn next(self) -> Theme {
        match self {
            Theme::System => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::System,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Manifests,
    Objects,
    Stage,
    Walk,
    Rules,
    Endpoints,
    Events,
}

impl Pane {
    pub const ALL: [Pane; 7] = [
        Pane::Stage,
        Pane::Manifests,
        Pane::Objects,
        Pane::Walk,
        Pane::Rules,
        Pane::Endpoints,
        Pane::Events,
    ];

    pub fn word(self) -> Word {
        match self {
            Pane::Manifests => Word::Manifests,
            Pane::Objects => Word::Objects,
            Pane::Stage => Word::Stage,
            Pane::Walk => Word::Walk,
            Pane::Rules => Word::Rules,
            Pane::Endpoints => Word::Endpoints,
            Pane::Events => Word::Events,
        }
    }

    pub fn id(self) -> &'static str {
        match self {
            Pane::Manifests => "manifests",
            Pane::Objects => "objects",
            Pane::Stage => "stage",
            Pane::Walk => "walk",
            Pane::Rules => "rules",
            Pane::Endpoints => "endpoints",
            Pane::Events => "events",
        }
    }
}

/// How many panes stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Manifests or objects, stage, and one of the others.
    Three,
    /// The stage and one of the others.
    Two,
    One,
}

impl Shape {
    pub fn of_width(width: f64) -> Shape {
        match width {
            it if it >= 1200.0 => Shape::Three,
            it if it >= 820.0 => Shape::Two,
            _ => Shape::One,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Shape::Three => "three",
            Shape::Two => "two",
            Shape::One => "one",
        }
    }

    /// The panes that share the place before the stage and are chosen by tabs, if there is one.
    pub fn left(self) -> &'static [Pane] {
        match self {
            Shape::Three => &[Pane::Manifests, Pane::Objects],
            Shape::Two | Shape::One => &[],
        }
    }

    /// The panes that share the main place and are chosen by tabs.
    pub fn tabs(self) -> &'static [Pane] {
        match self {
            Shape::Three => &Pane::ALL[3..],
            Shape::Two => &Pane::ALL[1..],
            Shape::One => &Pane::ALL,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    Quarter,
    Normal,
    Ten,
}

impl Speed {
    pub const ALL: [Speed; 3] = [Speed::Quarter, Speed::Normal, Speed::Ten];

    pub fn factor(self) -> f64 {
        match self {
            Speed::Quarter => 0.25,
            Speed::Normal => 1.0,
            Speed::Ten => 10.0,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Speed::Quarter => "¼×",
            Speed::Normal => "1×",
            Speed::Ten => "10×",
        }
    }
}

/// One thing that is wrong in the text, at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Both count from 1.
    pub line: usize,
    pub column: usize,
    /// In UTF-16 units, as a text area counts.
    pub selection: Range<u32>,
    pub text: String,
}

/// What came of the last Apply.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub applied: Vec<(ObjectKey, Change)>,
    pub faults: Vec<Fault>,
    /// Faults beyond those listed.
    pub more: usize,
    /// The text held no object at all.
    pub nothing: bool,
}

/// At most so many faults are listed.
const LISTED: usize = 50;

/// A request being watched: which of its packets, and where that is.
#[derive(Debug, Clone)]
pub struct Playback {
    pub exchange: Rc<Exchange>,
    pub packet: usize,
    pub timeline: Shared<Timeline>,
    pub clock: f64,
    /// The packet is on the stage, and the lab's time waits for it.
    pub live: bool,
}

impl Playback {
    pub fn trace(&self) -> &Rc<Trace> {
        &self.exchange.packets[self.packet]
    }

    pub fn moment(&self) -> Moment {
        self.timeline.moment(self.clock).unwrap_or_default()
    }

    pub fn is_reply(&self) -> bool {
        words::is_reply(&self.exchange, self.packet)
    }
}

#[derive(Debug, Clone)]
pub enum Msg {
    /// An animation frame, so many milliseconds after the one before.
    Frame(f64),
    /// The window's width, in CSS pixels.
    Window(f64),
    /// The stage's width, in CSS pixels.
    Stage(f64),
    StillPictures(bool),
    Edited(String),
    Apply,
    StartOver,
    /// Does something to the cluster at the moment that is shown.
    Act(Action),
    From(String),
    To(String),
    Send,
    PickExchange(usize),
    PickPacket(usize),
    PickStep(usize),
    /// Steps forward or back; over the end of one packet into the next.
    StepBy(isize),
    LastStep,
    /// Ends the watching: the lab's time goes on.
    Leave,
    PlayPause,
    NextEvent,
    /// Shows an earlier moment.
    Look(Instant),
    /// Shows the moment of the painted event before or after this one.
    LookBy(isize),
    /// Comes back to the latest moment.
    Now,
    Branch(BranchId),
    Speed(Speed),
    Lang(Lang),
    NextTheme,
    Open(Pane),
    /// Objects of this namespace, or of all.
    Namespace(Option<Rc<str>>),
    /// Objects that these words are about.
    Search(String),
    /// Opens or closes the table of a kind.
    Fold(Kind),
    /// Shows an object's YAML, or the tables again.
    Object(Option<ObjectKey>),
    /// The YAML without what the user wrote.
    OnlyOthers(bool),
    /// Objects take the stage's place too.
    Wide(bool),
    Node(Rc<str>),
    Rule(Option<RuleRef>),
    /// Shows a rule of a node in the rules' pane.
    ShowRule(Rc<str>, RuleRef),
    Entry(Option<EntryId>),
    /// Kubernetes' own Events alone, or the whole story.
    OnlyRecorded(bool),
}

/// What the page has to do after a message, beside drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct After {
    pub draw: bool,
    pub save: bool,
}

const NOTHING: After = After { draw: false, save: false };
const DRAW: After = After { draw: true, save: false };
const SAVE: After = After { draw: true, save: true };

/// What the browser remembers between visits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    pub lang: Option<Lang>,
    pub theme: Option<Theme>,
    pub text: Option<String>,
    pub applied: Option<String>,
}

pub struct State {
    scenario: Scenario,
    pub history: History,
    /// What the time bar paints of the branch that is shown.
    pub marks: Marks,
    pub view: Shared<View>,
    pub scene: Shared<Scene>,
    /// Counts the lab's changes.
    pub revision: usize,
    /// The part of a microsecond that frames have left over.
    rest: f64,
    pub lang: Lang,
    pub theme: Theme,
    pub text: Rc<str>,
    pub applied: Rc<str>,
    pub report: Rc<Report>,
    pub playing: bool,
    /// A selected step stopped the time, not the pause button.
    held: bool,
    pub speed: Speed,
    pub still: bool,
    pub playback: Option<Playback>,
    pub shape: Shape,
    stage_width: f64,
    /// The panes that tabs have chosen, before the stage and in the main place; what they mean
    /// depends on the shape.
    left: Pane,
    pane: Pane,
    pub wanted_objects: Wanted,
    pub from: Option<Rc<str>>,
    /// `namespace/name:port`
    pub to: Option<String>,
    /// What the user chose of the two.
    wanted: (Option<Rc<str>>, Option<String>),
    /// The node was chosen, not taken for the client's sake.
    node_chosen: bool,
    pub node: Option<Rc<str>>,
    pub rule: Option<RuleRef>,
    pub entry: Option<EntryId>,
    /// The events' pane shows Kubernetes' own Events, not the whole story.
    pub only_recorded: bool,
    /// What a live region says.
    pub said: String,
}

/// The lab's seed: the same for everybody, so that two readers see the same names and dice.
pub const SEED: u64 = 1;

impl State {
    pub fn new(scenario: Scenario, memory: Memory, system_lang: Lang) -> State {
        let history = History::new(&scenario, SEED);
        let example: Rc<str> = scenario.text().into();
        let mut res = State {
            view: View::default().into(),
            scene: lay_out(&View::default(), None, 700.0).into(),
            history,
            marks: Marks::default(),
            revision: 0,
            rest: 0.0,
            lang: memory.lang.unwrap_or(system_lang),
            theme: memory.theme.unwrap_or_default(),
            text: example.clone(),
            applied: example,
            report: Rc::default(),
            playing: true,
            held: false,
            speed: Speed::Normal,
            still: false,
            playback: None,
            shape: Shape::Three,
            stage_width: 700.0,
            left: Pane::Manifests,
            pane: Pane::Walk,
            wanted_objects: Wanted::default(),
            from: None,
            to: None,
            wanted: (None, None),
            node_chosen: false,
            node: None,
            rule: None,
            entry: None,
            only_recorded: false,
            said: String::new(),
            scenario,
        };
        if let Some(text) = memory.applied.filter(|text| **text != *res.text) {
            res.text = text.as_str().into();
            res.apply();
        }
        if let Some(text) = memory.text {
            res.text = text.as_str().into();
        }
        res.said.clear();
        res.refresh();
        res
    }

    pub fn memory(&self) -> Memory {
        Memory {
            lang: Some(self.lang),
            theme: Some(self.theme),
            text: Some(self.text.to_string()),
            applied: Some(self.applied.to_string()),
        }
    }

    pub fn is_edited(&self) -> bool {
        self.text != self.applied
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
        match msg {
            Msg::Frame(millis) => return self.frame(millis),
            Msg::Window(width) => return self.resize(Shape::of_width(width), self.stage_width),
            Msg::Stage(width) => return self.resize(self.shape, width.floor()),
            Msg::StillPictures(still) => self.still = still,
            Msg::Edited(text) => {
                self.text = text.into();
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
            Msg::Act(action) => self.act(action),
            Msg::From(pod) => {
                self.wanted.0 = Some(pod.into());
                self.choose_ends();
            }
            Msg::To(target) => {
                self.wanted.1 = Some(target);
                self.choose_ends();
                self.lay_out();
            }
            Msg::Send => self.send(),
            Msg::PickExchange(id) => self.pick_exchange(id),
            Msg::PickPacket(packet) => self.pick_packet(packet),
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
            Msg::Entry(entry) => self.entry = entry,
            Msg::OnlyRecorded(only) => self.only_recorded = only,
        }
        DRAW
    }

    /// The pane shown before the stage, where there is one.
    pub fn left(&self) -> Option<Pane> {
        self.shape.left().contains(&self.left).then_some(self.left)
    }

    /// The pane shown in the main place.
    pub fn pane(&self) -> Pane {
        if self.shape.tabs().contains(&self.pane) { self.pane } else { Pane::Walk }
    }

    fn open(&mut self, pane: Pane) {
        match self.shape.left().contains(&pane) {
            true => self.left = pane,
            false => self.pane = pane,
        }
    }

    /// Whether objects stand in the stage's place too.
    pub fn is_wide(&self) -> bool {
        self.wanted_objects.wide && self.shape != Shape::One && self.is_shown(Pane::Objects)
    }

    fn is_shown(&self, pane: Pane) -> bool {
        self.left() == Some(pane) || self.pane() == pane
    }

    fn choose_object(&mut self, chosen: Option<ObjectKey>) {
        if let Some(key) = &chosen {
            self.said = key.to_string();
            self.open(Pane::Objects);
        }
        self.wanted_objects.chosen = chosen;
    }

    /// Reads everything anew from the lab.
    fn refresh(&mut self) {
        self.revision += 1;
        self.marks.read(self.history.current(), &self.history.branch().log);
        let (lan, router) =
            (self.scenario.cluster.lan.to_string(), self.scenario.cluster.router.to_string());
        let view = view_of(self.lab(), &self.view, &lan, &router);
        if *self.view == view {
            return;
        }
        self.view = view.into();
        self.choose_ends();
        self.lay_out();
    }

    fn lay_out(&mut self) {
        let chosen = self.chosen_service();
        let scene = lay_out(&self.view, chosen.as_deref(), self.stage_width / self.zoom());
        if *self.scene == scene {
            return;
        }
        self.scene = scene.into();
        let Some(playback) = &mut self.playback else { return };
        // The reader stays at the same step although ways may have become longer.
        let moment = playback.timeline.moment(playback.clock).unwrap_or_default();
        playback.timeline = timeline_of(&self.scene, &playback.exchange, playback.packet);
        playback.clock = playback.timeline.arrival(moment.step);
    }

    /// `shop/web`: the Service that requests go to.
    pub fn chosen_service(&self) -> Option<String> {
        self.to.as_ref().and_then(|to| to.rsplit_once(':')).map(|it| it.0.to_owned())
    }

    /// How many pixels a unit of the scene is: a large window shows it larger.
    pub fn zoom(&self) -> f64 {
        if self.stage_width >= 900.0 { 1.25 } else { 1.0 }
    }

    /// A client and a target that exist: those chosen, or the first that will do.
    fn choose_ends(&mut self) {
        let clients: Vec<_> = self.clients().collect();
        let (from, to) = &self.wanted;
        let wanted = from.as_ref().filter(|from| clients.contains(from));
        let named = || clients.iter().find(|id| id.contains("client"));
        let from = wanted.or_else(named).or(clients.first()).cloned();
        let targets: Vec<_> = self.targets().map(|it| it.0).collect();
        let wanted = to.as_ref().filter(|to| targets.contains(to));
        let systems = ["kube-system/", "default/kubernetes:"];
        let is_own = |it: &&String| !systems.iter().any(|name| it.starts_with(name));
        // New Services do not take the place of the one in use.
        let kept = self.to.as_ref().filter(is_own).filter(|to| targets.contains(to));
        let own = || targets.iter().find(is_own);
        let to = wanted.or(kept).or_else(own).or(targets.first()).cloned();
        (self.from, self.to) = (from, to);
        if self.node_chosen {
            return;
        }
        let client = self.view.pods.iter().find(|pod| Some(&pod.id) == self.from.as_ref());
        let of_client = client.and_then(|pod| pod.node.clone());
        self.node = of_client.or(self.view.nodes.last().map(|it| it.name.clone()));
    }

    /// Pods that can send.
    pub fn clients(&self) -> impl Iterator<Item = Rc<str>> {
        self.view.pods.iter().filter(|pod| pod.ip.is_some()).map(|pod| pod.id.clone())
    }

    /// Service ports that can be sent to: `namespace/name:port`, the Service, the port.
    pub fn targets(&self) -> impl Iterator<Item = (String, &ObjectKey, u16)> {
        let with_address = self.view.services.iter().filter(|it| it.cluster_ip.is_some());
        with_address.flat_map(|service| {
            // Requests are HTTP.
            let ports = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
            ports.map(|port| {
                (format!("{}:{}", service.name(), port.number), &service.key, port.number)
            })
        })
    }

    fn apply(&mut self) {
        let text = self.text.to_string();
        let reply = self.history.act(Action::Apply { text });
        let mut faults = Faults::new(&self.text);
        let listed = reply.diagnostics.iter().take(LISTED);
        let faults: Vec<Fault> =
            listed.map(|it| faults.at(it.span.clone(), it.problem.to_string())).collect();
        let report = Report {
            more: reply.diagnostics.len() - faults.len(),
            nothing: reply.applied.is_empty() && reply.diagnostics.is_empty(),
            applied: reply.applied.into_iter().map(|it| (it.key, it.change)).collect(),
            faults,
        };
        self.applied = self.text.clone();
        self.said = said_of(self.lang, &report);
        self.report = Rc::new(report);
        self.resume();
        self.refresh();
    }

    fn start_over(&mut self) {
        self.history = History::new(&self.scenario, SEED);
        self.marks = Marks::default();
        self.text = self.scenario.text().into();
        self.applied = self.text.clone();
        self.report = Rc::default();
        self.playback = None;
        self.playing = true;
        self.held = false;
        (self.entry, self.rule) = (None, None);
        self.wanted_objects = Wanted::default();
        self.refresh();
    }

    fn send(&mut self) {
        let Some(from) = &self.from else { return };
        let Some(pod) = self.view.pods.iter().find(|pod| pod.id == *from) else { return };
        let Some((_, service, port)) = self.targets().find(|it| Some(&it.0) == self.to.as_ref())
        else {
            return;
        };
        let (from, service) = (pod.key.clone(), service.clone());
        let reply = self.history.act(Action::Send(Sending::http(from, service, port, "/")));
        self.refresh();
        if let Some(exchange) = reply.exchange {
            self.playing = true;
            self.held = false;
            self.watch(exchange, 0);
            if self.shape != Shape::One {
                self.pane = Pane::Walk;
            } else {
                self.pane = Pane::Stage;
            }
        }
    }

    /// In the past it begins a branch.
    fn act(&mut self, action: Action) {
        self.history.act(action);
        self.resume();
        self.refresh();
        self.say_last_event();
    }

    fn look(&mut self, at: Instant) {
        self.hold();
        self.history.look(at.min(self.history.branch().head));
        self.show_moment();
    }

    fn look_by(&mut self, count: isize) {
        let now = self.history.now();
        let found = if count < 0 { self.marks.before(now) } else { self.marks.after(now) };
        match found {
            Some(at) => self.look(at),
            None if count < 0 => self.look(Instant::START),
            None => self.come_back(),
        }
    }

    fn come_back(&mut self) {
        self.history.look(self.history.branch().head);
        self.show_moment();
        self.resume();
    }

    fn switch_branch(&mut self, branch: BranchId) {
        self.history.switch(branch);
        self.show_moment();
        self.resume();
    }

    /// Everything as it was then: the cluster, the requests, the text that was applied last. What
    /// is being written stays.
    fn show_moment(&mut self) {
        let is_known =
            |it: &Playback| self.lab().exchanges().iter().any(|at| at.id == it.exchange.id);
        if self.playback.as_ref().is_some_and(|it| !is_known(it)) {
            self.playback = None;
        }
        if let Some(playback) = &mut self.playback {
            playback.live = false;
        }
        let edited = self.is_edited();
        self.applied = self.applied_by_now();
        if !edited {
            self.text = self.applied.clone();
        }
        self.refresh();
        self.say_last_event();
    }

    fn applied_by_now(&self) -> Rc<str> {
        let now = self.history.now();
        let done = self.history.branch().steps.iter().rev().filter(|step| step.at <= now);
        let mut texts = done.filter_map(|step| match &step.action {
            Action::Apply { text } => Some(text.as_str()),
            _ => None,
        });
        texts.next().map_or_else(|| self.scenario.text().into(), Into::into)
    }

    /// Shows a packet of a request from its beginning.
    fn watch(&mut self, exchange: Rc<Exchange>, packet: usize) {
        if exchange.packets.get(packet).is_none() {
            return;
        }
        let timeline = timeline_of(&self.scene, &exchange, packet);
        self.playback = Some(Playback { exchange, packet, timeline, clock: 0.0, live: true });
        self.say_step();
    }

    fn pick_exchange(&mut self, id: usize) {
        let found = self.lab().exchanges().iter().find(|it| it.id == id).cloned();
        let Some(exchange) = found else { return };
        self.watch(exchange, 0);
        self.hold();
    }

    fn pick_packet(&mut self, packet: usize) {
        let Some(exchange) = self.playback.as_ref().map(|it| it.exchange.clone()) else { return };
        self.watch(exchange, packet);
        self.hold();
    }

    fn pick_step(&mut self, step: usize) {
        let Some(playback) = &mut self.playback else { return };
        let step = step.min(playback.timeline.legs.len().saturating_sub(1));
        playback.clock = playback.timeline.arrival(step);
        playback.live = true;
        self.hold();
        self.say_step();
    }

    fn step_by(&mut self, count: isize) {
        let Some(playback) = &self.playback else { return };
        let here = playback.moment().step as isize + count;
        let (packet, exchange) = (playback.packet, playback.exchange.clone());
        if here >= playback.timeline.legs.len() as isize && packet + 1 < exchange.packets.len() {
            self.watch(exchange, packet + 1);
            return self.pick_step(0);
        }
        if here < 0 && packet > 0 {
            self.watch(exchange, packet - 1);
            return self.pick_step(usize::MAX);
        }
        self.pick_step(here.max(0) as usize);
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

    fn leave(&mut self) {
        let ended = self.playback.as_ref().map(|it| it.exchange.ended);
        self.resume();
        if let Some(ended) = ended.filter(|at| *at > self.history.now()) {
            self.history.run_until(ended);
            self.refresh();
        }
    }

    fn next_event(&mut self) {
        let Some(at) = self.history.next_event() else { return };
        if let Some(playback) = &mut self.playback {
            playback.live = false;
        }
        self.held = false;
        self.history.run_until(at);
        self.refresh();
        self.say_last_event();
    }

    fn frame(&mut self, millis: f64) -> After {
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
        let eventful = self.history.next_event().is_some_and(|at| at <= goal);
        self.history.run_until(goal);
        if !eventful {
            // Ages are in whole seconds.
            let older = before.as_millis() / 1000 != goal.as_millis() / 1000;
            let aging = self.is_shown(Pane::Objects) || self.is_shown(Pane::Events);
            return if older && aging { DRAW } else { NOTHING };
        }
        self.refresh();
        DRAW
    }

    fn move_packet(&mut self, millis: f64) -> After {
        let Some(playback) = &mut self.playback else { return NOTHING };
        let before = playback.moment();
        playback.clock += millis;
        if playback.clock < playback.timeline.end() {
            let now = playback.moment();
            if now == before {
                return NOTHING;
            }
            if now.step != before.step {
                self.say_step();
            }
            return DRAW;
        }
        let (next, exchange) = (playback.packet + 1, playback.exchange.clone());
        match next < exchange.packets.len() {
            true => self.watch(exchange, next),
            false => self.leave(),
        }
        DRAW
    }

    fn resize(&mut self, shape: Shape, stage: f64) -> After {
        // A stage that is not shown has no width.
        let stage = if stage > 0.0 { stage } else { self.stage_width };
        if shape == self.shape && stage == self.stage_width {
            return NOTHING;
        }
        self.shape = shape;
        self.stage_width = stage;
        if shape == Shape::One && self.revision <= 1 {
            self.pane = Pane::Stage;
        }
        self.lay_out();
        DRAW
    }

    fn say_step(&mut self) {
        let Some(playback) = &self.playback else { return };
        let Some(step) = playback.trace().steps.get(playback.moment().step) else { return };
        let place = words::step_place(self.lang, step);
        self.said = format!("{place}: {}", words::step_sentence(self.lang, step));
    }

    fn say_last_event(&mut self) {
        if let Some(entry) = self.lab().log().last() {
            self.said = words::happening(self.lang, entry);
        }
    }
}

/// The first packet meets the rules and takes its time; what follows is quicker.
fn timeline_of(scene: &Scene, exchange: &Exchange, packet: usize) -> Shared<Timeline> {
    let pace = if packet == 0 { 1.0 } else { 0.4 };
    timeline(scene, &exchange.packets[packet], pace).into()
}

fn said_of(lang: Lang, report: &Report) -> String {
    if report.nothing {
        return lang.say(Word::NoObjects).to_owned();
    }
    let mut parts: Vec<String> = report
        .applied
        .iter()
        .map(|(key, change)| format!("{key} {}", words::change(lang, *change)))
        .collect();
    if !report.faults.is_empty() {
        parts.push(words::error_count(lang, report.faults.len() + report.more));
    }
    parts.join(", ")
}

/// Turns byte ranges into places, reading the text once as long as ranges come in order.
struct Faults<'a> {
    text: &'a str,
    byte: usize,
    line: usize,
    line_start: usize,
    units: u32,
}

impl<'a> Faults<'a> {
    fn new(text: &'a str) -> Faults<'a> {
        Faults { text, byte: 0, line: 1, line_start: 0, units: 0 }
    }

    fn at(&mut self, span: Range<usize>, text: String) -> Fault {
        let start = floor_char(self.text, span.start);
        if start < self.byte {
            *self = Faults::new(self.text);
        }
        let passed = &self.text[self.byte..start];
        self.units += units(passed);
        for (index, _) in passed.match_indices('\n') {
            self.line += 1;
            self.line_start = self.byte + index + 1;
        }
        self.byte = start;
        let end = floor_char(self.text, span.end.max(start));
        let column = self.text[self.line_start..start].chars().count() + 1;
        let selection = self.units..self.units + units(&self.text[start..end]);
        Fault { line: self.line, column, selection, text }
    }
}

fn units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

/// The last place at or before `index` where a character begins.
fn floor_char(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::ServiceView;
    use svclab_core::kubelet::ProbeKind;

    #[test]
    fn a_fault_has_its_line_and_its_place_in_utf_16() {
        let text = "a: 1\n# 파드 𝄞\nb: x\n";
        let start = text.find("b:").unwrap();
        let mut faults = Faults::new(text);
        let first = faults.at(start..start + 1, "wrong".to_owned());
        assert_eq!((first.line, first.column), (3, 1));
        let units = text[..start].encode_utf16().count() as u32;
        assert_eq!(first.selection, units..units + 1);
        let earlier = faults.at(3..4, "also wrong".to_owned());
        assert_eq!((earlier.line, earlier.column), (1, 4));
    }

    #[test]
    fn a_fault_outside_the_text_points_at_its_end() {
        let fault = Faults::new("파드").at(100..200, String::new());
        assert_eq!((fault.line, fault.column, fault.selection), (1, 3, 2..2));
    }

    #[test]
    fn widths_have_their_shapes() {
        assert_eq!(Shape::of_width(390.0), Shape::One);
        assert_eq!(Shape::of_width(1024.0), Shape::Two);
        assert_eq!(Shape::of_width(1440.0), Shape::Three);
    }

    /// The lab of the first visit, some seconds old: three pods are ready.
    fn settled() -> State {
        let scenario = svclab_core::scenario::default_scenario();
        let mut state = State::new(scenario, Memory::default(), Lang::En);
        for _ in 0..300 {
            state.update(Msg::Frame(16.0));
        }
        state
    }

    fn web(state: &State) -> ServiceView {
        let found = state.view.services.iter().find(|it| it.key.name == "web");
        found.expect("the first scenario has a Service web").clone()
    }

    #[test]
    fn a_visit_begins_with_a_client_and_a_service_to_ask() {
        let state = settled();
        assert_eq!(state.from.as_deref(), Some("shop/client"));
        assert_eq!(state.to.as_deref(), Some("shop/web:80"));
        assert_eq!((web(&state).ready(), web(&state).endpoints.len()), (3, 3));
    }

    #[test]
    fn the_labs_time_waits_while_a_packet_travels() {
        let mut state = settled();
        state.update(Msg::Send);
        let sent = state.history.now();
        state.update(Msg::Frame(90.0));
        assert_eq!(state.history.now(), sent);
        state.update(Msg::Leave);
        state.update(Msg::Frame(90.0));
        assert!(state.history.now() > sent);
    }

    #[test]
    fn steps_lead_through_all_packets_and_back() {
        let mut state = settled();
        state.update(Msg::Send);
        let total: usize = {
            let exchange = &state.playback.as_ref().expect("a request is watched").exchange;
            exchange.packets.iter().map(|trace| trace.steps.len()).sum()
        };
        state.update(Msg::PickStep(0));
        let place = |state: &State| state.playback.as_ref().map(|it| (it.packet, it.moment().step));
        let mut seen = std::collections::BTreeSet::from([place(&state)]);
        for _ in 1..total {
            state.update(Msg::StepBy(1));
            seen.insert(place(&state));
        }
        assert_eq!(seen.len(), total);
        for _ in 1..total {
            state.update(Msg::StepBy(-1));
        }
        assert_eq!(place(&state), Some((0, 0)));
    }

    #[test]
    fn a_selected_step_stops_the_time_until_something_is_done() {
        let mut state = settled();
        state.update(Msg::Send);
        state.update(Msg::PickStep(3));
        assert!(!state.playing);
        let pod = state
            .view
            .pods
            .iter()
            .find(|pod| pod.strips.iter().any(|it| it.kind == ProbeKind::Readiness))
            .map(|pod| pod.key.clone());
        state.update(Msg::Act(Action::SwitchReadiness {
            pod: pod.expect("web has a probe"),
            ready: false,
        }));
        assert!(state.playing);
    }

    #[test]
    fn the_pause_button_holds_against_everything() {
        let mut state = settled();
        state.update(Msg::PlayPause);
        let now = state.history.now();
        state.update(Msg::Apply);
        state.update(Msg::Frame(90.0));
        assert_eq!((state.playing, state.history.now()), (false, now));
    }

    #[test]
    fn new_services_do_not_take_the_place_of_the_one_in_use() {
        let mut state = settled();
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n\
                    spec:\n  ports: [{port: 80}]\n";
        state.update(Msg::Edited(text.to_owned()));
        state.update(Msg::Apply);
        assert_eq!(state.report.faults, []);
        assert_eq!(state.to.as_deref(), Some("shop/web:80"));
    }

    #[test]
    fn the_open_gate_shows_the_dice() {
        let mut state = settled();
        state.update(Msg::Send);
        let playback = state.playback.as_ref().expect("a request is watched");
        let trace = playback.trace();
        let open = trace.steps.iter().filter_map(|step| crate::gate::opening(trace, step));
        let dnat = open.into_iter().find(|it| !it.choices.is_empty()).expect("a DNAT was drawn");
        assert_eq!(dnat.choices.len(), 3);
        assert_eq!(dnat.chains[1], "KUBE-SERVICES");
        let taken: Vec<_> =
            dnat.choices.iter().filter(|it| it.fate == crate::gate::Fate::Taken).collect();
        let arrived = trace.steps.last().map(|step| step.packet.destination().to_string());
        assert_eq!(taken.len(), 1);
        assert_eq!(Some(&taken[0].address), arrived.as_ref());
    }
}
