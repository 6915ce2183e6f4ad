//! What the kernel calls an operation by.
//!
//! An operation of the machine is called by its key, both halves of it: no two that are under way have the same, so what
//! is told of a dead one is told from what is told of its successor in the same place.
//!
//! # Invariants
//! - K1 No key has an index as high as those of the driver's own tokens: the table would have to be larger than memory.

use fate_core::Key;

/// Names an operation in the ring: the generation above, the index below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token(pub u64);

impl Token {
    /// What is told only when it fails, and then means nothing: closing, cancelling, moving an alarm.
    pub const SILENT: Token = Token(u64::MAX);

    /// The bell.
    pub const BELL: Token = Token(u64::MAX - 1);

    /// The alarm on boot time.
    pub const BOOT: Token = Token(u64::MAX - 2);

    /// The alarm on wall time.
    pub const WALL: Token = Token(u64::MAX - 3);

    /// The index of quiet sends, which are told apart by the other half.
    const QUIET_INDEX: u32 = u32::MAX - 4;

    /// Indices from here on are the driver's own (K1).
    pub const FIRST_OWN_INDEX: u32 = Token::QUIET_INDEX;

    /// The token of an operation of the machine.
    #[inline]
    pub fn of(key: Key) -> Token {
        Token(u64::from(key.generation) << 32 | u64::from(key.index))
    }

    /// The token of a quiet send.
    #[inline]
    pub fn of_quiet(place: u32) -> Token {
        Token::of(Key { index: Token::QUIET_INDEX, generation: place })
    }

    /// Whether it is that of a quiet send.
    pub fn is_quiet(self) -> bool {
        self.key().index == Token::QUIET_INDEX
    }

    /// Where a quiet send is in the list of these.
    pub fn quiet_place(self) -> usize {
        self.key().generation as usize
    }

    /// Whether it is the driver's own.
    #[inline]
    pub fn is_own(self) -> bool {
        self.key().index >= Token::FIRST_OWN_INDEX
    }

    /// The key of the machine's operation, if it is one of those.
    #[inline]
    pub fn key(self) -> Key {
        Key { index: self.0 as u32, generation: (self.0 >> 32) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K1.
    #[test]
    fn a_key_comes_back_as_it_went_and_is_none_of_the_drivers_own() {
        for index in [0, 1, 1 << 20, Token::FIRST_OWN_INDEX - 1] {
            for generation in [0, 7, u32::MAX] {
                let key = Key { index, generation };
                assert_eq!(Token::of(key).key(), key);
                assert!(!Token::of(key).is_own());
            }
        }
        for own in [Token::SILENT, Token::BELL, Token::BOOT, Token::WALL] {
            assert!(own.is_own() && !own.is_quiet());
        }
        for place in [0, 1, u32::MAX] {
            let token = Token::of_quiet(place);
            assert!(token.is_own() && token.is_quiet() && token.quiet_place() == place as usize);
        }
    }
}
