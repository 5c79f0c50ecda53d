//! The lab as programs act on it.

use std::any::Any;

use svclab_core::history::History;
use svclab_core::lab::{Action, Lab, Reply};

/// A lab, or a lab with its past.
pub trait World: Any {
    fn lab(&self) -> &Lab;
    fn act(&mut self, action: Action) -> Reply;
}

impl World for Lab {
    fn lab(&self) -> &Lab {
        self
    }

    fn act(&mut self, action: Action) -> Reply {
        Lab::act(self, action)
    }
}

impl World for History {
    fn lab(&self) -> &Lab {
        History::lab(self)
    }

    fn act(&mut self, action: Action) -> Reply {
        History::act(self, action)
    }
}
