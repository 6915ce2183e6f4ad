//! The table of descriptors: who is told when which of them is ready.
//!
//! The kernel knows a descriptor once, for both directions; the machine asks for each direction by itself. So each
//! descriptor has one entry with two places in it, and one registration:
//!
//! ```text
//!                 watch, cancel                apply                   ready
//!   the entry ────────────────────▶ changed ─────────────▶ armed ───────────────▶ told, and disarmed by
//!   of a number                        ▲         or disarmed, if nobody is left     the kernel itself
//!                                      └─────────────── the other direction waits still ◀──┘
//! ```
//!
//! The kernel is asked to tell once (a one-shot) and level-triggered, and is told of a change only at the next
//! exchange: a watch that was told and is asked for again costs one call, however many of its two directions changed.
//!
//! # Invariants
//! - W1 A place in an entry holds the key of a live operation: one that was neither told, refused nor cancelled.
//! - W2 A descriptor is handed to the kernel only while an operation on it lives or, once, in the exchange that carries
//!   the cancel of its last one. After that the number may mean another file.
//! - W3 What the kernel says counts only if it bears the token of the entry's latest arming. A closed descriptor whose
//!   number was given out again is told to the kernel anew, since the kernel forgot it with the file.
//! - W4 The table grows only for a number that the kernel knows, so a wild one costs no memory.
//!
//! # Cost
//! No map and no allocation once warm: entries lie by descriptor number, as in the kernel's own table, at 32 bytes
//! each.

use crate::poller::{Poller, look_up};
use crate::token::Token;
use fate_core::Key;
use fate_core::{Completion, Event, Interest, Readiness};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::RawFd;

/// All watched descriptors of one driver.
#[derive(Default)]
pub(crate) struct Watches {
    /// By descriptor number.
    entries: Vec<Entry>,
    /// The descriptor that an operation is about, by the index of its key. Means nothing unless the entry has the key.
    descriptors: Vec<RawFd>,
    /// What the kernel must be told.
    changed: Vec<RawFd>,
    live: usize,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    read: Option<Key>,
    write: Option<Key>,
    arming: u32,
    /// Whether the kernel knew the descriptor when it was last told.
    known: bool,
    /// Whether it is among those that changed.
    changed: bool,
    /// Whether an operation was cancelled since the kernel was last told.
    cancelled: bool,
}

const _: () = assert!(size_of::<Entry>() == 32);

impl Entry {
    fn place(&mut self, interest: Interest) -> &mut Option<Key> {
        match interest {
            Interest::Read => &mut self.read,
            Interest::Write => &mut self.write,
        }
    }

    fn is_idle(&self) -> bool {
        self.read.is_none() && self.write.is_none()
    }
}

impl Watches {
    /// Whether the kernel has nothing to tell and nothing to be told.
    pub fn is_idle(&self) -> bool {
        self.live == 0 && self.changed.is_empty()
    }

    /// Notes an operation, for the kernel to be told of.
    pub fn watch(&mut self, key: Key, descriptor: RawFd, interest: Interest, inbox: &mut VecDeque<Completion>) {
        match self.enter(key, descriptor, interest) {
            Ok(()) => self.note_change(descriptor),
            Err(error) => inbox.push_back(refusal(key, error)),
        }
    }

    fn enter(&mut self, key: Key, descriptor: RawFd, interest: Interest) -> io::Result<()> {
        self.make_room(key, descriptor)?;
        let place = self.entries[descriptor as usize].place(interest);
        if place.is_some() {
            return Err(Errno::EXIST.into());
        }
        *place = Some(key);
        self.descriptors[key.index as usize] = descriptor;
        self.live += 1;
        Ok(())
    }

    /// W4: asks the kernel first.
    fn make_room(&mut self, key: Key, descriptor: RawFd) -> io::Result<()> {
        if usize::try_from(descriptor).map_or(true, |number| number >= self.entries.len()) {
            look_up(descriptor)?;
            self.entries.resize((descriptor as usize + 1).next_power_of_two(), Entry::default());
        }
        if key.index as usize >= self.descriptors.len() {
            self.descriptors.resize((key.index as usize + 1).next_power_of_two(), -1);
        }
        Ok(())
    }

    /// Forgets an operation. One that is not alive is forgotten already.
    pub fn cancel(&mut self, key: Key) {
        let Some(&descriptor) = self.descriptors.get(key.index as usize) else { return };
        let Some(entry) = self.entries.get_mut(descriptor as usize) else { return };
        let place = if entry.read == Some(key) { &mut entry.read } else { &mut entry.write };
        if place.take_if(|alive| *alive == key).is_some() {
            entry.cancelled = true;
            self.live -= 1;
            self.note_change(descriptor);
        }
    }

    fn note_change(&mut self, descriptor: RawFd) {
        if !mem::replace(&mut self.entries[descriptor as usize].changed, true) {
            self.changed.push(descriptor);
        }
    }

    /// Tells the kernel what changed.
    pub fn apply(&mut self, poller: &Poller, inbox: &mut VecDeque<Completion>) {
        let mut changed = mem::take(&mut self.changed);
        for descriptor in changed.drain(..) {
            self.apply_one(descriptor, poller, inbox);
        }
        self.changed = changed;
    }

    fn apply_one(&mut self, descriptor: RawFd, poller: &Poller, inbox: &mut VecDeque<Completion>) {
        let entry = &mut self.entries[descriptor as usize];
        entry.changed = false;
        let cancelled = mem::take(&mut entry.cancelled);
        if !entry.is_idle() {
            entry.arming = entry.arming.wrapping_add(1);
            let token = Token::new(descriptor, entry.arming);
            let interest = polling::Event::new(token.0, entry.read.is_some(), entry.write.is_some());
            match poller.arm(descriptor, interest, entry.known) {
                Ok(()) => entry.known = true,
                Err(error) => self.refuse(descriptor, &error, inbox),
            }
        } else if cancelled && mem::take(&mut entry.known) {
            poller.disarm(descriptor);
        }
    }

    fn refuse(&mut self, descriptor: RawFd, error: &io::Error, inbox: &mut VecDeque<Completion>) {
        let entry = &mut self.entries[descriptor as usize];
        entry.known = false;
        for key in [entry.read.take(), entry.write.take()].into_iter().flatten() {
            self.live -= 1;
            inbox.push_back(refusal(key, copy(error)));
        }
    }

    /// Passes on what the kernel told, to whom it concerns.
    pub fn tell(&mut self, event: &polling::Event, inbox: &mut VecDeque<Completion>) {
        let token = Token(event.key);
        let Some(entry) = self.entries.get_mut(token.descriptor()) else { return };
        let descriptor = token.descriptor() as RawFd;
        if Token::new(descriptor, entry.arming) != token {
            return;
        }
        let read = if event.readable { entry.read.take() } else { None };
        let write = if event.writable { entry.write.take() } else { None };
        if !entry.is_idle() {
            self.note_change(descriptor);
        }
        let hang_up = event.is_interrupt();
        let error = event.is_err() == Some(true);
        let to_read = Readiness { readable: true, writable: false, hang_up, error };
        let to_write = Readiness { readable: false, writable: true, hang_up, error };
        for (key, readiness) in [(read, to_read), (write, to_write)] {
            let Some(key) = key else { continue };
            self.live -= 1;
            inbox.push_back(Completion { key, event: Event::Ready(readiness) });
        }
    }
}

fn refusal(key: Key, error: io::Error) -> Completion {
    Completion { key, event: Event::Refused(error) }
}

/// The same error again, for a second operation that it concerns.
fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
