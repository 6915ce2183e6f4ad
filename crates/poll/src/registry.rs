//! The table of descriptors: which operations are under way on each, and what the kernel was told of it.
//!
//! The kernel knows a descriptor once, for all operations on it. So each number has one entry, with a place for whoever
//! reads, one for whoever writes and one for whoever waits for the other side's end; and one registration, in one of two
//! modes (see [`crate::poller`]):
//!
//! ```text
//!                watch, cancel               apply                  tell
//!   the entry ───────────────────▶ changed ─────────▶ armed once ──────────▶ told, and disarmed by the kernel
//!   of a number                       ▲                                              │
//!                                     └────────────── somebody waits still ◀─────────┘
//!                  receive,                                          tell
//!                accept, park                apply                edge after edge            serve
//!              ───────────────────▶ changed ────────▶ armed for edges ───────▶ ready: a queue ──────▶ read, accepted
//!                                     ▲                                              ▲                     │
//!                                     └─ nobody wanted what it told: less is asked   └─── there is more ◀──┘
//! ```
//!
//! What the kernel told by an edge is remembered until a call says otherwise: a socket may be readable until a reception
//! finds nothing, or less than there was room for. So an operation that comes later finds what an earlier one left, and
//! while connections are served no system call is made but those that move bytes.
//!
//! # Invariants
//! - G1 A place holds the key of a live operation: one that has not told its last, was not refused and not cancelled.
//! - G2 A descriptor whose operations are all watches is armed once, and handed to the kernel only while a watch lives
//!   or, once, in the exchange that carries the cancel of its last one. After that the number may mean another file.
//! - G3 A socket that was received from, accepted on, or found full is armed for edges until it is closed or released.
//! - G4 What the kernel says counts only if it bears the token of the entry's latest arming. A closed descriptor whose
//!   number was given out again is told to the kernel anew, since the kernel forgot it with the file.
//! - G5 Of a socket that is armed for edges, `readable` is false only if the kernel will tell when reading would not block:
//!   it was asked for edges of reading, or it was not, and then asking has it look. `writable` likewise. `closed` is true
//!   if the kernel told so, and is never taken back.
//! - G6 A number whose entry is ready for reading, with somebody to read, is in the queue.
//! - G7 The table grows only for a number that the kernel knows, so a wild one costs no memory.
//!
//! # Cost
//! No map and no allocation once warm, but for a send that must wait: entries lie by descriptor number, as in the kernel's
//! own table, at 64 bytes each. An idle connection costs that and nothing more.

use crate::entry::{Entry, Mode, Reader, Writer};
use crate::poller::{News, Poller, look_up};
use crate::token::Token;
use crate::told::Told;
use fate_core::{Event, Key, Socket};
use fate_unix::is_internet;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::RawFd;

/// All descriptors of one driver.
#[derive(Default)]
pub(crate) struct Registry {
    /// By descriptor number.
    entries: Vec<Entry>,
    /// The descriptor that an operation is about, by the index of its key. Means nothing unless the entry has the key.
    descriptors: Vec<RawFd>,
    /// Of which the kernel must be told something.
    changed: Vec<RawFd>,
    /// Which may be read from or accepted on: first come, first served.
    ready: VecDeque<RawFd>,
    live: usize,
}

impl Registry {
    /// Whether the kernel has nothing to tell and nothing to be told.
    pub fn is_idle(&self) -> bool {
        self.live == 0 && self.changed.is_empty() && self.ready.is_empty()
    }

    /// Whether something can be done without the kernel's telling.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many operations are under way.
    pub fn live(&self) -> usize {
        self.live
    }

    /// How many numbers are in the queue.
    pub fn queue_length(&self) -> usize {
        self.ready.len()
    }

    /// The entry of a number that has one.
    #[inline]
    pub fn find(&mut self, descriptor: RawFd) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(descriptor).ok()?)
    }

    /// The entry of a number, for an operation that comes to it (G7).
    pub fn entry(&mut self, key: Key, descriptor: RawFd) -> io::Result<&mut Entry> {
        if usize::try_from(descriptor).map_or(true, |number| number >= self.entries.len()) {
            look_up(descriptor)?;
            self.make_room(descriptor);
        }
        if key.index as usize >= self.descriptors.len() {
            self.descriptors.resize((key.index as usize + 1).next_power_of_two(), -1);
        }
        self.descriptors[key.index as usize] = descriptor;
        Ok(&mut self.entries[descriptor as usize])
    }

    /// Enters a socket that was accepted on a listener.
    pub fn enter(&mut self, socket: Socket, listener: Socket) {
        if socket.0 as usize >= self.entries.len() {
            self.make_room(socket.0);
        }
        self.forget(socket);
        let gives_all = self.entries[listener.0 as usize].gives_all;
        let entry = &mut self.entries[socket.0 as usize];
        (entry.accepted, entry.gives_all) = (true, gives_all);
    }

    fn make_room(&mut self, descriptor: RawFd) {
        self.entries.resize_with((descriptor as usize + 1).next_power_of_two(), Entry::default);
    }

    /// An operation was put into a place of this entry, which is handed back: the kernel is told if need be.
    pub fn placed(&mut self, descriptor: RawFd) -> &mut Entry {
        self.live += 1;
        if !self.entries[descriptor as usize].is_asked_for_all() {
            self.note_change(descriptor);
        }
        &mut self.entries[descriptor as usize]
    }

    /// An operation has left its place of its own accord.
    pub fn left(&mut self) {
        self.live -= 1;
    }

    /// Has a socket armed for edges from here on (G3).
    pub fn arm_for_edges(&mut self, descriptor: RawFd) {
        let entry = &mut self.entries[descriptor as usize];
        if entry.mode != Mode::Edges {
            entry.mode = Mode::Edges;
            entry.arming = entry.arming.wrapping_add(1);
            if !entry.accepted {
                entry.gives_all = Poller::TELLS_OF_ENDS && is_internet(Socket(descriptor));
            }
        }
    }

    /// Forgets an operation. One that is not alive is forgotten already.
    pub fn cancel(&mut self, key: Key, told: &mut Told<'_>) {
        let Some(&descriptor) = self.descriptors.get(key.index as usize) else { return };
        let Some(entry) = self.find(descriptor) else { return };
        if entry.reader.key() == Some(key) {
            if let Reader::Receive(key) | Reader::Accept(key) = mem::take(&mut entry.reader) {
                told.tell(key, Event::Cancelled);
            }
        } else if entry.writer.key() == Some(key) {
            entry.writer = Writer::Nobody;
        } else if entry.mourner == Some(key) {
            entry.mourner = None;
        } else {
            return;
        }
        let is_armed_once = entry.mode == Mode::Once;
        entry.cancelled |= is_armed_once;
        self.live -= 1;
        if is_armed_once {
            self.note_change(descriptor);
        }
    }

    /// Closes a socket.
    pub fn close(&mut self, socket: Socket, is_abort: bool, poller: Option<&Poller>) {
        if let Some(entry) = self.find(socket.0) {
            let may_live_on = entry.known && !entry.accepted;
            if let (true, Some(poller)) = (may_live_on, poller) {
                poller.disarm(socket.0);
            }
            self.forget(socket);
        }
        fate_unix::close(socket, is_abort);
    }

    /// A socket goes, and its operations are over or about to be cancelled; its number may mean another from here on.
    pub fn forget(&mut self, socket: Socket) {
        if let Some(entry) = self.find(socket.0) {
            entry.begin_anew();
        }
    }

    fn note_change(&mut self, descriptor: RawFd) {
        if !mem::replace(&mut self.entries[descriptor as usize].changed, true) {
            self.changed.push(descriptor);
        }
    }

    /// Tells the kernel what changed.
    pub fn apply(&mut self, poller: &Poller, told: &mut Told<'_>) {
        let mut changed = mem::take(&mut self.changed);
        for descriptor in changed.drain(..) {
            self.apply_one(descriptor, poller, told);
        }
        self.changed = changed;
    }

    fn apply_one(&mut self, descriptor: RawFd, poller: &Poller, told: &mut Told<'_>) {
        let entry = &mut self.entries[descriptor as usize];
        entry.changed = false;
        let outcome = match entry.mode {
            Mode::Once => entry.arm_once(descriptor, poller),
            Mode::Edges => entry.arm_edges(descriptor, poller),
        };
        if let Err(error) = outcome {
            self.refuse(descriptor, &error, told);
        }
    }

    /// The kernel will have nothing of a descriptor, and whoever waits for it must learn of it.
    fn refuse(&mut self, descriptor: RawFd, error: &io::Error, told: &mut Told<'_>) {
        let entry = &mut self.entries[descriptor as usize];
        let (reader, writer) = (mem::take(&mut entry.reader), mem::take(&mut entry.writer));
        let mourner = entry.mourner.take();
        entry.begin_anew();
        for key in [reader.key(), mourner].into_iter().flatten() {
            self.live -= 1;
            told.tell(key, Event::Failed(copy(error)));
        }
        match writer {
            Writer::Nobody => return,
            Writer::Watch(key) => told.tell(key, Event::Failed(copy(error))),
            Writer::Send(parked) => told.tell(parked.key, Event::Sent(parked.outgoing, Err(copy(error)))),
        }
        self.live -= 1;
    }

    /// Takes in what the kernel told, and passes on what concerns watches and sends. Who receives or accepts is served
    /// from the queue.
    #[inline]
    pub fn tell(&mut self, news: &News, told: &mut Told<'_>) {
        let descriptor = news.token.descriptor() as RawFd;
        let Some(entry) = self.entries.get_mut(news.token.descriptor()) else { return };
        if Token::new(descriptor, entry.arming) != news.token {
            return;
        }
        if entry.mode == Mode::Edges && entry.take_in(news) {
            self.note_change(descriptor);
        }
        self.tell_watches(descriptor, news, told);
        if news.readable {
            self.queue(descriptor);
        }
        if news.writable {
            self.send_parked(descriptor, told);
        }
        let entry = &self.entries[descriptor as usize];
        if entry.mode == Mode::Once && !entry.wanted().are_none() {
            self.note_change(descriptor);
        }
    }

    /// Queues a number whose entry is ready for whoever reads (G6).
    #[inline]
    pub fn queue(&mut self, descriptor: RawFd) {
        let entry = &mut self.entries[descriptor as usize];
        let is_served = matches!(entry.reader, Reader::Receive(_) | Reader::Accept(_));
        if entry.readable && is_served && !mem::replace(&mut entry.queued, true) {
            self.ready.push_back(descriptor);
        }
    }

    /// The next number of the queue. Its entry may have changed since.
    #[inline]
    pub fn next_ready(&mut self) -> Option<RawFd> {
        let descriptor = self.ready.pop_front()?;
        self.entries[descriptor as usize].queued = false;
        Some(descriptor)
    }
}

/// `EEXIST`: somebody has that place already.
pub(crate) fn taken() -> io::Error {
    Errno::EXIST.into()
}

/// The same error again, for a second operation that it concerns.
fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
