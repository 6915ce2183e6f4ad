//! What the kernel calls a registration by: which descriptor, and which arming of it.
//!
//! A registration can outlive what it was made for: if a descriptor is closed while a duplicate lives elsewhere, the
//! kernel goes on telling of it under a number that may mean another file by then. So every arming has a number of its
//! own, and what is told of an earlier one concerns nobody.
//!
//! # Invariants
//! - K1 A descriptor's token is none of those that are not a descriptor's: the bell's, the alarms', and the one that
//!   `polling` keeps for itself, `usize::MAX`.

use fate_core::Clock;
use std::os::fd::RawFd;

/// The bits of a token that hold the descriptor; the others hold the arming.
const DESCRIPTOR_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };

const DESCRIPTOR_MASK: usize = (1 << DESCRIPTOR_BITS) - 1;

/// How many of the largest tokens are not a descriptor's.
const OTHERS: usize = 5;

/// Names a registration in the poller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token(pub usize);

impl Token {
    /// The bell, if it is a descriptor.
    #[allow(dead_code, reason = "elsewhere the bell is the poller's own")]
    pub const BELL: Token = Token(usize::MAX - 1);

    /// The largest descriptor that has tokens: any on 64 bits, and a million on 32, where the largest are K1's.
    pub const LARGEST: RawFd = if usize::BITS == 64 { RawFd::MAX } else { (DESCRIPTOR_MASK - OTHERS) as RawFd };

    /// The alarm on a clock, if it is a descriptor.
    #[allow(dead_code, reason = "elsewhere alarms are no descriptors")]
    pub const fn alarm(clock: Clock) -> Token {
        Token(usize::MAX - 2 - clock as usize)
    }

    /// The token for an arming of `descriptor`. On 32 bits armings 4096 apart are the same to it.
    pub fn new(descriptor: RawFd, arming: u32) -> Token {
        debug_assert!((0..=Token::LARGEST).contains(&descriptor));
        Token((arming as usize) << DESCRIPTOR_BITS | descriptor as usize)
    }

    /// The descriptor, as a place in a table.
    pub fn descriptor(self) -> usize {
        self.0 & DESCRIPTOR_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K1.
    #[test]
    fn every_arming_of_every_descriptor_has_a_token_of_its_own() {
        let others: Vec<Token> =
            Clock::ALL.map(Token::alarm).into_iter().chain([Token::BELL, Token(usize::MAX)]).collect();
        assert_eq!(others.len(), OTHERS);
        for descriptor in [0, 1, 1 << 16, Token::LARGEST] {
            let tokens = [0, 1, 4095].map(|arming| Token::new(descriptor, arming));
            assert!(tokens.iter().all(|token| token.descriptor() == descriptor as usize));
            assert!(tokens.iter().all(|token| !others.contains(token)));
            assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2] && tokens[0] != tokens[2]);
        }
        assert!(!others.contains(&Token::new(Token::LARGEST, u32::MAX)));
    }
}
