//! Every way a packet may go, with its exact probability.

use crate::walk::Dice;

/// Runs `walk` once for each combination of dice that can come up. `walk` must be a function of
/// the dice alone. Returns each result with its probability; they sum to 1.
pub fn every<T>(mut walk: impl FnMut(&mut dyn Dice) -> T) -> Vec<(T, f64)> {
    let mut res = Vec::new();
    let mut script = Script::default();
    loop {
        script.at = 0;
        let value = walk(&mut script);
        res.push((value, script.probability()));
        if !script.advance() {
            return res;
        }
    }
}

/// Plays back a list of decisions; beyond its end every throw matches where it can.
#[derive(Default)]
struct Script {
    throws: Vec<Throw>,
    at: usize,
}

struct Throw {
    matches: bool,
    threshold: u32,
}

const DRAWS: u32 = 1 << 31;

impl Script {
    fn probability(&self) -> f64 {
        let share = |it: &Throw| {
            let hits = f64::from(it.threshold.min(DRAWS)) / f64::from(DRAWS);
            if it.matches { hits } else { 1.0 - hits }
        };
        self.throws.iter().map(share).product()
    }

    /// Turns the last match that can fail into a miss; false where there is none left.
    fn advance(&mut self) -> bool {
        while let Some(last) = self.throws.last_mut() {
            if last.matches && last.threshold < DRAWS {
                last.matches = false;
                return true;
            }
            self.throws.pop();
        }
        false
    }
}

impl Dice for Script {
    fn draw(&mut self, threshold: u32) -> u32 {
        if self.at == self.throws.len() {
            self.throws.push(Throw { matches: threshold > 0, threshold });
        }
        let matches = self.throws[self.at].matches;
        self.at += 1;
        if matches { 0 } else { DRAWS - 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_equal_endpoints_get_a_third_each() {
        let half = 1 << 30;
        let third = 715_827_883;
        let res =
            every(|dice| [third, half].iter().position(|it| dice.draw(*it) < *it).unwrap_or(2));
        let picks: Vec<usize> = res.iter().map(|it| it.0).collect();
        assert_eq!(picks, [0, 1, 2]);
        assert!(res.iter().all(|(_, share)| (share - 1.0 / 3.0).abs() < 1e-9));
        assert!((res.iter().map(|it| it.1).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_sure_throw_does_not_branch() {
        assert_eq!(every(|dice| dice.draw(DRAWS) < DRAWS), [(true, 1.0)]);
        assert_eq!(every(|dice| dice.draw(0) == 0), [(false, 1.0)]);
    }
}
