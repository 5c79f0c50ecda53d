//! What can happen to the page: what somebody does, what the browser tells, and time.

use std::rc::Rc;

use svclab_core::history::BranchId;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Action;
use svclab_core::lab::log::EntryId;
use svclab_core::modes::Mode;
use svclab_core::scenario::{Index, Scenario};
use svclab_core::time::Instant;
use svclab_netfilter::RuleRef;
use yew::Callback;

use super::{Density, Filing, Motion, Notice, Pane, Sighting, Speed, Theme, Typing};
use crate::assist::Question;
use crate::words::Lang;

#[derive(Debug, Clone)]
pub enum Msg {
    /// An animation frame, so many milliseconds after the one before.
    Frame(f64),
    /// The window's width, in CSS pixels.
    Window(f64),
    /// The stage's width, in CSS pixels.
    Stage(f64),
    StillPictures(bool),
    /// Looks at the picture in another way.
    Sight(Sighting),
    /// The chosen file's new text.
    Edited(String),
    File(Filing),
    Apply,
    /// Applies the document around a place of the chosen file, in UTF-16 units.
    ApplyDocument(u32),
    /// Asks what could stand at a place of the chosen file, in UTF-16 units, or what stands there.
    Ask {
        question: Question,
        at: u32,
        reply: Callback<String>,
    },
    /// Finds out what an Apply would change.
    Preview,
    EndPreview,
    ApplyPreview,
    StartOver,
    /// Does something to the cluster at the moment that is shown.
    Act(Action),
    From(String),
    To(String),
    Send,
    /// How many requests are sent at once.
    Amount(usize),
    /// Puts the counts away.
    EndVolley,
    PickExchange(usize),
    /// Plays the packets of requests, one after the other.
    Watch(Rc<[usize]>),
    PickPacket(usize),
    /// A step of a packet of an exchange.
    PickPlace(usize, usize, usize),
    /// Tells packets as tcpdump does, or step by step.
    Sniff(bool),
    SniffAt(Option<Rc<str>>),
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
    Theme(Theme),
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
    /// Rules with these words alone.
    SearchRules(String),
    /// Beside those of another node.
    Against(Option<Rc<str>>),
    /// As kube-proxy would write them in this mode.
    Mode(Mode),
    /// Shows where an object is written.
    ShowSource(ObjectKey),
    Entry(Option<EntryId>),
    /// Kubernetes' own Events alone, or the whole story.
    OnlyRecorded(bool),
    Terminal(Typing),
    /// What the API says of its kinds; None: it could not be fetched.
    Reference(Option<String>),
    /// Opens a dialog, or closes the one that is open.
    Dialog(Option<Dialog>),
    /// Goes to a stop of the tour, or ends it.
    Tour(Option<usize>),
    Density(Density),
    Motion(Motion),
    /// Does what the scenario suggests.
    Try(usize),
    /// Opens or folds the lesson.
    Lesson(bool),
    /// Which scenarios there are.
    Index(Index),
    /// One of them has come from the host, or why it has not.
    Listed(Result<Box<Scenario>, String>),
    Begin(Box<Scenario>),
    /// Begins the scenario that the page's address names.
    Linked(Box<Scenario>),
    /// Goes on with what a file or a link holds.
    Restore(String),
    /// Takes back a new start.
    Undo,
    Notice(Option<Notice>),
    /// The notice has stood long enough.
    Passed,
    /// Whether the browser has taken what there is to keep.
    Kept(bool),
    /// What the browser alone can do with the session: remember it, write it into a link or a
    /// file, read it from a file.
    Keep,
    CopyLink,
    Export,
    Import,
}

/// What stands over the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialog {
    Scenarios,
    Settings,
    Shortcuts,
}
