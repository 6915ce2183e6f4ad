//! Conduits: bytes within a host, on their way from whoever writes them to whoever reads them, as in a pipe.
//!
//! ```text
//!          read        arrived        written
//!   ─────────┼────────────┼──────────────┼─────▶
//!            │ to be read │  on its way  │
//! ```
//!
//! A socket that is an end of conduits reads from one, or writes to one, or does both, as a terminal does. What is written
//! arrives a little later, and so does the end, once nobody is left to write. That nobody reads any more is known at once.
//!
//! # Invariants
//! - C1 The lengths in `under_way` and `readable` add up to the length of `bytes`.
//! - C2 A descriptor is among a conduit's readers or writers as long as a socket has it whose role says so.
//!
//! # Not here
//! What goes over the network, or to a socket with a name: `pipe` and `connection`.

use crate::arrivals::What;
use crate::errno::{Answer, Errno};
use crate::history::Happening;
use crate::readiness::Stand;
use crate::sockets::{Role, Settings};
use crate::world::{HostNumber, State};
use fate_core::{Family, Key, Process, Readiness, Signal, SocketKind, Standard};
use std::collections::VecDeque;
use std::io::{IoSlice, Read};
use std::os::fd::RawFd;

/// How many bytes a conduit holds, as a pipe does on Linux.
const ROOM: usize = 64 * 1024;

/// Whoever waits for room is told when there is as much as this (Linux: a page).
const WORTHWHILE: usize = 4 * 1024;

/// How long bytes are on their way: 20 microseconds, as long as it takes a system to wake another program. Never nothing, or a
/// program that floods its output would let no time pass.
const DELAY: u64 = 20_000;

/// One direction.
pub(crate) struct Conduit {
    host: HostNumber,
    /// What it is called in the history.
    label: u32,
    bytes: VecDeque<u8>,
    readable: usize,
    /// When something arrives, and how many bytes. The end is none.
    under_way: VecDeque<(u64, usize)>,
    readers: Vec<RawFd>,
    writers: Vec<RawFd>,
    /// A script writes to it, so it stays though no socket is left.
    is_scripted: bool,
    /// Nobody will write any more.
    is_finished: bool,
    /// Whoever reads can know.
    is_ended: bool,
}

/// What a socket is an end of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub source: Source,
    pub sink: Sink,
    pub is_terminal: bool,
    /// The child at the other end of the terminal, which is told when this end is gone.
    pub child: Option<Process>,
}

/// What a socket reads from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// It is there to be written to.
    None,
    /// There is nothing to be read, and never will be.
    Null,
    Conduit(Key),
}

/// What a socket writes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sink {
    /// It is there to be read from.
    None,
    /// What is written is thrown away.
    Null,
    Conduit(Key),
    /// What is written is kept for the script to see.
    Printed(Standard),
}

impl Ends {
    pub fn reading(source: Source) -> Ends {
        Ends { source, sink: Sink::None, is_terminal: false, child: None }
    }

    pub fn writing(sink: Sink) -> Ends {
        Ends { source: Source::None, sink, is_terminal: false, child: None }
    }

    /// The conduit that it reads from.
    fn reads(&self) -> Option<Key> {
        if let Source::Conduit(key) = self.source { Some(key) } else { None }
    }

    /// The conduit that it writes to.
    fn writes(&self) -> Option<Key> {
        if let Sink::Conduit(key) = self.sink { Some(key) } else { None }
    }
}

impl Conduit {
    fn room(&self) -> usize {
        ROOM.saturating_sub(self.bytes.len())
    }

    /// Something, or the end, arrives at this moment. Says whether that is an event of its own.
    fn send(&mut self, moment: u64, length: usize) -> bool {
        match self.under_way.back_mut().filter(|(latest, _)| *latest == moment) {
            Some((_, lengths)) => {
                *lengths += length;
                false
            }
            None => {
                self.under_way.push_back((moment, length));
                true
            }
        }
    }

    /// What has arrived by this moment can be read. Says how much that is.
    fn arrive(&mut self, truth: u64) -> usize {
        let before = self.readable;
        while let Some(&(_, length)) = self.under_way.front().filter(|(moment, _)| *moment <= truth) {
            self.under_way.pop_front();
            self.readable += length;
        }
        self.readable - before
    }

    /// Whether somebody waits for what is on its way.
    pub fn is_read(&self) -> bool {
        !self.readers.is_empty()
    }
}

impl State {
    /// A conduit of a host that nobody reads or writes yet.
    pub(crate) fn make_conduit(&mut self, host: HostNumber, name: &str, is_scripted: bool) -> Key {
        let label = self.history.as_mut().map_or(0, |history| history.label(name));
        self.conduits.insert(Conduit {
            host,
            label,
            bytes: VecDeque::new(),
            readable: 0,
            under_way: VecDeque::new(),
            readers: Vec::new(),
            writers: Vec::new(),
            is_scripted,
            is_finished: false,
            is_ended: false,
        })
    }

    /// Makes a socket that is an end of conduits.
    pub(crate) fn open_ends(&mut self, host: HostNumber, ends: Ends) -> Answer<RawFd> {
        let descriptor = self.host(host).table.open(Family::Unix, SocketKind::Stream, Settings::default())?;
        self.socket(host, descriptor)?.role = Role::Ends(ends);
        if let Some(conduit) = ends.reads().and_then(|key| self.conduits.get_key_mut(key)) {
            conduit.readers.push(descriptor);
        }
        if let Some(conduit) = ends.writes().and_then(|key| self.conduits.get_key_mut(key)) {
            conduit.writers.push(descriptor);
        }
        Ok(descriptor)
    }

    /// A socket that was an end of conduits is closed.
    pub(crate) fn leave_ends(&mut self, host: HostNumber, descriptor: RawFd, ends: Ends) {
        if let Some(key) = ends.reads()
            && let Some(conduit) = self.conduits.get_key_mut(key)
        {
            conduit.readers.retain(|&reader| reader != descriptor);
            self.stir_writers(key);
            self.discard_if_deserted(key);
        }
        if let Some(key) = ends.writes()
            && let Some(conduit) = self.conduits.get_key_mut(key)
        {
            conduit.writers.retain(|&writer| writer != descriptor);
            if conduit.writers.is_empty() {
                self.finish_conduit(key);
            }
            self.discard_if_deserted(key);
        }
        if let Some(child) = ends.child {
            self.signal_child(host, child, Signal::HUP);
        }
    }

    /// Nobody will write any more: whoever reads will know it after everything else.
    fn finish_conduit(&mut self, key: Key) {
        let moment = self.truth + DELAY;
        let Some(conduit) = self.conduits.get_key_mut(key) else { return };
        if !std::mem::replace(&mut conduit.is_finished, true) && conduit.send(moment, 0) {
            self.arrivals.push(moment, What::Flow(key));
        }
    }

    fn discard_if_deserted(&mut self, key: Key) {
        let is_deserted =
            |conduit: &Conduit| conduit.readers.is_empty() && conduit.writers.is_empty() && !conduit.is_scripted;
        if self.conduits.get_key(key).is_some_and(is_deserted) {
            self.conduits.discard(key.index);
        }
    }

    /// A host has none any more.
    pub(crate) fn discard_conduits(&mut self, host: HostNumber) {
        let own = self.conduits.iter().filter(|(_, conduit)| conduit.host == host);
        for key in own.map(|(key, _)| key).collect::<Vec<_>>() {
            self.conduits.discard(key.index);
        }
    }

    /// Bytes that are there at once, however many: a script's.
    pub(crate) fn fill_conduit(&mut self, key: Key, bytes: &[u8]) {
        let Some(conduit) = self.conduits.get_key_mut(key) else { return };
        if !conduit.is_finished {
            conduit.bytes.extend(bytes);
            conduit.readable += bytes.len();
            self.stir_readers(key);
        }
    }

    /// The end of what a script has to say, which is there at once too.
    pub(crate) fn end_conduit(&mut self, key: Key) {
        let Some(conduit) = self.conduits.get_key_mut(key) else { return };
        let (host, label) = (conduit.host, conduit.label);
        conduit.is_finished = true;
        if !std::mem::replace(&mut conduit.is_ended, true) {
            self.tell(host, Happening::Ended, label, 0);
            self.stir_readers(key);
        }
    }

    /// Something has been on its way long enough.
    pub(crate) fn flow(&mut self, key: Key) {
        let truth = self.truth;
        let Some(conduit) = self.conduits.get_key_mut(key) else { return };
        let bytes = conduit.arrive(truth);
        conduit.is_ended |= conduit.is_finished && conduit.under_way.is_empty();
        let (host, label, is_ended) = (conduit.host, conduit.label, conduit.is_ended);
        if bytes > 0 {
            self.tell(host, Happening::Arrived, label, bytes as u32);
        }
        if is_ended {
            self.tell(host, Happening::Ended, label, 0);
        }
        self.stir_readers(key);
    }

    /// Reads from what a socket is an end of: nothing at the end, `None` if there is nothing yet.
    pub(crate) fn draw(&mut self, ends: Ends, buffer: &mut [u8]) -> Answer<Option<usize>> {
        let key = match ends.source {
            Source::None => return Err(Errno::BAD_DESCRIPTOR),
            Source::Null => return Ok(Some(0)),
            Source::Conduit(key) => key,
        };
        let conduit = self.conduits.get_key_mut(key).ok_or(Errno::BAD_DESCRIPTOR)?;
        let length = conduit.readable.min(buffer.len());
        let mut filled = 0;
        while filled < length {
            // Reading from memory does not fail; two reads, for the bytes may lie in two pieces.
            filled += conduit.bytes.read(&mut buffer[filled..length]).unwrap_or(0);
        }
        conduit.readable -= length;
        if length == 0 {
            return Ok(conduit.is_ended.then_some(0));
        }
        self.stir_writers(key);
        Ok(Some(length))
    }

    /// Writes to what a socket is an end of. Says how much was taken; `None` if there is no room.
    pub(crate) fn pour(&mut self, host: HostNumber, ends: Ends, pieces: &[IoSlice<'_>]) -> Answer<Option<usize>> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let key = match ends.sink {
            Sink::None => return Err(Errno::BAD_DESCRIPTOR),
            Sink::Null => return Ok(Some(length)),
            Sink::Printed(standard) => {
                self.print(host, standard, pieces);
                return Ok(Some(length));
            }
            Sink::Conduit(key) => key,
        };
        let moment = self.truth + DELAY;
        let conduit = self.conduits.get_key_mut(key).ok_or(Errno::BROKEN_PIPE)?;
        if conduit.readers.is_empty() {
            return Err(Errno::BROKEN_PIPE);
        }
        let taken = length.min(conduit.room());
        if taken == 0 {
            return Ok((length == 0).then_some(0));
        }
        conduit.bytes.extend(pieces.iter().flat_map(|piece| piece.iter()).take(taken));
        let (label, is_event) = (conduit.label, conduit.send(moment, taken));
        self.tell(host, Happening::Sent, label, taken as u32);
        if is_event {
            self.arrivals.push(moment, What::Flow(key));
        }
        Ok(Some(taken))
    }

    /// How a socket stands that is an end of conduits.
    pub(crate) fn stand_of_ends(&self, ends: &Ends) -> Stand {
        let mut readiness = Readiness::default();
        match ends.source {
            Source::None => {}
            Source::Null => readiness.readable = true,
            Source::Conduit(key) => {
                let conduit = self.conduits.get_key(key);
                readiness.hang_up = conduit.is_none_or(|conduit| conduit.is_ended);
                readiness.readable = readiness.hang_up || conduit.is_some_and(|conduit| conduit.readable > 0);
            }
        }
        match ends.sink {
            Sink::None => {}
            Sink::Null | Sink::Printed(_) => readiness.writable = true,
            Sink::Conduit(key) => {
                let conduit = self.conduits.get_key(key);
                readiness.error = conduit.is_none_or(|conduit| conduit.readers.is_empty());
                readiness.writable = readiness.error || conduit.is_some_and(|conduit| conduit.room() >= WORTHWHILE);
            }
        }
        Stand { readiness, is_ended: readiness.hang_up }
    }

    fn stir_readers(&mut self, key: Key) {
        let Some(conduit) = self.conduits.get_key(key) else { return };
        let (host, readers) = (conduit.host, conduit.readers.clone());
        readers.into_iter().for_each(|reader| self.stir(host, reader));
    }

    fn stir_writers(&mut self, key: Key) {
        let Some(conduit) = self.conduits.get_key(key) else { return };
        let (host, writers) = (conduit.host, conduit.writers.clone());
        writers.into_iter().for_each(|writer| self.stir(host, writer));
    }
}
