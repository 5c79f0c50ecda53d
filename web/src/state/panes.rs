//! Which panes stand beside each other, and which of them is shown.

use svclab_core::key::ObjectKey;

use super::State;
use super::update::{After, DRAW, NOTHING};
use crate::words::Word;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Manifests,
    Objects,
    Stage,
    Walk,
    Rules,
    Endpoints,
    Names,
    Events,
    Terminal,
}

impl Pane {
    pub const ALL: [Pane; 9] = [
        Pane::Stage,
        Pane::Manifests,
        Pane::Objects,
        Pane::Walk,
        Pane::Rules,
        Pane::Endpoints,
        Pane::Names,
        Pane::Events,
        Pane::Terminal,
    ];

    pub fn word(self) -> Word {
        match self {
            Pane::Manifests => Word::Manifests,
            Pane::Objects => Word::Objects,
            Pane::Stage => Word::Stage,
            Pane::Walk => Word::Walk,
            Pane::Rules => Word::Rules,
            Pane::Endpoints => Word::Endpoints,
            Pane::Names => Word::Names,
            Pane::Events => Word::Events,
            Pane::Terminal => Word::Terminal,
        }
    }

    /// What its tab says; shorter where many stand in a row.
    pub fn tab(self, shape: Shape) -> Word {
        match self {
            Pane::Walk if shape == Shape::Two => Word::WalkTab,
            it => it.word(),
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
            Pane::Names => "dns",
            Pane::Events => "events",
            Pane::Terminal => "terminal",
        }
    }

    pub fn from_id(id: &str) -> Option<Pane> {
        Pane::ALL.into_iter().find(|it| it.id() == id)
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

    /// The panes that share the main place and are chosen by tabs. Where there is room, the
    /// terminal has a place of its own below all others.
    pub fn tabs(self) -> &'static [Pane] {
        match self {
            Shape::Three => &Pane::ALL[3..8],
            Shape::Two => &Pane::ALL[1..8],
            Shape::One => &Pane::ALL,
        }
    }
}

/// A stop of the tour through the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Lesson,
    Stage,
    Walk,
    Manifests,
    Terminal,
    Time,
}

pub const TOUR: [Stop; 6] =
    [Stop::Lesson, Stop::Stage, Stop::Walk, Stop::Manifests, Stop::Terminal, Stop::Time];

impl Stop {
    pub fn name(self) -> &'static str {
        match self {
            Stop::Lesson => "lesson",
            Stop::Stage => "stage",
            Stop::Walk => "walk",
            Stop::Manifests => "manifests",
            Stop::Terminal => "terminal",
            Stop::Time => "time",
        }
    }
}

impl State {
    /// Goes to a stop of the tour, or ends it. What it is about is shown.
    pub(super) fn tour_to(&mut self, at: Option<usize>) {
        self.tour = at.filter(|it| *it < TOUR.len());
        let Some(stop) = self.tour.map(|it| TOUR[it]) else { return };
        match stop {
            Stop::Lesson => self.lesson.shown = true,
            Stop::Stage => self.open(Pane::Stage),
            Stop::Walk => self.open(Pane::Walk),
            Stop::Manifests => self.open(Pane::Manifests),
            Stop::Terminal if self.shape == Shape::One => self.open(Pane::Terminal),
            Stop::Terminal => self.terminal.shown = true,
            Stop::Time => {}
        }
        if stop != Stop::Lesson {
            self.make_room();
        }
    }

    /// The pane shown before the stage, where there is one.
    pub fn left(&self) -> Option<Pane> {
        self.shape.left().contains(&self.left).then_some(self.left)
    }

    /// The pane shown in the main place.
    pub fn pane(&self) -> Pane {
        if self.shape.tabs().contains(&self.pane) { self.pane } else { Pane::Walk }
    }

    pub(super) fn open(&mut self, pane: Pane) {
        match self.shape.left().contains(&pane) {
            true => self.left = pane,
            false => self.pane = pane,
        }
    }

    /// Whether objects stand in the stage's place too.
    pub fn is_wide(&self) -> bool {
        self.wanted_objects.wide && self.shape != Shape::One && self.is_shown(Pane::Objects)
    }

    pub(super) fn is_shown(&self, pane: Pane) -> bool {
        self.left() == Some(pane) || self.pane() == pane
    }

    pub(super) fn choose_object(&mut self, chosen: Option<ObjectKey>) {
        if let Some(key) = &chosen {
            self.said = key.to_string();
            self.open(Pane::Objects);
        }
        self.wanted_objects.chosen = chosen;
    }

    pub(super) fn resize(&mut self, shape: Shape, stage: f64) -> After {
        // A stage that is not shown has no width.
        let stage = if stage > 0.0 { stage } else { self.stage_width };
        if shape == self.shape && stage == self.stage_width {
            return NOTHING;
        }
        let beside = shape == Shape::Three;
        if beside != (self.shape == Shape::Three) {
            // Where it stands above the stage it would open over it.
            self.lesson.shown = beside;
        }
        self.shape = shape;
        self.stage_width = stage;
        if self.revision <= 1 {
            self.terminal.shown = beside;
            if shape == Shape::One {
                self.pane = Pane::Stage;
            }
        }
        self.lay_out();
        DRAW
    }
}
