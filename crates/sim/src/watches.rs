//! Scripted descriptors: a program watches a number, and the script says when it is ready.

use fate_core::parts::slots::Key;
use fate_core::{Completion, Event, Interest, Readiness};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;

/// The first number given to a scripted descriptor: far from any that the process really has.
const FIRST: RawFd = 1 << 20;

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
    refused: Vec<Completion>,
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
        let place = (descriptor, interest == Interest::Read);
        if !self.readiness.contains_key(&descriptor) {
            self.refuse(key, io::ErrorKind::NotFound);
        } else if self.waiting.contains_key(&place) {
            self.refuse(key, io::ErrorKind::AlreadyExists);
        } else {
            self.waiting.insert(place, key);
        }
    }

    fn refuse(&mut self, key: Key, kind: io::ErrorKind) {
        self.refused.push(Completion { key, event: Event::Refused(kind.into()) });
    }

    pub fn cancel(&mut self, key: Key) {
        self.waiting.retain(|_, waiting| *waiting != key);
        self.refused.retain(|completion| completion.key != key);
    }

    fn ready(&self, descriptor: RawFd, is_read: bool) -> Option<Readiness> {
        let readiness = *self.readiness.get(&descriptor)?;
        let wanted = if is_read { readiness.readable } else { readiness.writable };
        (wanted || readiness.hang_up || readiness.error).then_some(readiness)
    }

    /// Whether a completion is waiting to be collected.
    pub fn has_completions(&self) -> bool {
        !self.refused.is_empty() || self.waiting.keys().any(|&(number, is_read)| self.ready(number, is_read).is_some())
    }

    /// Moves all completions to the inbox.
    pub fn collect(&mut self, inbox: &mut Vec<Completion>) {
        inbox.append(&mut self.refused);
        let told: Vec<_> = self
            .waiting
            .iter()
            .filter_map(|(&(number, is_read), &key)| Some(((number, is_read), key, self.ready(number, is_read)?)))
            .collect();
        for (place, key, readiness) in told {
            self.waiting.remove(&place);
            inbox.push(Completion { key, event: Event::Ready(readiness) });
        }
    }
}
