use yew::prelude::*;

use crate::words::{Lang, Word};

/// An edge of a pane that can be moved (web/js/src/sizes.mjs does it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Left,
    Right,
    Dock,
    Lesson,
}

impl Edge {
    pub(super) fn html(self, lang: Lang) -> Html {
        // The part of the window that the style sheet gives the pane, in per cent.
        let (name, orientation, share, word) = match self {
            Edge::Left => ("left", "vertical", "24", Word::LeftWidth),
            Edge::Right => ("right", "vertical", "28", Word::RightWidth),
            Edge::Dock => ("dock", "horizontal", "25", Word::TerminalHeight),
            Edge::Lesson => ("lesson", "horizontal", "36", Word::LessonHeight),
        };
        html! {
            <div role="separator" tabindex="0" data-size={name} aria-orientation={orientation}
                 aria-valuenow={share} aria-label={lang.say(word)} title={lang.say(word)} />
        }
    }
}
