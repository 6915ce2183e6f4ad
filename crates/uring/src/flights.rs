//! The table of operations under way: what each is, and what becomes of what the kernel tells of it.
//!
//! ```text
//!               launch                       told
//!   submitted ─────────▶ aloft ───────────────────────────────────▶ over
//!                        │  ▲
//!        ended, but not  ▼  │ take_up                cancel
//!        for good      again, starving     aloft ──────────▶ departing ──told──▶ over
//! ```
//!
//! What the kernel calls an end is not always one to the machine: a receive ends for want of buffers, an accept because a
//! connection broke off before its time. Such an operation is launched again. Sends that nobody waits for are a matter of
//! their own ([`Quiet`]); they come into the table only if they have to wait.
//!
//! # Invariants
//! - F1 A place in the table holds at most one operation, and no two operations that are aloft, departing ones included,
//!   have the same key. So the kernel's word for one is never taken for another's.
//! - F2 The cargo of a send lies in the hold from before it is launched until its last completion was told.
//! - F3 A departing operation stays in the list until its last completion was told.
//!
//! # Cost
//! An operation takes 24 bytes. No allocation once warm.

#![allow(unsafe_code, reason = "what is sent is handed to the kernel by address")]

use crate::buffers::Buffers;
use crate::cargo::{Cargo, Letters};
use crate::descriptor::{check_pollable, look, reset_when_closed};
use crate::hold::Hold;
use crate::quiet::Quiet;
use crate::ring::{Manner, Ring, Told};
use crate::sequel::{self, Sequel};
use crate::token::Token;
use crate::watches::{Watches, readiness, wanted};
use fate_core::{Completion, Event, Interest, Key, Op, Socket};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::mem;
use std::os::fd::RawFd;
use std::rc::Rc;

/// All operations of one driver.
#[derive(Default)]
pub(crate) struct Flights {
    /// By the index of their keys.
    table: Vec<Flight>,
    /// Cancelled, and not over.
    departing: VecDeque<Flight>,
    quiet: Quiet,
    hold: Hold,
    letters: Letters,
    watches: Watches,
    /// To be launched again.
    again: VecDeque<Key>,
    /// The same, once there are buffers.
    starving: VecDeque<Key>,
    /// Completions that end no wait.
    aside: Vec<Completion>,
    /// Whether quiet sends are what they should be.
    can_be_quiet: bool,
}

#[derive(Clone, Copy)]
struct Flight {
    key: Key,
    descriptor: RawFd,
    /// Where a send's cargo is in the hold; in which call to the kernel a watch was handed over.
    detail: u32,
    task: Task,
    is_aloft: bool,
    /// Whether its socket is closed in the exchange that cancelled it, so that nobody is in a hurry to hear of its end.
    is_closing: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    /// There is no operation in this place.
    Nothing,
    Watch(Interest),
    Accept,
    Receive,
    Send,
}

/// Where a flight is kept.
#[derive(Clone, Copy)]
enum Place {
    Table(usize),
    Departing(usize),
}

const VACANT: Flight = Flight {
    key: Key { index: 0, generation: 0 },
    descriptor: -1,
    detail: 0,
    task: Task::Nothing,
    is_aloft: false,
    is_closing: false,
};

const _: () = assert!(size_of::<Flight>() <= 24);

impl Flights {
    /// No operations yet, on a kernel that can send quietly or cannot.
    pub fn new(can_be_quiet: bool) -> Flights {
        Flights { can_be_quiet, ..Flights::default() }
    }

    /// Begins what the machine asks for; there is room in the ring for an entry.
    #[inline]
    pub fn submit(&mut self, op: Op, ring: &mut Ring, inbox: &mut VecDeque<Completion>) {
        match op {
            Op::Watch { key, descriptor, interest } => match self.watches.enter(descriptor, interest) {
                Ok(()) => self.launch_new(key, descriptor, Task::Watch(interest), ring),
                Err(error) => inbox.push_back(Completion { key, event: Event::Failed(error) }),
            },
            Op::Accept { key, listener } => self.launch_new(key, listener.0, Task::Accept, ring),
            Op::Receive { key, socket } => self.launch_new(key, socket.0, Task::Receive, ring),
            Op::Send { key, socket, outgoing, is_awaited } => {
                let cargo = Cargo::new(outgoing, &mut self.letters);
                // A quiet send begins the wait in the call that hands it over, so it must be the whole.
                let is_whole = cargo.is_whole();
                if self.can_be_quiet && !is_awaited && is_whole {
                    self.quiet.launch(key, socket.0, cargo, ring);
                } else {
                    let index = self.enter_send(key, socket.0, cargo);
                    self.launch(index, ring);
                }
            }
            Op::Close { socket, is_abort } => self.close(socket, is_abort, ring),
            Op::Cancel { key } => self.cancel(key, ring, inbox),
        }
    }

    #[inline]
    fn launch_new(&mut self, key: Key, descriptor: RawFd, task: Task, ring: &mut Ring) {
        let index = self.enter(Flight { key, descriptor, task, ..VACANT });
        self.launch(index, ring);
    }

    fn enter_send(&mut self, key: Key, socket: RawFd, cargo: Cargo) -> usize {
        let detail = self.hold.stow(cargo);
        self.enter(Flight { key, descriptor: socket, detail, task: Task::Send, ..VACANT })
    }

    /// F1.
    fn enter(&mut self, flight: Flight) -> usize {
        let index = flight.key.index as usize;
        assert!(!Token::of(flight.key).is_own(), "an operation has an index that fits into a table");
        if index >= self.table.len() {
            self.table.resize((index + 1).next_power_of_two(), VACANT);
        }
        let is_its_own = self.departing.iter().all(|other| other.key != flight.key);
        assert!(
            self.table[index].task == Task::Nothing && is_its_own,
            "no two operations that live have the same index"
        );
        self.table[index] = flight;
        index
    }

    /// Hands an operation to the ring.
    fn launch(&mut self, index: usize, ring: &mut Ring) {
        let flight = &mut self.table[index];
        let (token, descriptor) = (Token::of(flight.key), flight.descriptor);
        flight.is_aloft = true;
        match flight.task {
            Task::Nothing => unreachable!("what is launched is an operation"),
            Task::Watch(interest) => {
                flight.detail = ring.round();
                ring.watch(token, descriptor, wanted(interest));
            }
            Task::Accept => ring.accept(token, descriptor),
            Task::Receive => ring.receive(token, descriptor),
            Task::Send => {
                let cargo = self.hold.cargo(flight.detail);
                // SAFETY: F2.
                unsafe { ring.send(token, descriptor, cargo, Manner::Aloud) };
            }
        }
    }

    fn close(&mut self, socket: Socket, is_abort: bool, ring: &mut Ring) {
        if is_abort {
            reset_when_closed(socket.0);
        }
        // What was cancelled last is what this socket was busy with.
        let latest = self.departing.iter_mut().rev().take_while(|flight| flight.descriptor == socket.0);
        latest.for_each(|flight| flight.is_closing = true);
        ring.close(socket.0);
    }

    fn cancel(&mut self, key: Key, ring: &mut Ring, inbox: &mut VecDeque<Completion>) {
        match self.table.get(key.index as usize) {
            Some(flight) if flight.task != Task::Nothing && flight.key == key => {}
            _ => return self.quiet.cancel(key),
        }
        let flight = self.strike(key.index as usize);
        if flight.is_aloft {
            ring.cancel(Token::of(key));
            self.departing.push_back(flight);
        } else {
            self.depart(&flight, Sequel::Again, inbox);
        }
    }

    /// How many completions are certain to come because their operations were cancelled, and whether one of them is news to
    /// the machine.
    #[inline]
    pub fn departing(&self) -> (usize, bool) {
        let is_news = |flight: &Flight| matches!(flight.task, Task::Receive | Task::Accept) && !flight.is_closing;
        (self.departing.len(), self.departing.iter().any(is_news))
    }

    /// Whether a wait may begin: nothing is left to be launched for which there is what it takes.
    #[inline]
    pub fn is_content(&self, buffers: &Buffers) -> bool {
        self.again.is_empty() && (self.starving.is_empty() || buffers.free() == 0)
    }

    /// Whether something is to be launched again.
    pub fn is_waiting(&self) -> bool {
        !self.again.is_empty() || !self.starving.is_empty()
    }

    /// How many operations the kernel has, quiet sends apart.
    pub fn aloft(&self) -> usize {
        self.departing.len() + self.table.iter().filter(|flight| flight.is_aloft).count()
    }

    /// Launches what has ended, but not for good, as far as there is room.
    #[inline]
    pub fn take_up(&mut self, ring: &mut Ring, buffers: &Buffers) {
        if !self.starving.is_empty() {
            self.feed(buffers);
        }
        while !self.again.is_empty() && ring.has_room(1) {
            let key = self.again.pop_front().expect("it is not empty");
            if let Some(index) = self.grounded(key) {
                self.launch(index, ring);
            }
        }
    }

    /// There were too few buffers: provides more, and lets as many receives go on as there are.
    fn feed(&mut self, buffers: &Buffers) {
        buffers.grow();
        let count = buffers.free().min(self.starving.len());
        self.again.extend(self.starving.drain(..count));
    }

    /// Where the flight with this key is, if it is there and not aloft.
    fn grounded(&self, key: Key) -> Option<usize> {
        let index = key.index as usize;
        let flight = &self.table[index];
        (flight.task != Task::Nothing && flight.key == key && !flight.is_aloft).then_some(index)
    }

    #[inline]
    fn find(&self, key: Key) -> Option<(Place, Flight)> {
        let index = key.index as usize;
        match self.table.get(index) {
            Some(flight) if flight.key == key && flight.task != Task::Nothing => Some((Place::Table(index), *flight)),
            _ => {
                let index = self.departing.iter().position(|flight| flight.key == key)?;
                Some((Place::Departing(index), self.departing[index]))
            }
        }
    }

    /// Passes on what the kernel told in this round.
    #[inline]
    pub fn hear(&mut self, told: Told, round: u32, buffers: &Rc<Buffers>, inbox: &mut VecDeque<Completion>) {
        let Some((place, flight)) = self.find(told.token.key()) else {
            debug_assert!(false, "{told:?} of an operation that is over (F1)");
            return told.buffer().into_iter().for_each(|number| buffers.give(number));
        };
        match flight.task {
            Task::Receive => take_bytes(flight.key, told, buffers, inbox),
            Task::Accept => take_connection(flight.key, told, inbox),
            Task::Watch(_) | Task::Send | Task::Nothing => {}
        }
        if !told.has_more() {
            self.hear_last(told, round, place, &flight, inbox);
        }
    }

    fn hear_last(&mut self, told: Told, round: u32, place: Place, flight: &Flight, inbox: &mut VecDeque<Completion>) {
        let sequel = match flight.task {
            Task::Receive => sequel::of_receive(told),
            Task::Accept => sequel::of_accept(told),
            Task::Watch(interest) => match place {
                Place::Table(_) => sequel_of_watch(told, interest, flight, round),
                Place::Departing(_) => Sequel::Again,
            },
            Task::Send => sequel::of_send(told),
            Task::Nothing => unreachable!("what was found is an operation"),
        };
        match place {
            Place::Table(index) => self.go_on(index, sequel, inbox),
            Place::Departing(index) => {
                self.departing.remove(index);
                self.depart(flight, sequel, inbox);
            }
        }
    }

    /// Passes on what the kernel told of a quiet send; if that has to wait, it goes on as another.
    pub fn hear_of_quiet(&mut self, told: Told, inbox: &mut VecDeque<Completion>) {
        if let Some((key, socket, cargo)) = self.quiet.hear(told, &mut self.letters, inbox) {
            self.enter_send(key, socket, cargo);
            self.again.push_back(key);
        }
    }

    fn go_on(&mut self, index: usize, sequel: Sequel, inbox: &mut VecDeque<Completion>) {
        let key = self.table[index].key;
        match sequel {
            Sequel::Over(event) => {
                self.strike(index);
                inbox.push_back(Completion { key, event });
            }
            Sequel::Sent(count, outcome) => {
                let flight = self.strike(index);
                let cargo = self.hold.unload(flight.detail);
                let event = Event::Sent(cargo.without(count, &mut self.letters), outcome);
                inbox.push_back(Completion { key, event });
            }
            Sequel::Again => {
                self.table[index].is_aloft = false;
                self.again.push_back(key);
            }
            Sequel::Starve => {
                self.table[index].is_aloft = false;
                self.starving.push_back(key);
            }
        }
    }

    /// Strikes an operation out of the table.
    fn strike(&mut self, index: usize) -> Flight {
        let flight = mem::replace(&mut self.table[index], VACANT);
        if let Task::Watch(interest) = flight.task {
            self.watches.leave(flight.descriptor, interest);
        }
        flight
    }

    /// The end of a cancelled operation. The machine hears of it if it was receiving or accepting: that it was cancelled,
    /// unless it had come to its end before that.
    fn depart(&mut self, flight: &Flight, sequel: Sequel, inbox: &mut VecDeque<Completion>) {
        match flight.task {
            Task::Receive | Task::Accept => {
                let event = if let Sequel::Over(event) = sequel { event } else { Event::Cancelled };
                let completion = Completion { key: flight.key, event };
                if flight.is_closing { self.aside.push(completion) } else { inbox.push_back(completion) }
            }
            Task::Send => drop(self.hold.unload(flight.detail)),
            Task::Watch(_) | Task::Nothing => {}
        }
    }

    /// Passes on what ends no wait, when everything was handed over and all that was told was taken.
    #[inline]
    pub fn settle(&mut self, inbox: &mut VecDeque<Completion>) {
        self.quiet.settle(&mut self.letters, inbox);
        inbox.extend(self.aside.drain(..));
    }
}

#[inline]
fn take_bytes(key: Key, told: Told, buffers: &Rc<Buffers>, inbox: &mut VecDeque<Completion>) {
    let Some(number) = told.buffer() else { return };
    match told.outcome() {
        Ok(length) if length > 0 => {
            inbox.push_back(Completion { key, event: Event::Received(buffers.lend(number, length)) });
        }
        _ => buffers.give(number),
    }
}

fn take_connection(key: Key, told: Told, inbox: &mut VecDeque<Completion>) {
    if let Ok(number) = told.outcome() {
        inbox.push_back(Completion { key, event: Event::Accepted(Socket(number as RawFd)) });
    }
}

/// What the kernel tells of a watch is taken with care. It calls a file ready that cannot be waited for, and does so in the
/// very call that asks. And what it tells later is what it was woken with, though somebody may have read since.
fn sequel_of_watch(told: Told, interest: Interest, flight: &Flight, round: u32) -> Sequel {
    let sequel = sequel::of_watch(told, interest);
    let is_new = flight.detail.wrapping_add(1) == round;
    if !is_new && told.outcome() == Err(Errno::INVAL) {
        // A wait that was good breaks off like this when the process is stopped and goes on.
        return Sequel::Again;
    }
    if matches!(sequel, Sequel::Over(Event::Failed(_))) {
        return sequel;
    }
    if is_new {
        return check_pollable(flight.descriptor).map_or_else(Sequel::refused, |()| sequel);
    }
    match look(flight.descriptor, wanted(interest)) {
        Ok(found) if found.is_empty() => Sequel::Again,
        Ok(found) => Sequel::Over(Event::Ready(readiness(interest, found))),
        Err(error) => Sequel::refused(error),
    }
}
