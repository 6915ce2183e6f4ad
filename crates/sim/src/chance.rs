//! Chance: a sequence of numbers that follows from the seed and a name alone.
//!
//! Each host and each link has a sequence of its own. So a host that is added, or that draws more often, changes nothing
//! for the others.

use std::ops::Range;

/// The generator is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The sequence of whatever has these names.
    pub fn new(seed: u64, names: &[&str]) -> Chance {
        // No name contains this byte, so different lists of names are different sequences.
        let bytes = names.join("\0").into_bytes();
        Chance(bytes.into_iter().fold(mix(seed), |state, byte| mix(state ^ u64::from(byte))))
    }

    /// The next number of the sequence.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number of the range; its start, if there is none in it.
    pub fn within(&mut self, range: &Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start);
        if width < 2 {
            return range.start;
        }
        range.start + ((u128::from(self.next()) * u128::from(width)) >> 64) as u64
    }

    /// Whether something happens that has this probability. What never happens draws no number.
    pub fn happens(&mut self, probability: f64) -> bool {
        // 53 bits are what a float holds exactly, so this is the same on every machine.
        probability > 0.0 && ((self.next() >> 11) as f64) < probability * (1u64 << 53) as f64
    }
}

fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_happens_and_what_is_impossible_does_not() {
        let mut chance = Chance::new(1, &["alice", "bob"]);
        assert!((0..1000).all(|_| chance.happens(1.0) && !chance.happens(0.0)));
        let often = (0..10_000).filter(|_| chance.happens(0.3)).count();
        assert!((2_800..3_200).contains(&often), "{often}");
    }

    #[test]
    fn numbers_lie_within_their_range() {
        let mut chance = Chance::new(2, &["alice"]);
        assert!((0..1000).all(|_| (10..50).contains(&chance.within(&(10..50)))));
        assert_eq!((chance.within(&(7..7)), chance.within(&(7..8))), (7, 7));
    }
}
