//! Scripted descriptors: a program watches a number, and the script says when it is ready.
//!
//! # Cost
//! Logarithmic in those that are watched, and an exchange no more than what there is to tell.

use crate::errno::Errno;
use crate::readiness::{INTERESTS, Stand, place};
use fate_core::{Completion, Event, Interest, Key, Readiness};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::RawFd;

/// The first number given to a scripted descriptor: far from any that the process really has.
pub(crate) const FIRST: RawFd = 1 << 20;

/// A scripted descriptor: watch it by its number, and say when it is ready through the world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Descriptor(RawFd);

impl Descriptor {
    /// The number that a program watches.
    pub fn number(self) -> RawFd {
        self.0
    }
}

/// A descriptor, and the place of what it is watched for.
type Watched = (RawFd, usize);

/// One host's scripted descriptors and who watches them.
#[derive(Default)]
pub(crate) struct Watches {
    made: RawFd,
    readiness: BTreeMap<RawFd, Readiness>,
    waiting: BTreeMap<Watched, Key>,
    /// What each key waits for.
    keys: BTreeMap<Key, Watched>,
    /// Those who wait, and can be told.
    ready: BTreeSet<Watched>,
    refused: VecDeque<Completion>,
}

impl Watches {
    pub fn make(&mut self) -> Descriptor {
        let number = FIRST + self.made;
        self.made += 1;
        self.readiness.insert(number, Readiness::default());
        Descriptor(number)
    }

    /// Forgets a descriptor: who still watches it is told nothing more.
    pub fn unmake(&mut self, descriptor: Descriptor) {
        self.readiness.remove(&descriptor.0);
        self.look(descriptor.0);
    }

    /// Whether it was made, and not forgotten.
    pub fn is_made(&self, descriptor: Descriptor) -> bool {
        self.readiness.contains_key(&descriptor.0)
    }

    pub fn set(&mut self, descriptor: Descriptor, readiness: Readiness) {
        if let Some(before) = self.readiness.get_mut(&descriptor.0) {
            *before = readiness;
            self.look(descriptor.0);
        }
    }

    pub fn watch(&mut self, key: Key, descriptor: RawFd, interest: Interest) {
        if !self.readiness.contains_key(&descriptor) {
            return self.refuse(key, Errno::BAD_DESCRIPTOR);
        }
        let watched = (descriptor, place(interest));
        match self.waiting.entry(watched) {
            Entry::Vacant(place) => {
                place.insert(key);
                self.keys.insert(key, watched);
                self.look(descriptor);
            }
            Entry::Occupied(_) => self.refuse(key, Errno::EXISTS),
        }
    }

    fn refuse(&mut self, key: Key, errno: Errno) {
        self.refused.push_back(Completion { key, event: Event::Failed(errno.error()) });
    }

    pub fn cancel(&mut self, key: Key) {
        if let Some(watched) = self.keys.remove(&key) {
            self.waiting.remove(&watched);
            self.ready.remove(&watched);
        }
        self.refused.retain(|completion| completion.key != key);
    }

    /// Notes which of those who watch a descriptor can be told something.
    fn look(&mut self, descriptor: RawFd) {
        for watched in (0..INTERESTS.len()).map(|place| (descriptor, place)) {
            if self.waiting.contains_key(&watched) && self.told(watched).is_some() {
                self.ready.insert(watched);
            } else {
                self.ready.remove(&watched);
            }
        }
    }

    fn told(&self, (descriptor, place): Watched) -> Option<Readiness> {
        let readiness = *self.readiness.get(&descriptor)?;
        Stand { readiness, is_ended: readiness.hang_up }.told(INTERESTS[place])
    }

    /// Whether a completion is waiting to be collected.
    pub fn has_completions(&self) -> bool {
        !self.refused.is_empty() || !self.ready.is_empty()
    }

    /// Moves all completions to the inbox.
    pub fn collect(&mut self, inbox: &mut VecDeque<Completion>) {
        inbox.append(&mut self.refused);
        for watched in std::mem::take(&mut self.ready) {
            if let (Some(readiness), Some(key)) = (self.told(watched), self.waiting.remove(&watched)) {
                self.keys.remove(&key);
                inbox.push_back(Completion { key, event: Event::Ready(readiness) });
            }
        }
    }
}
