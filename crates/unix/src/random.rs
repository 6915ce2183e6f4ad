//! Random numbers from the operating system's, by way of std.

use std::hash::{BuildHasher, RandomState};
use std::process;

/// Sixty-four random bits.
///
/// std asks the system for a secret once a thread and draws from it for each `RandomState`, so this cannot fail, cannot
/// block and works everywhere. The process is mixed in because a forked child has its parent's secret. It is for
/// spreading things (retries, ports, hashes), not for keys.
pub fn random() -> u64 {
    RandomState::new().hash_one(process::id())
}
