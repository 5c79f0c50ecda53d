//! What the user has set and the browser remembers.

use crate::words::Lang;

use super::Files;

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

    pub(super) fn next(self) -> Theme {
        match self {
            Theme::System => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::System,
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

/// How much room lines and controls take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Density {
    #[default]
    Normal,
    Dense,
    Roomy,
}

impl Density {
    pub const ALL: [Density; 3] = [Density::Dense, Density::Normal, Density::Roomy];

    pub fn name(self) -> &'static str {
        match self {
            Density::Dense => "dense",
            Density::Normal => "normal",
            Density::Roomy => "roomy",
        }
    }

    pub fn from_name(name: &str) -> Option<Density> {
        Density::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Whether things move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Motion {
    /// As the system wishes.
    #[default]
    System,
    Full,
    /// Packets stand at their steps.
    Still,
}

impl Motion {
    pub const ALL: [Motion; 3] = [Motion::System, Motion::Full, Motion::Still];

    pub fn name(self) -> &'static str {
        match self {
            Motion::System => "system",
            Motion::Full => "full",
            Motion::Still => "still",
        }
    }

    pub fn from_name(name: &str) -> Option<Motion> {
        Motion::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What the browser remembers between visits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    pub lang: Option<Lang>,
    pub theme: Option<Theme>,
    pub density: Option<Density>,
    pub motion: Option<Motion>,
    /// What is being written.
    pub files: Option<Files>,
    /// The scenario and all that was done in it.
    pub session: Option<String>,
    /// Its other branches, and what the terminals have printed.
    pub rest: Option<String>,
    /// Which of the scenario's suggestions have come out.
    pub met: Vec<usize>,
    /// The page has been visited before.
    pub visited: bool,
}
