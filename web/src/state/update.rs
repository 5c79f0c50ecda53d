//! A message → what changes, and what the page has to do then.

use super::{Asked, Msg, Notice, Pane, Preview, Shape, State};
use crate::assist::{self, Question};

/// What the page has to do after a message, beside drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct After {
    pub draw: bool,
    pub save: bool,
}

pub(super) const NOTHING: After = After { draw: false, save: false };
pub(super) const DRAW: After = After { draw: true, save: false };
const SAVE: After = After { draw: true, save: true };

impl State {
    pub fn update(&mut self, msg: Msg) -> After {
        let after = match msg {
            Msg::Frame(millis) => self.frame(millis),
            Msg::Window(width) => self.resize(Shape::of_width(width), self.stage_width),
            Msg::Stage(width) => self.resize(self.shape, width.floor()),
            Msg::StillPictures(still) => {
                self.still = still;
                DRAW
            }
            msg => self.deal_with(msg),
        };
        if self.lesson.is_running() && self.go_on_trying() { SAVE } else { after }
    }

    /// All that does not come by itself. Apart, so that the page need not fetch it first.
    #[inline(never)]
    fn deal_with(&mut self, msg: Msg) -> After {
        if msg.is_by_user() {
            self.greeting = None;
            self.lesson.introduces = false;
            self.shown = None;
        }
        let after = msg.after();
        match msg {
            Msg::Frame(_) | Msg::Window(_) | Msg::Stage(_) | Msg::StillPictures(_) => {}
            Msg::Keep | Msg::CopyLink | Msg::Export | Msg::Import => {}
            Msg::Sight(sighting) => self.sight(sighting),
            Msg::Edited(text) => self.files.write(&text),
            Msg::File(filing) => self.files.act(filing, &super::named(&self.scenario)),
            Msg::Ask { question: Question::Describe, at, reply } => {
                self.describe(Asked { text: self.files.chosen().text.clone(), at, reply });
            }
            Msg::Ask { question, at, reply } => {
                reply.emit(assist::answer(self.lab(), &self.files.chosen().text, question, at));
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
            }
            Msg::ApplyDocument(at) => self.apply_document(at),
            Msg::Apply => self.apply(),
            Msg::StartOver => self.start_over(),
            Msg::Act(action) => self.act(action),
            Msg::From(client) => {
                self.wanted.0 = Some(client.into());
                self.choose_ends();
            }
            Msg::To(target) => {
                self.wanted.1 = Some(target.into());
                self.choose_ends();
                self.lay_out();
            }
            Msg::Send => self.send_all(),
            Msg::Amount(amount) => self.amount = amount,
            Msg::EndVolley => {
                self.volley = None;
                self.refresh();
            }
            Msg::PickExchange(id) => self.pick_exchange(id),
            Msg::Watch(ids) => self.watch_all(&ids),
            Msg::PickPacket(packet) => self.pick_packet(packet),
            Msg::PickPlace(exchange, packet, step) => self.pick_place(exchange, packet, step),
            Msg::Sniff(shown) => self.sniffing.shown = shown,
            Msg::SniffAt(at) => self.sniffing.at = at,
            Msg::PickStep(step) => self.pick_step(step),
            Msg::StepBy(count) => self.step_by(count),
            Msg::LastStep => self.pick_last_step(),
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
            Msg::Lang(lang) => self.lang = lang,
            Msg::NextTheme => self.theme = self.theme.next(),
            Msg::Theme(theme) => self.theme = theme,
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
            Msg::Terminal(typing) => self.on_typing(typing),
            Msg::Reference(text) => self.on_reference(text),
            Msg::Dialog(dialog) => self.dialog = dialog,
            Msg::Tour(at) => self.tour_to(at),
            Msg::Density(density) => self.density = density,
            Msg::Motion(motion) => self.motion = motion,
            Msg::Try(which) => self.try_out(which),
            Msg::Lesson(shown) => (self.lesson.shown, self.lesson.latest) = (shown, None),
            Msg::Index(index) => self.gallery.list(index),
            Msg::Listed(Ok(scenario)) => self.gallery.add(*scenario),
            Msg::Listed(Err(problem)) => self.notice = Some(Notice::Unreadable(problem)),
            Msg::Begin(scenario) => {
                self.begin(*scenario);
                self.dialog = None;
            }
            Msg::Linked(scenario) => self.begin_linked(*scenario),
            Msg::Restore(text) => self.restore(&text),
            Msg::Undo => self.undo(),
            Msg::Notice(notice) => self.notice = notice,
            Msg::Passed => self.notice = None,
            Msg::Kept(kept) => self.told_kept(kept),
        }
        after
    }
}

impl Msg {
    /// Whether somebody did something, not the browser, the host or time.
    fn is_by_user(&self) -> bool {
        !matches!(
            self,
            Msg::Frame(_)
                | Msg::Window(_)
                | Msg::Stage(_)
                | Msg::StillPictures(_)
                | Msg::Index(_)
                | Msg::Listed(_)
                | Msg::Reference(_)
                | Msg::Ask { .. }
                | Msg::Passed
                | Msg::Kept(_)
                | Msg::Keep
        )
    }

    /// Saved is what a next visit brings back: the session, the files and the settings.
    fn after(&self) -> After {
        match self {
            Msg::Ask { .. } | Msg::Keep | Msg::CopyLink | Msg::Export | Msg::Import => NOTHING,
            Msg::Edited(_)
            | Msg::File(_)
            | Msg::Apply
            | Msg::ApplyDocument(_)
            | Msg::ApplyPreview
            | Msg::StartOver
            | Msg::Act(_)
            | Msg::Send
            | Msg::EndVolley
            | Msg::Terminal(_)
            | Msg::Begin(_)
            | Msg::Linked(_)
            | Msg::Restore(_)
            | Msg::Undo
            | Msg::Lang(_)
            | Msg::NextTheme
            | Msg::Theme(_)
            | Msg::Density(_)
            | Msg::Motion(_) => SAVE,
            _ => DRAW,
        }
    }
}
