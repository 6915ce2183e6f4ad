//! Scripted descriptors: a program watches a number, and the script says when it is ready.

use crate::errno::Errno;
use crate::readiness::{INTERESTS, Stand, place};
use fate_core::{Completion, Event, Interest, Key, Readiness};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
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

/// One host's scripted descriptors and who watches them.
#[derive(Default)]
pub(crate) struct Watches {
    made: RawFd,
    readiness: BTreeMap<RawFd, Readiness>,
    /// By descriptor, and then by the place of what is watched for.
    waiting: BTreeMap<(RawFd, usize), Key>,
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
            return self.refuse(key, Errno::BAD_DESCRIPTOR);
        }
        match self.waiting.entry((descriptor, place(interest))) {
            Entry::Vacant(place) => {
                place.insert(key);
            }
            Entry::Occupied(_) => self.refuse(key, Errno::EXISTS),
        }
    }

    fn refuse(&mut self, key: Key, errno: Errno) {
        self.refused.push_back(Completion { key, event: Event::Failed(errno.error()) });
    }

    pub fn cancel(&mut self, key: Key) {
        self.waiting.retain(|_, waiting| *waiting != key);
        self.refused.retain(|completion| completion.key != key);
    }

    fn ready(&self, (descriptor, place): (RawFd, usize)) -> Option<Readiness> {
        let readiness = *self.readiness.get(&descriptor)?;
        Stand { readiness, is_ended: readiness.hang_up }.told(INTERESTS[place])
    }

    /// Whether a completion is waiting to be collected.
    pub fn has_completions(&self) -> bool {
        !self.refused.is_empty() || self.waiting.keys().any(|&watched| self.ready(watched).is_some())
    }

    /// Moves all completions to the inbox.
    pub fn collect(&mut self, inbox: &mut VecDeque<Completion>) {
        inbox.append(&mut self.refused);
        let waiting = self.waiting.iter();
        let told: Vec<_> = waiting.filter_map(|(&watched, &key)| Some((watched, key, self.ready(watched)?))).collect();
        for (watched, key, readiness) in told {
            self.waiting.remove(&watched);
            inbox.push_back(Completion { key, event: Event::Ready(readiness) });
        }
    }
}
