//! What is sent, so that what comes back can be checked: one long row of bytes without a pattern, read round and round, from a
//! different place by each connection.
//!
//! A byte lost, doubled, or sent to the wrong connection shifts everything after it, and every byte is compared.

/// A prime, so that messages of any size begin everywhere in it.
const ROUND: usize = 65_521;

/// Connections begin so far apart.
const APART: usize = 7_919;

pub struct Script {
    bytes: Vec<u8>,
}

impl Script {
    /// A script of which `at` can show `longest` bytes in one piece.
    pub fn new(longest: usize) -> Script {
        // Any mixing does that has no period of its own within a round.
        let byte =
            |place: usize| ((place % ROUND) as u64 ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
        Script { bytes: (0..ROUND + longest).map(byte).collect() }
    }

    /// The bytes that connection `line` sends after its first `before`.
    pub fn at(&self, line: usize, before: usize, length: usize) -> &[u8] {
        let start = (line * APART + before) % ROUND;
        &self.bytes[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_too_many_or_of_a_neighbour_does_not_go_unseen() {
        let script = Script::new(64);
        for before in [0, 64, ROUND - 1, 10 * ROUND] {
            assert_ne!(script.at(0, before, 64), script.at(0, before + 1, 64));
            assert_ne!(script.at(0, before, 64), script.at(1, before, 64));
        }
        assert_eq!(script.at(3, 60, 4), &script.at(3, 0, 64)[60..]);
        assert_eq!(script.at(3, 5, 64), script.at(3, 5 + ROUND, 64));
    }
}
