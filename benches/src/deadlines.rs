//! The same deadlines for everybody: uniform over ten seconds, from one seed.

use std::time::Duration;

/// All deadlines lie within this long after the moment of lighting.
pub const SPAN: Duration = Duration::from_secs(10);

const SEED: u64 = 0x5EED_FA7E;

/// `count` delays, drawn uniformly to the nanosecond.
pub fn delays(count: usize) -> Vec<Duration> {
    let mut random = SplitMix(SEED);
    (0..count).map(|_| Duration::from_nanos(random.below(SPAN.as_nanos() as u64))).collect()
}

/// The numbers below `count` in a random order (Fisher and Yates).
pub fn shuffled(count: usize) -> Vec<usize> {
    let mut random = SplitMix(!SEED);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}

/// SplitMix64 (Steele, Lea and Flood: Fast splittable pseudorandom number generators, 2014).
struct SplitMix(u64);

impl SplitMix {
    /// A number from 0 to `bound` - 1 (Lemire's multiplication; its bias is far below what anything here could see).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(mixed ^ (mixed >> 31)) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_the_same_deadlines_spread_over_the_span() {
        let all = delays(10_000);
        assert_eq!(all, delays(10_000));
        assert!(all.iter().all(|delay| *delay < SPAN));
        let late = all.iter().filter(|delay| **delay >= SPAN / 2).count();
        assert!((4_500..5_500).contains(&late));
    }

    #[test]
    fn a_shuffle_has_every_number_once() {
        let mut order = shuffled(1_000);
        assert!(order.iter().enumerate().any(|(at, number)| at != *number));
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(at, number)| at == *number));
    }
}
