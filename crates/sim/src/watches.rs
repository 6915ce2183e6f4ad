//! Scripted descriptors: a program watches a number, and the script says when it is ready.

use fate_core::Key;
use fate_core::{Completion, Event, Interest, Readiness};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::RawFd;

/// The first number given to a scripted descriptor: far from any that the process really has.
const FIRST: RawFd = 1 << 20;

/// What every Unix says of a number that is no descriptor.
const EBADF: i32 = 9;
/// What every Unix says of something that is there already.
const EEXIST: i32 = 17;

/// A scripted descriptor: watch it by its number, and say when it is ready through the world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Descriptor(RawFd);

impl Descriptor {
    /// The number that a program watches.
    pub fn number(self) -> RawFd {
        self.0
    }
}

/// One host's scripted descriptors and who watches them.
#[derive(Default)]
pub(crate) struct Watches {
    made: RawFd,
    readiness: BTreeMap<RawFd, Readiness>,
    waiting: BTreeMap<(RawFd, bool), Key>,
    refused: VecDeque<Completion>,
}

impl Watches {
    pub fn make(&mut self) -> Descriptor {
        let number = FIRST + self.made;
        self.made += 1;
        self.readiness.insert(number, Readiness::default());
        Descriptor(number)
    }

    pub fn set(&mut self, descriptor: Descriptor, readiness: Readiness) {
        self.readiness.insert(descriptor.0, readiness);
    }

    pub fn watch(&mut self, key: Key, descriptor: RawFd, interest: Interest) {
        if !self.readiness.contains_key(&descriptor) {
            return self.refuse(key, EBADF);
        }
        match self.waiting.entry((descriptor, interest == Interest::Read)) {
            Entry::Vacant(place) => {
                place.insert(key);
            }
            Entry::Occupied(_) => self.refuse(key, EEXIST),
        }
    }

    fn refuse(&mut self, key: Key, number: i32) {
        self.refused.push_back(Completion { key, event: Event::Refused(io::Error::from_raw_os_error(number)) });
    }

    pub fn cancel(&mut self, key: Key) {
        self.waiting.retain(|_, waiting| *waiting != key);
        self.refused.retain(|completion| completion.key != key);
    }

    fn ready(&self, descriptor: RawFd, is_read: bool) -> Option<Readiness> {
        let Readiness { readable, writable, hang_up, error } = *self.readiness.get(&descriptor)?;
        let (readable, writable) = (readable || hang_up || error, writable || hang_up || error);
        let ready = if is_read { readable } else { writable };
        ready.then_some(Readiness { readable: readable && is_read, writable: writable && !is_read, hang_up, error })
    }

    /// Whether a completion is waiting to be collected.
    pub fn has_completions(&self) -> bool {
        !self.refused.is_empty() || self.waiting.keys().any(|&(number, is_read)| self.ready(number, is_read).is_some())
    }

    /// Moves all completions to the inbox.
    pub fn collect(&mut self, inbox: &mut VecDeque<Completion>) {
        inbox.append(&mut self.refused);
        let told: Vec<_> = self
            .waiting
            .iter()
            .filter_map(|(&(number, is_read), &key)| Some(((number, is_read), key, self.ready(number, is_read)?)))
            .collect();
        for (place, key, readiness) in told {
            self.waiting.remove(&place);
            inbox.push_back(Completion { key, event: Event::Ready(readiness) });
        }
    }
}
