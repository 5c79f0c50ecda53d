//! The lab's own source of chance: the same seed gives the same numbers in every release.
//!
//! Version 1 is SplitMix64 (Steele, Lea, Flood 2014). A link that replays a session names the
//! version, so a better generator later becomes version 2 beside it.

use std::collections::VecDeque;

/// How many picks a number that was picked stays out of the next ones.
const REST: usize = 64;

/// Names, addresses, dice: everything random in the lab comes from one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng {
    state: u64,
    /// The latest picks, oldest first; at most [`REST`].
    picked: VecDeque<u64>,
}

impl Rng {
    pub const VERSION: u32 = 1;

    pub fn new(seed: u64) -> Rng {
        Rng { state: seed, picked: VecDeque::new() }
    }

    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `n` − 1; 0 where `n` is 0. The bias is below n / 2⁶⁴.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// The first number that fits, from a random one of `from..to` forward and round; of those
    /// only in need that were picked lately. A number just given back is so not given out again
    /// at once, which a real cluster does once in thousands of times.
    pub fn pick(&mut self, from: u64, to: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let length = to.saturating_sub(from);
        let start = self.below(length);
        let mut all = (0..length).map(|step| from + (start + step) % length);
        let fresh = all.clone().find(|it| fits(*it) && !self.picked.contains(it));
        let res = fresh.or_else(|| all.find(|it| fits(*it)))?;
        if self.picked.len() == REST {
            self.picked.pop_front();
        }
        self.picked.push_back(res);
        Some(res)
    }

    /// Five or more letters as Kubernetes ends generated names with
    /// (`k8s.io/apimachinery/pkg/util/rand`: no vowels, no 0, 1 or 3).
    pub fn suffix(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..length).map(|_| char::from(ALPHABET[self.below(27) as usize])).collect()
    }

    /// A version 4 UUID (RFC 9562).
    pub fn uid(&mut self) -> String {
        let high = self.next_u64() & !0xF000 | 0x4000;
        let low = self.next_u64() & !(0b11 << 62) | (0b10 << 62);
        let (a, b, c) = (high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF);
        format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", low >> 48, low & 0xFFFF_FFFF_FFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of SplitMix64 for seed 1234567 (as in the Java and Rust reference tests).
    #[test]
    fn version_1_never_changes() {
        let mut rng = Rng::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_number_that_nobody_has_any_more_is_not_picked_again_at_once() {
        for seed in 0..50 {
            let mut rng = Rng::new(seed);
            let picked: Vec<_> = (0..REST).map(|_| rng.pick(100, 200, |_| true)).collect();
            let mut distinct = picked.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), picked.len());
            assert!(picked.iter().flatten().all(|it| (100..200).contains(it)));
        }
    }

    #[test]
    fn where_nothing_else_fits_a_number_is_picked_again() {
        let mut rng = Rng::new(1);
        let five = |it: u64| it == 5;
        assert_eq!([rng.pick(0, 10, five), rng.pick(0, 10, five)], [Some(5), Some(5)]);
        assert_eq!(rng.pick(0, 10, |_| false), None);
        assert_eq!(rng.pick(3, 3, |_| true), None);
    }

    #[test]
    fn uids_are_version_4() {
        let uid = Rng::new(7).uid();
        assert_eq!(uid.len(), 36);
        assert_eq!(&uid[14..15], "4");
        assert!("89ab".contains(&uid[19..20]));
    }
}
