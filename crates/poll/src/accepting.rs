//! Accepting connections, a handful at a time.

use crate::entry::Reader;
use crate::registry::Registry;
use crate::told::Told;
use fate_core::{Event, Key, Socket};
use rustix::io::Errno;
use std::io;

/// How many connections are accepted before they are handed over: whoever is told may want to pause, since each takes a
/// descriptor.
const HANDFUL: usize = 16;

impl Registry {
    /// Begins to accept. The kernel is not waited for before the first try: of a socket that does not listen it would never
    /// tell.
    pub fn accept(&mut self, key: Key, listener: Socket, told: &mut Told<'_>) {
        match self.place_reader(key, listener, Reader::Accept(key)) {
            Err(error) => told.tell(key, Event::Failed(error)),
            Ok(entry) => {
                entry.readable = true;
                self.queue(listener.0);
            }
        }
    }

    /// Accepts what waits.
    pub(crate) fn accept_some(&mut self, key: Key, listener: Socket, told: &mut Told<'_>) {
        for _ in 0..HANDFUL {
            match fate_unix::accept(listener) {
                Ok(socket) => self.accepted(key, listener, socket, told),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let Some(entry) = self.find(listener.0) else { return };
                    return entry.readable = false;
                }
                Err(error) if is_the_connections_own(&error) => {}
                Err(error) => {
                    let Some(entry) = self.find(listener.0) else { return };
                    entry.reader = Reader::Nobody;
                    self.left();
                    return told.tell(key, Event::Failed(error));
                }
            }
        }
        self.queue(listener.0);
    }

    fn accepted(&mut self, key: Key, listener: Socket, socket: Socket, told: &mut Told<'_>) {
        self.enter(socket, listener);
        told.tell(key, Event::Accepted(socket));
    }
}

/// Whether an error is that of a connection which broke off before it was accepted, and says nothing of the listener
/// (accept(2), "Error handling").
fn is_the_connections_own(error: &io::Error) -> bool {
    const THEIRS: [Errno; 8] = [
        Errno::CONNABORTED,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::NOPROTOOPT,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NETUNREACH,
        Errno::OPNOTSUPP,
    ];
    Errno::from_io_error(error).is_some_and(|error| THEIRS.contains(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N6: what says something of this process is told.
    #[test]
    fn being_out_of_descriptors_is_not_a_connections_own_error() {
        for error in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::BADF, Errno::INVAL] {
            assert!(!is_the_connections_own(&error.into()));
        }
        assert!(is_the_connections_own(&Errno::CONNABORTED.into()));
    }
}
