//! What the page is showing, and how it changes: [`State`] and [`Msg`]. No browser here.

mod apply;
mod clock;
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
mod update;
mod volley;

use std::rc::Rc;

use serde_json::Value;
use svclab_core::history::History;
use svclab_core::lab::log::EntryId;
use svclab_core::lab::{Action, Lab};
use svclab_core::reference::Reference;
use svclab_core::scenario::Scenario;
use svclab_core::time::Instant;
use svclab_netfilter::RuleRef;

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
pub use update::After;
pub use volley::{AMOUNTS, Bar, End, Volley};

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

    /// In the past it begins a branch.
    fn act(&mut self, action: Action) {
        self.history.act(action);
        self.resume();
        self.wake_jobs(None);
        self.refresh();
        self.say_last_event();
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
