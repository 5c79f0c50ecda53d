//! How the picture is looked at: how large it is, which nodes are folded, what is pinned.

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_core::key::ObjectKey;
use svclab_core::trace::Place;

use super::State;
use super::playback::timeline_of;
use crate::scene::{Scene, Wishes, lay_out};

#[derive(Debug, Clone)]
pub enum Sighting {
    /// So many times as large as now.
    Zoom(f64),
    /// As large as it is by itself.
    Natural,
    /// So small that all of it is seen in a window so high, in CSS pixels.
    Fit(f64),
    Fold(Rc<str>, bool),
    /// Pins what is known of a pod, a Service or a node; or nothing.
    Inspect(Option<ObjectKey>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// 1 is the natural size.
    factor: f64,
    folds: BTreeMap<Rc<str>, bool>,
    pub inspected: Option<ObjectKey>,
}

impl Default for Sight {
    fn default() -> Sight {
        Sight { factor: 1.0, folds: BTreeMap::new(), inspected: None }
    }
}

const SMALLEST: f64 = 0.4;
const LARGEST: f64 = 3.0;
/// From one size to the next where the picture is made to fit.
const FINER: f64 = 0.95;

impl State {
    pub(super) fn sight(&mut self, sighting: Sighting) {
        match sighting {
            Sighting::Zoom(times) => self.scale(self.sight.factor * times),
            Sighting::Natural => self.scale(1.0),
            Sighting::Fit(height) => self.fit(height),
            Sighting::Fold(node, folded) => {
                self.sight.folds.insert(node, folded);
                self.lay_out();
            }
            Sighting::Inspect(key) => {
                if let Some(key) = &key {
                    self.said = key.to_string();
                }
                self.sight.inspected = key;
            }
        }
    }

    fn scale(&mut self, factor: f64) {
        // What is close to the natural size is the natural size.
        let factor = if (factor - 1.0).abs() < 0.04 { 1.0 } else { factor };
        self.sight.factor = factor.clamp(SMALLEST, LARGEST);
        self.lay_out();
    }

    /// The largest size at which no scrolling is needed, at most the natural one.
    fn fit(&mut self, height: f64) {
        let mut factor = 1.0;
        loop {
            self.scale(factor);
            factor *= FINER;
            if self.scene.height * self.zoom() <= height || factor < SMALLEST {
                return;
            }
        }
    }

    /// How many CSS pixels a unit of the scene is: a large window shows it larger.
    pub fn zoom(&self) -> f64 {
        self.natural() * self.sight.factor
    }

    fn natural(&self) -> f64 {
        if self.stage_width >= 900.0 { 1.25 } else { 1.0 }
    }

    pub(super) fn lay_out(&mut self) {
        let wishes = Wishes {
            chosen: self.chosen_service(),
            folds: self.sight.folds.clone(),
            kept: self.pods_on_the_way(),
        };
        // A smaller picture has more room; a larger one is looked at in parts.
        let width = self.stage_width / (self.natural() * self.sight.factor.min(1.0));
        let scene = lay_out(&self.view, &wishes, width);
        if *self.scene != scene {
            self.place_on(scene);
        }
    }

    fn place_on(&mut self, scene: Scene) {
        self.scene = scene.into();
        let Some(playback) = &mut self.playback else { return };
        // The reader stays at the same step although ways may have become longer.
        let moment = playback.timeline.moment(playback.clock).unwrap_or_default();
        playback.timeline = timeline_of(&self.scene, &playback.exchange, playback.packet);
        playback.clock = playback.timeline.arrival(moment.step);
    }

    /// The pods that the request being watched comes to.
    fn pods_on_the_way(&self) -> Vec<Rc<str>> {
        let Some(playback) = self.playback.as_ref().filter(|it| it.live) else { return Vec::new() };
        let mut res: Vec<Rc<str>> = Vec::new();
        let steps = playback.exchange.packets.iter().flat_map(|it| &it.steps);
        for step in steps {
            let (Place::Pod { pod, .. } | Place::Veth { pod, .. }) = &step.place else { continue };
            if !res.contains(pod) {
                res.push(pod.clone());
            }
        }
        res
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::settled;
    use super::super::{Msg, State};
    use super::Sighting;

    fn sighted(sighting: Sighting) -> State {
        let mut state = settled();
        state.update(Msg::Sight(sighting));
        state
    }

    #[test]
    fn a_picture_that_fits_is_not_higher_than_its_window() {
        for height in [300.0, 400.0, 560.0, 2000.0] {
            let state = sighted(Sighting::Fit(height));
            let shown = state.scene.height * state.zoom();
            assert!(shown <= height, "{shown} > {height}");
        }
    }

    #[test]
    fn the_first_scenario_needs_no_scrolling_in_a_common_window() {
        let mut state = settled();
        state.update(Msg::Stage(689.0));
        assert!(state.scene.height <= 570.0, "{}", state.scene.height);
        let folded: Vec<bool> = state.scene.nodes.iter().map(|it| it.folded).collect();
        assert_eq!(folded, [true, false, false]);
    }

    #[test]
    fn zooming_in_and_out_again_gives_the_same_picture() {
        let before = settled();
        let mut state = sighted(Sighting::Zoom(1.25));
        assert!(state.zoom() > before.zoom());
        state.update(Msg::Sight(Sighting::Zoom(1.0 / 1.25)));
        assert_eq!((state.zoom(), &*state.scene), (before.zoom(), &*before.scene));
        state.update(Msg::Sight(Sighting::Zoom(f64::INFINITY)));
        state.update(Msg::Sight(Sighting::Zoom(0.0)));
        assert!(state.zoom() > 0.0);
    }

    #[test]
    fn a_node_is_folded_and_opened_by_hand() {
        let mut state = sighted(Sighting::Fold("worker-1".into(), true));
        let folded = |state: &State| state.scene.node("worker-1").map(|it| it.folded);
        assert_eq!(folded(&state), Some(true));
        state.update(Msg::Sight(Sighting::Fold("worker-1".into(), false)));
        assert_eq!(folded(&state), Some(false));
    }
}
