//! The register of living Deferreds, so that they can be reported, and ended with everything else.

use super::reactor::Reactor;
use crate::parts::slots::Slots;
use crate::words::failure::Place;
use crate::words::instant::Instant;
use crate::words::key::Key;
use std::rc::{Rc, Weak};

/// Something that waits for a value, and is owned by those who will give or take it.
pub trait Living {
    /// The line that made it.
    fn place(&self) -> Place;
    /// What it waits for, in words; `None` if it has what it waited for.
    fn waits_for(&self) -> Option<&'static str>;
    /// Ends it: whoever waits for it learns that it was cancelled.
    fn end(self: Rc<Self>);
}

pub(super) type Register = Slots<Entry>;

pub(super) struct Entry {
    living: Weak<dyn Living>,
    born: Instant,
}

impl Reactor {
    /// Enters something that begins to live.
    #[inline]
    pub fn enroll(&self, living: Weak<dyn Living>) -> Key {
        let born = self.turn_time.get().unwrap_or(Instant::START);
        self.living.borrow_mut().insert(Entry { living, born })
    }

    /// Strikes out something that lives no more.
    #[inline]
    pub fn strike_out(&self, key: Key) {
        let entry = self.living.borrow_mut().remove_key(key);
        drop(entry);
    }

    /// Everything that waits for a value, with the moment at which it was made (the start of time if that was outside a
    /// turn).
    pub(super) fn all_living(&self) -> Vec<(Rc<dyn Living>, Instant)> {
        let living = self.living.borrow();
        let alive = living.iter().filter_map(|(_, entry)| Some((entry.living.upgrade()?, entry.born)));
        alive.filter(|(living, _)| living.waits_for().is_some()).collect()
    }
}
