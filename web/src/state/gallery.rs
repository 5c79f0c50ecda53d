//! The scenarios to choose from, as they come from the host.

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_core::scenario::{Index, Scenario, Words};

/// All scenarios that the index names, and those of them that are there by now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gallery {
    index: Option<Index>,
    scenarios: BTreeMap<String, Rc<Scenario>>,
}

/// Scenarios about one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub title: Words,
    pub cards: Vec<Card>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Counted from 1 through all groups.
    pub number: usize,
    pub scenario: Rc<Scenario>,
}

impl Gallery {
    pub(super) fn list(&mut self, index: Index) {
        self.index = Some(index);
    }

    pub(super) fn add(&mut self, scenario: Scenario) {
        self.scenarios.insert(scenario.name.clone(), scenario.into());
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.index.iter().flat_map(|it| &it.groups).flat_map(|it| &it.scenarios)
    }

    /// The groups with those of their scenarios that are there.
    pub fn groups(&self) -> Vec<Group> {
        let mut number = 0;
        let mut card = |name: &String| {
            number += 1;
            self.scenarios.get(name).map(|it| Card { number, scenario: it.clone() })
        };
        let groups = self.index.iter().flat_map(|it| &it.groups);
        let group = |it: &svclab_core::scenario::Group| Group {
            title: it.title.clone(),
            cards: it.scenarios.iter().filter_map(&mut card).collect(),
        };
        groups.map(group).collect()
    }

    /// `3 / 34`: where a scenario stands among the others, and how many there are.
    pub fn place_of(&self, name: &str) -> Option<(usize, usize)> {
        let at = self.names().position(|it| it == name)?;
        Some((at + 1, self.names().count()))
    }

    pub fn after(&self, name: &str) -> Option<Rc<Scenario>> {
        let next = self.names().skip_while(|it| *it != name).nth(1)?;
        self.scenarios.get(next).cloned()
    }
}
