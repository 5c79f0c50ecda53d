//! What stands on the terminals' screens ⇄ text.
//!
//! Links in the output are found anew; a shell's variables and what ran in it are not kept.

use serde_json::{Value, json};
use svclab_shell::{Place, Stream};

use super::screen::pieces;
use super::{Line, Screen, Terminal};
use crate::view::View;

/// Of each screen so many lines are kept, the latest,
const LINES: usize = 500;
/// and no more bytes of them than these.
const BYTES: usize = 100_000;

impl Terminal {
    /// Whether anything was typed or printed.
    pub fn is_used(&self) -> bool {
        self.screens.iter().any(|it| !it.lines.is_empty() || !it.typed.is_empty())
    }

    /// `{"chosen": 0, "screens": [{"place", "typed", "lines"}]}`
    pub fn to_value(&self) -> Value {
        let screens: Vec<Value> = self.screens.iter().map(Screen::to_value).collect();
        json!({"chosen": self.chosen as u64, "screens": screens})
    }

    /// Screens as they were kept take the place of those that are there.
    pub fn read(&mut self, kept: &Value, view: &View) {
        let list = kept.get("screens").and_then(Value::as_array);
        let screens: Vec<Screen> =
            list.into_iter().flatten().filter_map(|it| Screen::read(it, view)).collect();
        if screens.is_empty() {
            return;
        }
        let chosen = kept.get("chosen").and_then(Value::as_u64).unwrap_or_default();
        self.chosen = usize::try_from(chosen).unwrap_or_default().min(screens.len() - 1);
        self.screens = screens;
    }
}

impl Screen {
    fn to_value(&self) -> Value {
        let mut room = BYTES;
        let fits = |it: &Value| {
            let left = room.checked_sub(it.to_string().len());
            room = left.unwrap_or(0);
            left.is_some()
        };
        let lines = self.lines.iter().rev().take(LINES).map(|it| it.to_value());
        let mut lines: Vec<Value> = lines.take_while(fits).collect();
        lines.reverse();
        json!({"place": path(&self.place), "typed": *self.typed, "lines": lines})
    }

    fn read(kept: &Value, view: &View) -> Option<Screen> {
        let mut res = Screen::new(Place::parse(kept.get("place")?.as_str()?)?);
        let typed = kept.get("typed")?.as_array()?.iter().filter_map(Value::as_str);
        for line in typed {
            res.remember(line);
        }
        for line in kept.get("lines")?.as_array()? {
            res.push(Line::read(line, view)?);
        }
        Some(res)
    }
}

impl Line {
    fn to_value(&self) -> Value {
        match self {
            Line::Typed { prompt, text } => json!(["$", prompt, text]),
            Line::Printed { stream, pieces } => {
                let text: String = pieces.iter().map(|it| it.text.as_str()).collect();
                json!([if *stream == Stream::Err { "!" } else { ">" }, text])
            }
            Line::Sent(ids) => {
                json!(["→", ids.iter().map(|it| *it as u64).collect::<Vec<u64>>()])
            }
        }
    }

    fn read(kept: &Value, view: &View) -> Option<Line> {
        let text = |at: usize| kept.get(at).and_then(Value::as_str);
        match text(0)? {
            "$" => Some(Line::Typed { prompt: text(1)?.to_owned(), text: text(2)?.to_owned() }),
            ">" => Some(Line::Printed { stream: Stream::Out, pieces: pieces(text(1)?, view) }),
            "!" => Some(Line::Printed { stream: Stream::Err, pieces: pieces(text(1)?, view) }),
            _ => {
                let ids = kept.get(1)?.as_array()?.iter().filter_map(Value::as_u64);
                Some(Line::Sent(ids.filter_map(|it| usize::try_from(it).ok()).collect()))
            }
        }
    }
}

/// As [`Place::parse`] reads it.
fn path(place: &Place) -> String {
    match place {
        Place::Pod { namespace, name, container: None } => format!("pod/{namespace}/{name}"),
        Place::Pod { namespace, name, container: Some(container) } => {
            format!("pod/{namespace}/{name}/{container}")
        }
        Place::Node(name) => format!("node/{name}"),
        Place::Outside(name) => format!("outside/{name}"),
    }
}
