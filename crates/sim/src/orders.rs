//! Orders: the operations that a host's machine has submitted, and what is handed back.
//!
//! An order waits at its socket. Whenever something happens to a socket that one of its orders can be told, the socket is
//! *stirred*: it joins a queue, in which it is once, and at the next exchange its turn comes. So an exchange costs what
//! there is to tell, however many sockets there are; and nothing is taken from a socket before it is handed over, so a
//! cancelled operation has taken nothing.
//!
//! # Invariants
//! - O1 `places` has an entry for each order that waits, under the index of its key, and no other.
//! - O2 A socket of which an order can be told something is in `stirred`, and marked so.

use crate::errno::{Answer, Errno};
use crate::history::Happening;
use crate::readiness::{INTERESTS, Stand, place};
use crate::sockets::Role;
use crate::streams::Taken;
use crate::world::{HostNumber, State};
use fate_core::{Buffer, Completion, Event, Interest, Key, Op, Outgoing, Readiness, Shelf, Socket};
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::rc::Rc;

/// Bytes that are handed over at a time; and of each connection no more in one exchange, so that none starves others.
const PORTION: usize = 16 * 1024;

/// How many such buffers are kept.
const BUFFERS: usize = 64;

/// Spare memory to receive into.
pub(crate) fn shelf() -> Rc<Shelf> {
    Shelf::new(PORTION, BUFFERS)
}

/// The orders that wait at a socket.
#[derive(Default)]
pub(crate) struct Orders {
    /// By the place of what they watch for.
    watches: [Option<Key>; INTERESTS.len()],
    /// Accept or receive: whichever a socket can do.
    take: Option<Key>,
    send: Option<Sending>,
    is_stirred: bool,
}

struct Sending {
    key: Key,
    outgoing: Outgoing,
    is_awaited: bool,
}

/// What a host's machine waits for.
#[derive(Default)]
pub(crate) struct Desk {
    /// O1.
    places: Vec<Option<(u32, Place)>>,
    stirred: VecDeque<RawFd>,
    /// Answers to be handed over.
    told: VecDeque<Completion>,
    /// Answers that nobody waits for: they are handed over with others.
    quiet: VecDeque<Completion>,
}

#[derive(Clone, Copy)]
struct Place {
    descriptor: RawFd,
    order: Order,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Watch(Interest),
    Take,
    Send,
}

impl Desk {
    /// Whether there is something to hand over that somebody waits for.
    pub fn has_completions(&self) -> bool {
        !self.stirred.is_empty() || !self.told.is_empty()
    }

    /// Has what nobody waits for handed over all the same. Says whether there was something.
    pub fn flush(&mut self) -> bool {
        let has_quiet = !self.quiet.is_empty();
        self.told.append(&mut self.quiet);
        has_quiet
    }

    fn tell(&mut self, key: Key, event: Event) {
        self.told.push_back(Completion { key, event });
    }

    fn refuse(&mut self, key: Key, errno: Errno) {
        self.tell(key, Event::Failed(errno.error()));
    }

    fn enter(&mut self, key: Key, descriptor: RawFd, order: Order) {
        let index = key.index as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        self.places[index] = Some((key.generation, Place { descriptor, order }));
    }

    fn strike(&mut self, key: Key) -> Option<Place> {
        let place = self.places.get_mut(key.index as usize)?;
        place.take_if(|(generation, _)| *generation == key.generation).map(|(_, place)| place)
    }
}

impl Orders {
    fn watch(&mut self, interest: Interest) -> &mut Option<Key> {
        &mut self.watches[place(interest)]
    }

    /// The keys of everything that waits here.
    fn keys(&self) -> impl Iterator<Item = Key> {
        let send = self.send.as_ref().map(|sending| sending.key);
        self.watches.into_iter().chain([self.take, send]).flatten()
    }
}

impl State {
    /// Takes an operation from a host's machine.
    pub(crate) fn submit(&mut self, host: HostNumber, op: Op) {
        match op {
            Op::Watch { key, descriptor, interest } => self.watch(host, key, descriptor, interest),
            Op::Accept { key, listener } => self.take(host, key, listener.0, |role| match role {
                Role::Listening(_) => Ok(()),
                Role::Ends(_) => Err(Errno::NO_SOCKET),
                _ => Err(Errno::INVALID),
            }),
            Op::Receive { key, socket } => self.take(host, key, socket.0, |role| match role {
                Role::Stream(_) => Ok(()),
                Role::Idle | Role::Listening(_) => Err(Errno::NOT_CONNECTED),
                Role::Packets(_) => Err(Errno::WRONG_KIND),
                Role::Ends(_) => Err(Errno::NO_SOCKET),
            }),
            Op::Send { key, socket, outgoing, is_awaited } => {
                self.begin_to_send(host, socket.0, Sending { key, outgoing, is_awaited });
            }
            Op::Close { socket, is_abort } => self.close(host, socket.0, is_abort),
            Op::Cancel { key } => self.cancel(host, key),
        }
    }

    fn watch(&mut self, number: HostNumber, key: Key, descriptor: RawFd, interest: Interest) {
        let host = self.host(number);
        let Some(socket) = host.table.get_mut(descriptor) else {
            return host.watches.watch(key, descriptor, interest);
        };
        let place = socket.orders.watch(interest);
        if place.is_some() {
            return host.desk.refuse(key, Errno::EXISTS);
        }
        *place = Some(key);
        host.desk.enter(key, descriptor, Order::Watch(interest));
        self.stir(number, descriptor);
    }

    /// An order to take what comes, again and again.
    fn take(&mut self, number: HostNumber, key: Key, descriptor: RawFd, check: impl FnOnce(&Role) -> Answer) {
        let host = self.host(number);
        let Some(socket) = host.table.get_mut(descriptor) else {
            return host.desk.refuse(key, Errno::BAD_DESCRIPTOR);
        };
        let checked = if socket.orders.take.is_some() { Err(Errno::EXISTS) } else { check(&socket.role) };
        if let Err(errno) = checked {
            return host.desk.refuse(key, errno);
        }
        socket.orders.take = Some(key);
        host.desk.enter(key, descriptor, Order::Take);
        self.stir(number, descriptor);
    }

    fn begin_to_send(&mut self, number: HostNumber, descriptor: RawFd, sending: Sending) {
        let is_busy = self.host(number).table.get(descriptor).is_some_and(|socket| socket.orders.send.is_some());
        if is_busy {
            let error = Errno::ALREADY.error();
            return self.host(number).desk.tell(sending.key, Event::Sent(sending.outgoing, Err(error)));
        }
        if let Some(sending) = self.try_to_send(number, descriptor, sending) {
            let host = self.host(number);
            host.desk.enter(sending.key, descriptor, Order::Send);
            if let Some(socket) = host.table.get_mut(descriptor) {
                socket.orders.send = Some(sending);
            }
        }
    }

    /// Sends what there is room for, and tells of it. Gives the order back if it must wait for room.
    fn try_to_send(&mut self, number: HostNumber, descriptor: RawFd, mut sending: Sending) -> Option<Sending> {
        let result = match self.write(number, descriptor, &mut sending.outgoing) {
            Ok(Taken::Nothing) => {
                // Somebody may begin to wait for it meanwhile.
                sending.is_awaited = true;
                return Some(sending);
            }
            Ok(Taken::Some) => Ok(()),
            Err(errno) => Err(errno.error()),
        };
        let Sending { key, outgoing, is_awaited } = sending;
        let is_quiet = !is_awaited && result.is_ok() && outgoing.is_empty();
        let completion = Completion { key, event: Event::Sent(outgoing, result) };
        let desk = &mut self.host(number).desk;
        if is_quiet {
            desk.quiet.push_back(completion)
        } else {
            desk.told.push_back(completion)
        }
        None
    }

    /// Closes a socket, with all that waits there.
    pub(crate) fn close(&mut self, number: HostNumber, descriptor: RawFd, is_abort: bool) {
        let host = self.host(number);
        let Some(socket) = host.table.close(descriptor) else { return };
        for key in socket.orders.keys() {
            host.desk.strike(key);
        }
        self.let_go(number, descriptor, *socket, is_abort);
    }

    fn cancel(&mut self, number: HostNumber, key: Key) {
        let host = self.host(number);
        let Some(Place { descriptor, order }) = host.desk.strike(key) else { return host.watches.cancel(key) };
        let Some(socket) = host.table.get_mut(descriptor) else { return };
        match order {
            Order::Watch(interest) => *socket.orders.watch(interest) = None,
            Order::Send => socket.orders.send = None,
            Order::Take => {
                socket.orders.take = None;
                host.desk.tell(key, Event::Cancelled);
            }
        }
    }

    /// Something has happened to a socket: if that can be told, it will be.
    pub(crate) fn stir(&mut self, number: HostNumber, descriptor: RawFd) {
        let has_news = self.has_news(number, descriptor);
        let host = self.host(number);
        if let Some(socket) = host.table.get_mut(descriptor)
            && has_news
            && !std::mem::replace(&mut socket.orders.is_stirred, true)
        {
            host.desk.stirred.push_back(descriptor);
        }
    }

    /// Whether an order of this socket can be told something.
    fn has_news(&self, number: HostNumber, descriptor: RawFd) -> bool {
        let Some(socket) = self.hosts[number as usize].table.get(descriptor) else { return false };
        let (orders, stand) = (&socket.orders, self.stand_of(number, descriptor));
        let is_told = |interest| orders.watches[place(interest)].is_some() && stand.told(interest).is_some();
        (orders.take.is_some() && stand.readiness.readable)
            || (orders.send.is_some() && stand.readiness.writable)
            || INTERESTS.into_iter().any(is_told)
    }

    /// How a socket stands.
    fn stand_of(&self, number: HostNumber, descriptor: RawFd) -> Stand {
        let Some(socket) = self.hosts[number as usize].table.get(descriptor) else { return Stand::default() };
        let none = Readiness::default();
        let (readiness, is_ended) = match &socket.role {
            // Linux says so of a stream that was never connected.
            Role::Idle => (Readiness { writable: true, hang_up: true, ..none }, true),
            Role::Listening(queue) => (Readiness { readable: !queue.waiting.is_empty(), ..none }, false),
            Role::Packets(mailbox) => (mailbox.readiness(socket.settings.send_buffer), false),
            Role::Ends(ends) => return self.stand_of_ends(ends),
            Role::Stream(spot) => match self.connections.get_key(spot.connection) {
                Some(connection) => return connection.stand_of(spot.side),
                None => (none, false),
            },
        };
        Stand { readiness, is_ended }
    }

    /// Hands over what there is to tell.
    pub(crate) fn collect(&mut self, number: HostNumber, inbox: &mut VecDeque<Completion>) {
        let host = self.host(number);
        host.watches.collect(inbox);
        // What is stirred from here on waits for the next exchange.
        for _ in 0..host.desk.stirred.len() {
            let Some(descriptor) = self.host(number).desk.stirred.pop_front() else { break };
            let Some(socket) = self.host(number).table.get_mut(descriptor) else { continue };
            socket.orders.is_stirred = false;
            self.serve(number, descriptor);
        }
        let desk = &mut self.host(number).desk;
        inbox.append(&mut desk.quiet);
        inbox.append(&mut desk.told);
    }

    /// Tells a socket's orders what there is to tell.
    fn serve(&mut self, number: HostNumber, descriptor: RawFd) {
        let Some(socket) = self.host(number).table.get_mut(descriptor) else { return };
        if let Some(key) = socket.orders.take {
            match socket.role {
                Role::Listening(_) => self.serve_accept(number, descriptor, key),
                _ => self.serve_receive(number, descriptor, key),
            }
        }
        self.serve_send(number, descriptor);
        for interest in INTERESTS {
            self.serve_watch(number, descriptor, interest);
        }
        self.stir(number, descriptor);
    }

    fn serve_accept(&mut self, number: HostNumber, descriptor: RawFd, key: Key) {
        while let Some(accepted) = self.accept(number, descriptor) {
            match accepted {
                Ok(accepted) => self.host(number).desk.tell(key, Event::Accepted(Socket(accepted))),
                Err(errno) => {
                    self.note_at(number, descriptor, Happening::Full);
                    return self.finish_take(number, descriptor, key, Event::Failed(errno.error()));
                }
            }
        }
    }

    fn serve_receive(&mut self, number: HostNumber, descriptor: RawFd, key: Key) {
        let mut memory = self.shelf.take();
        let read = self.read(number, descriptor, &mut memory);
        let bytes = if let Ok(Some(bytes)) = read { bytes } else { 0 };
        if bytes > 0 {
            let buffer = Buffer::shelved(memory, bytes, &self.shelf);
            return self.host(number).desk.tell(key, Event::Received(buffer));
        }
        self.shelf.put(memory);
        match read {
            Ok(None) => {}
            Ok(Some(_)) => self.finish_take(number, descriptor, key, Event::Ended),
            Err(errno) => self.finish_take(number, descriptor, key, Event::Failed(errno.error())),
        }
    }

    /// An accept or a receive has come to its end.
    fn finish_take(&mut self, number: HostNumber, descriptor: RawFd, key: Key, event: Event) {
        let host = self.host(number);
        host.desk.strike(key);
        host.desk.tell(key, event);
        if let Some(socket) = host.table.get_mut(descriptor) {
            socket.orders.take = None;
        }
    }

    fn serve_send(&mut self, number: HostNumber, descriptor: RawFd) {
        if !self.stand_of(number, descriptor).readiness.writable {
            return;
        }
        let host = self.host(number);
        let Some(socket) = host.table.get_mut(descriptor) else { return };
        let Some(sending) = socket.orders.send.take() else { return };
        host.desk.strike(sending.key);
        self.begin_to_send(number, descriptor, sending);
    }

    fn serve_watch(&mut self, number: HostNumber, descriptor: RawFd, interest: Interest) {
        let Some(readiness) = self.stand_of(number, descriptor).told(interest) else { return };
        let host = self.host(number);
        let Some(socket) = host.table.get_mut(descriptor) else { return };
        if let Some(key) = socket.orders.watch(interest).take() {
            host.desk.strike(key);
            host.desk.tell(key, Event::Ready(readiness));
        }
    }
}
