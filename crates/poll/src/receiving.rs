//! Receiving: from whatever is ready, in turn, and no more at a time than the machine should be handed.
//!
//! Each connection in the queue is received from once, into a buffer with room for a good deal; one that has more goes to
//! the end of the queue. When enough was received the rest waits for the next exchange, which does not sleep. So one that
//! floods costs the others a buffer's worth, and what was received is still in the cache when it is delivered.

use crate::entry::{Entry, Reader};
use crate::registry::{Registry, taken};
use crate::told::Told;
use fate_core::{Buffer, Event, Key, Shelf, Socket};
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

/// Room for one reception.
pub(crate) const ROOM: usize = 64 * 1024;

/// How many buffers are kept when they are idle: as many as are handed over at a time.
pub(crate) const KEPT: usize = Budget::RECEPTIONS;

/// How much is received before it is handed over.
pub(crate) struct Budget {
    receptions: usize,
    bytes: usize,
}

impl Budget {
    const RECEPTIONS: usize = 64;
    const BYTES: usize = 128 * 1024;

    /// A whole exchange's.
    pub fn whole() -> Budget {
        Budget { receptions: Budget::RECEPTIONS, bytes: Budget::BYTES }
    }

    fn is_spent(&self) -> bool {
        self.receptions == 0 || self.bytes == 0
    }

    fn spend(&mut self, bytes: usize) {
        self.receptions -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Registry {
    /// Begins to receive.
    pub fn receive(&mut self, key: Key, socket: Socket, told: &mut Told<'_>) {
        match self.place_reader(key, socket, Reader::Receive(key)) {
            Ok(_) => self.queue(socket.0),
            Err(error) => told.tell(key, Event::Failed(error)),
        }
    }

    /// Begins to read from a socket, in whatever way.
    pub fn place_reader(&mut self, key: Key, socket: Socket, reader: Reader) -> io::Result<&mut Entry> {
        let entry = self.entry(key, socket.0)?;
        if entry.reader != Reader::Nobody {
            return Err(taken());
        }
        entry.reader = reader;
        self.arm_for_edges(socket.0);
        Ok(self.placed(socket.0))
    }

    /// Serves those in the queue, each once, as long as the budget lasts.
    pub fn serve(&mut self, budget: &mut Budget, shelf: &Rc<Shelf>, told: &mut Told<'_>) {
        for _ in 0..self.queue_length() {
            if budget.is_spent() {
                return;
            }
            let Some(descriptor) = self.next_ready() else { return };
            match self.find(descriptor).map(|entry| entry.reader) {
                Some(Reader::Receive(key)) => budget.spend(self.receive_once(key, descriptor, shelf, told)),
                Some(Reader::Accept(key)) => self.accept_some(key, Socket(descriptor), told),
                _ => {}
            }
        }
    }

    /// Says how many bytes were received.
    #[inline]
    fn receive_once(&mut self, key: Key, descriptor: RawFd, shelf: &Rc<Shelf>, told: &mut Told<'_>) -> usize {
        let Some(entry) = self.find(descriptor).filter(|entry| entry.readable) else { return 0 };
        let mut memory = shelf.take();
        let outcome = fate_unix::receive(Socket(descriptor), &mut memory);
        match outcome {
            Ok(count @ 1..) => {
                entry.readable = count == memory.len() || !entry.gives_all || entry.closed || entry.urgent;
                told.tell(key, Event::Received(Buffer::shelved(memory, count, shelf)));
                self.queue(descriptor);
                return count;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                (entry.readable, entry.urgent) = (false, false);
                shelf.put(memory);
            }
            outcome => {
                entry.reader = Reader::Nobody;
                shelf.put(memory);
                self.left();
                told.tell(key, outcome.map_or_else(Event::Failed, |_| Event::Ended));
            }
        }
        0
    }
}
