//! How many descriptors a process may have.
//!
//! The kernel gives out the lowest number that is free, so the latest number tells how far it is to the limit. The limit
//! can be moved while the process runs, so it is asked for again when it seems to be reached; not for each socket.

use fate_core::Socket;
use rustix::process::{Resource, getrlimit};
use std::cell::Cell;

/// The limit as it was last told.
#[derive(Default)]
pub(crate) struct Limits {
    descriptors: Cell<u64>,
}

impl Limits {
    /// Whether so many descriptors can still be had after this one.
    pub fn has_room_after(&self, latest: Socket, descriptors: u32) -> bool {
        let needed = u64::try_from(latest.0).unwrap_or(0) + u64::from(descriptors) + 1;
        if needed > self.descriptors.get() {
            self.descriptors.set(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
        }
        needed <= self.descriptors.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N6.
    #[test]
    fn there_is_room_up_to_the_limit_and_not_beyond() {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let limits = Limits::default();
        for (latest, descriptors) in [(0, 0), (3, 8), (i32::MAX, 0), (i32::MAX, u32::MAX)] {
            let fits = latest as u64 + u64::from(descriptors) < limit;
            assert_eq!(limits.has_room_after(Socket(latest), descriptors), fits, "{latest} {descriptors}");
        }
        if let Ok(last) = i32::try_from(limit - 1) {
            assert!(limits.has_room_after(Socket(last), 0));
            assert!(!limits.has_room_after(Socket(last), 1));
        }
    }
}
