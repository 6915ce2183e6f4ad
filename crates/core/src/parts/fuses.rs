//! Fuses as plain data: a cell for each, with its handler inside, and a wheel for each clock.
//!
//! A fuse's life, as `State` has it:
//!
//! ```text
//!   light ──▶ Burning ──deadline──▶ Burned ──(it has a handler)──▶ Done
//!                │                    │  ▲                            │
//!                │ cut                │  └── nobody listens yet       │ a further handler:
//!                ▼                    ▼                               ▼ it burns once more
//!               Cut                 Burning, due at once ◀────────────┘
//! ```
//!
//! Nothing here runs a handler or drops one: they are handed to the caller, who does it when nothing is borrowed.
//!
//! # Invariants
//! - U1 A cell exists while its handle does, or while it has a handler that will run.
//! - U2 A fuse has an entry in its clock's wheel exactly while it is `Burning` and its deadline is not never.
//! - U3 `expected` counts the fuses of U2 that have a handler: while it is not zero, something can still happen.

use super::job::Job;
use super::slots::Slots;
use super::wheel::{Ledger, Standing, Wheel};
use crate::words::clock::Clock;
use crate::words::failure::Place;
use crate::words::instant::Instant;
use crate::words::key::Key;
use std::collections::BTreeMap;

/// The number of a fuse's cell. Valid as long as the fuse's handle, or until it has burned.
pub type FuseIndex = u32;

/// All fuses of one Fate.
pub struct Fuses<C: ?Sized + 'static> {
    cells: Slots<Cell<C>>,
    wheels: [Option<Box<Wheel>>; 3],
    crowds: Crowds<C>,
    number: u64,
    expected: usize,
}

type Crowds<C> = BTreeMap<FuseIndex, Box<Vec<Handler<C>>>>;

/// One cache line.
#[repr(align(64))]
struct Cell<C: ?Sized + 'static> {
    deadline: Instant,
    number: u64,
    place: Place,
    job: Job<C>,
    /// When it was lit, in units of 2^30 ns.
    lit: u32,
    clock: Clock,
    state: State,
    held: bool,
    crowded: bool,
}

const _: () = assert!(size_of::<Cell<()>>() == 64);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The deadline is to come, or is past and its turn to come.
    Burning,
    /// The deadline is past and nobody has listened yet.
    Burned,
    /// The handlers were handed out.
    Done,
    /// Put out before it burned.
    Cut,
}

/// A handler with the line that set it.
pub struct Handler<C: ?Sized + 'static> {
    /// Where it was set.
    pub place: Place,
    /// What it does.
    pub job: Job<C>,
}

/// Handlers that were added to a fuse's first one, in order.
pub type Crowd<C> = Option<Box<Vec<Handler<C>>>>;

/// The handlers of a fuse that is out: to be called, or dropped, when nothing is borrowed.
pub struct Handlers<C: ?Sized + 'static> {
    /// The first, or none.
    pub first: Handler<C>,
    /// Those added to it, in order.
    pub others: Crowd<C>,
}

/// A live fuse, for reports.
#[derive(Clone, Copy, Debug)]
pub struct FuseSight {
    /// The line that set its handler or, while it has none, lit it.
    pub place: Place,
    /// When it burns.
    pub deadline: Instant,
    /// On which clock.
    pub clock: Clock,
    /// When it was lit, to the nearest second or so.
    pub lit: Instant,
    /// Whether anybody listens.
    pub has_handler: bool,
}

impl<C: ?Sized> Default for Fuses<C> {
    fn default() -> Fuses<C> {
        Fuses { cells: Slots::new(), wheels: [const { None }; 3], crowds: BTreeMap::new(), number: 0, expected: 0 }
    }
}

impl<C: ?Sized> Ledger for Slots<Cell<C>> {
    #[inline]
    fn look_up(&self, key: Key) -> Option<Standing> {
        let cell = self.get_key(key)?;
        Some(Standing { deadline: cell.deadline.as_nanos(), number: cell.number })
    }

    #[inline]
    fn is_current(&self, key: Key) -> bool {
        Slots::is_current(self, key)
    }

    #[inline]
    fn prefetch(&self, index: u32) {
        Slots::prefetch(self, index);
    }
}

/// In the order in which they were added.
impl<C: ?Sized> IntoIterator for Handlers<C> {
    type Item = Handler<C>;
    type IntoIter = std::iter::Chain<std::iter::Once<Handler<C>>, std::vec::IntoIter<Handler<C>>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.others.map(|others| *others).unwrap_or_default())
    }
}

impl<C: ?Sized> Handlers<C> {
    /// Takes the handlers out of a cell.
    #[inline]
    fn take(cell: &mut Cell<C>, index: FuseIndex, crowds: &mut Crowds<C>) -> Handlers<C> {
        let others = if cell.crowded { Handlers::take_others(cell, index, crowds) } else { None };
        Handlers { first: Handler { place: cell.place, job: cell.job.take() }, others }
    }

    #[cold]
    fn take_others(cell: &mut Cell<C>, index: FuseIndex, crowds: &mut Crowds<C>) -> Crowd<C> {
        cell.crowded = false;
        crowds.remove(&index)
    }
}

impl<C: ?Sized> Cell<C> {
    fn is_expected(&self) -> bool {
        self.state == State::Burning && self.job.is_some() && !self.deadline.is_never()
    }
}

impl<C: ?Sized> Fuses<C> {
    /// The lighting number of the next fuse: fuses with this or a higher one are not burned in the present turn.
    pub fn next_number(&self) -> u64 {
        self.number
    }

    /// How many fuses will burn that somebody listens to.
    pub fn expected(&self) -> usize {
        self.expected
    }

    /// Lights a fuse that is held by a handle and has no handler.
    #[inline]
    pub fn light(&mut self, clock: Clock, deadline: Instant, lit: Instant, place: Place) -> FuseIndex {
        let number = self.take_number();
        let cell = Cell {
            deadline,
            number,
            place,
            job: Job::NONE,
            lit: u32::try_from(lit.as_nanos() >> 30).unwrap_or(u32::MAX),
            clock,
            state: State::Burning,
            held: true,
            crowded: false,
        };
        let key = self.cells.insert(cell);
        self.enter(clock, deadline, number, key);
        key.index
    }

    #[inline]
    fn take_number(&mut self) -> u64 {
        self.number += 1;
        self.number - 1
    }

    #[inline]
    fn enter(&mut self, clock: Clock, deadline: Instant, number: u64, key: Key) {
        if !deadline.is_never() {
            let wheel = self.wheels[clock as usize].get_or_insert_default();
            wheel.light(Standing { deadline: deadline.as_nanos(), number }, key);
        }
    }

    /// Sets the one handler of a fuse and hands out those that were set before. On a fuse that has burned already, it will
    /// burn in the next turn; on one that was cut, the new handler itself is handed out.
    #[inline]
    pub fn set_handler(&mut self, index: FuseIndex, place: Place, job: Job<C>, now: Instant) -> Handlers<C> {
        let Some(cell) = self.cells.get_mut(index) else {
            return Handlers { first: Handler { place, job }, others: None };
        };
        let replaced = Handlers::take(cell, index, &mut self.crowds);
        cell.place = place;
        cell.job = job;
        if cell.state == State::Cut {
            return Handlers::take(cell, index, &mut self.crowds);
        }
        self.listen(index, replaced.first.job.is_some(), now);
        replaced
    }

    /// Adds a handler after those that a fuse has. Hands it out again if the fuse was cut.
    pub fn add_handler(&mut self, index: FuseIndex, place: Place, job: Job<C>, now: Instant) -> Option<Handlers<C>> {
        let cell = self.cells.get_mut(index)?;
        if !cell.job.is_some() {
            return Some(self.set_handler(index, place, job, now));
        }
        cell.crowded = true;
        self.crowds.entry(index).or_default().push(Handler { place, job });
        None
    }

    /// A handler was put into a cell: counts it, and lets a fuse that burned before burn once more.
    #[inline]
    fn listen(&mut self, index: FuseIndex, had_handler: bool, now: Instant) {
        let Some(cell) = self.cells.get_mut(index) else { return };
        match cell.state {
            State::Burning if !had_handler => self.expected += usize::from(cell.is_expected()),
            State::Burning | State::Cut => {}
            State::Burned | State::Done => {
                let deadline = cell.deadline.min(now);
                cell.deadline = deadline;
                cell.state = State::Burning;
                self.expected += 1;
                self.relight(index);
            }
        }
    }

    /// Gives a burning fuse a new lighting number and a fresh entry.
    fn relight(&mut self, index: FuseIndex) {
        let number = self.take_number();
        let Some(key) = self.cells.renew(index) else { return };
        let Some(cell) = self.cells.get_mut(index) else { return };
        cell.number = number;
        let (clock, deadline) = (cell.clock, cell.deadline);
        self.enter(clock, deadline, number, key);
    }

    /// Takes out the first fuse that is due on `clock` at `now` and was lit before `limit`, and hands out its handlers.
    #[inline]
    pub fn pop_due(&mut self, clock: Clock, now: Instant, limit: u64) -> Option<Handlers<C>> {
        let wheel = self.wheels[clock as usize].as_mut()?;
        while let Some(key) = wheel.pop_due(now.as_nanos(), limit, &self.cells) {
            let Some(cell) = self.cells.get_mut(key.index) else { continue };
            if !cell.job.is_some() {
                cell.state = State::Burned;
                continue;
            }
            cell.state = State::Done;
            self.expected -= 1;
            let held = cell.held;
            let handlers = Handlers::take(cell, key.index, &mut self.crowds);
            if !held {
                self.cells.discard(key.index);
            }
            return Some(handlers);
        }
        None
    }

    /// Lets what was lit in the turn before burn in this one.
    pub fn begin_turn(&mut self) {
        for wheel in self.wheels.iter_mut().flatten() {
            wheel.begin_turn();
        }
    }

    /// Whether any fuse ever followed this clock.
    pub fn follows(&self, clock: Clock) -> bool {
        self.wheels[clock as usize].is_some()
    }

    /// The first deadline on `clock`, if there is one.
    pub fn next_due(&mut self, clock: Clock) -> Option<Instant> {
        let wheel = self.wheels[clock as usize].as_mut()?;
        wheel.next_due(&self.cells).map(Instant::from_nanos)
    }

    /// Puts a fuse out and hands out the handlers that will not run. `None` if it is too late.
    #[inline]
    pub fn cut(&mut self, index: FuseIndex) -> Option<Handlers<C>> {
        match self.cells.get(index)?.state {
            State::Burning => self.put_out(index, State::Cut),
            State::Burned | State::Done | State::Cut => None,
        }
    }

    /// Takes a burning fuse out of its wheel.
    #[inline]
    fn put_out(&mut self, index: FuseIndex, state: State) -> Option<Handlers<C>> {
        let (cell, generation) = self.cells.get_with_generation(index)?;
        self.expected -= usize::from(cell.is_expected());
        cell.state = state;
        let handlers = Handlers::take(cell, index, &mut self.crowds);
        if !cell.deadline.is_never() {
            *generation = generation.wrapping_add(1);
            let clock = cell.clock;
            self.forget(clock);
        }
        Some(handlers)
    }

    #[inline]
    fn forget(&mut self, clock: Clock) {
        if let Some(wheel) = &mut self.wheels[clock as usize] {
            wheel.forget(&self.cells);
        }
    }

    /// The handle of a fuse is gone. Without a handler nothing can come of it.
    #[inline]
    pub fn release(&mut self, index: FuseIndex) {
        let Some(cell) = self.cells.get_mut(index) else { return };
        cell.held = false;
        if cell.state == State::Burning && cell.job.is_some() {
            return;
        }
        let (clock, entered) = (cell.clock, cell.state == State::Burning && !cell.deadline.is_never());
        self.cells.discard(index);
        if entered {
            self.forget(clock);
        }
    }

    /// Burns a fuse now: hands out its handlers. One that has none counts as burned, for those set later.
    pub fn burn(&mut self, index: FuseIndex) -> Option<Handlers<C>> {
        let cell = self.cells.get_mut(index)?;
        match cell.state {
            State::Burning if cell.job.is_some() => self.put_out(index, State::Done),
            State::Burning => {
                self.put_out(index, State::Burned);
                None
            }
            State::Burned | State::Done | State::Cut => None,
        }
    }

    /// Moves the deadline; counts as lighting anew. Says no if the fuse has burned for somebody, or was cut.
    #[inline]
    pub fn set_time(&mut self, index: FuseIndex, deadline: Instant) -> bool {
        let number = self.number;
        let Some(cell) = self.cells.get_mut(index) else { return false };
        let later = deadline >= cell.deadline && !deadline.is_never();
        match cell.state {
            State::Burning if later => {
                cell.deadline = deadline;
                cell.number = number;
                self.number += 1;
            }
            State::Burning => self.move_earlier(index, deadline),
            State::Burned => {
                cell.deadline = deadline;
                cell.state = State::Burning;
                self.relight(index);
            }
            State::Done | State::Cut => return false,
        }
        true
    }

    /// Moves a burning fuse's deadline earlier, or to never: its entry is of no use any more.
    fn move_earlier(&mut self, index: FuseIndex, deadline: Instant) {
        let Some(cell) = self.cells.get_mut(index) else { return };
        self.expected -= usize::from(cell.is_expected());
        let (clock, entered) = (cell.clock, !cell.deadline.is_never());
        cell.deadline = deadline;
        self.expected += usize::from(cell.is_expected());
        self.relight(index);
        if entered {
            self.forget(clock);
        }
    }

    /// The clock and the deadline of a fuse.
    pub fn time(&self, index: FuseIndex) -> Option<(Clock, Instant)> {
        self.cells.get(index).map(|cell| (cell.clock, cell.deadline))
    }

    /// Whether the fuse has a handler that has not run.
    pub fn has_handler(&self, index: FuseIndex) -> bool {
        self.cells.get(index).is_some_and(|cell| cell.job.is_some())
    }

    /// Whether the fuse has burned for good: `Some(false)` if it was cut, `None` while it burns.
    pub fn is_out(&self, index: FuseIndex) -> Option<bool> {
        match self.cells.get(index).map(|cell| cell.state) {
            Some(State::Burning) => None,
            Some(State::Burned | State::Done) => Some(true),
            Some(State::Cut) | None => Some(false),
        }
    }

    /// Whether the fuse has burned, or would if its clock showed `now`.
    pub fn is_burned(&self, index: FuseIndex, now: Instant) -> bool {
        self.cells.get(index).is_some_and(|cell| match cell.state {
            State::Burning => cell.deadline <= now,
            State::Burned | State::Done => true,
            State::Cut => false,
        })
    }

    /// Every fuse that is still burning, by place.
    pub fn sights(&self) -> impl Iterator<Item = FuseSight> {
        self.cells.iter().filter(|(_, cell)| cell.state == State::Burning).map(|(_, cell)| FuseSight {
            place: cell.place,
            deadline: cell.deadline,
            clock: cell.clock,
            lit: Instant::from_nanos(u64::from(cell.lit) << 30),
            has_handler: cell.job.is_some(),
        })
    }

    /// Puts out the first fuse from `from` on and hands out its handlers, if there is one. For the end of all things.
    pub fn cut_any(&mut self, from: FuseIndex) -> Option<(FuseIndex, Option<Handlers<C>>)> {
        let index = self.cells.iter_from(from).map(|(key, _)| key.index).next()?;
        let handlers = self.cut(index);
        if self.cells.get(index).is_some_and(|cell| !cell.held) {
            self.cells.discard(index);
        }
        Some((index, handlers))
    }
}
