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

/// What the browser remembers between visits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    pub lang: Option<Lang>,
    pub theme: Option<Theme>,
    pub files: Option<Files>,
}
