//! Sending: at once if there is room, and otherwise when there is.

use crate::entry::Writer;
use crate::registry::{Registry, taken};
use crate::told::Told;
use fate_core::{Event, Key, Outgoing, Socket};
use std::io;
use std::mem;
use std::os::fd::RawFd;

/// What waits for room.
pub(crate) struct Parked {
    pub key: Key,
    pub outgoing: Outgoing,
}

/// What became of a try.
enum Try {
    Done(Outgoing, io::Result<()>),
    Full(Outgoing),
}

impl Registry {
    /// Sends what can be sent, or waits for room.
    #[inline]
    pub fn send(&mut self, key: Key, socket: Socket, outgoing: Outgoing, is_awaited: bool, told: &mut Told<'_>) {
        let entry = self.find(socket.0);
        let outcome = match entry {
            Some(entry) if entry.writer.key().is_some() => Try::Done(outgoing, Err(taken())),
            Some(entry) if !entry.writable => Try::Full(outgoing),
            Some(entry) => attempt(socket, outgoing, &mut entry.writable),
            None => attempt(socket, outgoing, &mut true),
        };
        match outcome {
            Try::Done(outgoing, result) => report(key, outgoing, result, is_awaited, told),
            Try::Full(outgoing) => self.park(socket, Parked { key, outgoing }, told),
        }
    }

    fn park(&mut self, socket: Socket, parked: Parked, told: &mut Told<'_>) {
        match self.entry(parked.key, socket.0) {
            Err(error) => told.tell(parked.key, Event::Sent(parked.outgoing, Err(error))),
            Ok(entry) => {
                entry.writable = false;
                entry.writer = Writer::Send(Box::new(parked));
                self.arm_for_edges(socket.0);
                self.placed(socket.0);
            }
        }
    }

    /// There is room: whoever waits for it tries again.
    pub(crate) fn send_parked(&mut self, descriptor: RawFd, told: &mut Told<'_>) {
        let Some(entry) = self.find(descriptor) else { return };
        let Writer::Send(parked) = &mut entry.writer else { return };
        match attempt(Socket(descriptor), mem::take(&mut parked.outgoing), &mut entry.writable) {
            Try::Full(outgoing) => parked.outgoing = outgoing,
            Try::Done(outgoing, result) => {
                let key = parked.key;
                entry.writer = Writer::Nobody;
                self.left();
                // Somebody may have begun to wait for it since.
                told.tell(key, Event::Sent(outgoing, result));
            }
        }
    }
}

/// Sends once. Less than all means that there is no more room for now.
#[inline]
fn attempt(socket: Socket, mut outgoing: Outgoing, writable: &mut bool) -> Try {
    match fate_unix::send(socket, &outgoing) {
        Ok(count) => {
            let is_all_offered = outgoing.pieces() <= fate_unix::PIECES;
            outgoing.advance(count);
            *writable = outgoing.is_empty() || !is_all_offered;
            Try::Done(outgoing, Ok(()))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            *writable = false;
            Try::Full(outgoing)
        }
        Err(error) => Try::Done(outgoing, Err(error)),
    }
}

/// What nobody waits for is told with whatever else is.
#[inline]
fn report(key: Key, outgoing: Outgoing, result: io::Result<()>, is_awaited: bool, told: &mut Told<'_>) {
    let is_whole = outgoing.is_empty() && result.is_ok();
    let event = Event::Sent(outgoing, result);
    if is_whole && !is_awaited { told.mention(key, event) } else { told.tell(key, event) }
}
