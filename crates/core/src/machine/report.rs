//! The report: what is alive, who made it, how old it is, and what it waits for.

use super::operations::EndpointSight;
use super::reactor::Reactor;
use crate::parts::fuses::FuseSight;
use crate::words::clock::Clock;
use crate::words::failure::Place;
use crate::words::instant::Instant;
use std::fmt;
use std::time::Duration;

/// What an event manager is made of at this moment, and what it has done so far.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The driver under it.
    pub driver: &'static str,
    /// What there is to say about the driver, such as why it stands in for a better one.
    pub note: Option<String>,
    /// Everything that lives now.
    pub live: Vec<Live>,
    /// What was still alive when the last shutdown dropped it.
    pub left: Vec<Live>,
    /// Turns taken.
    pub turns: u64,
    /// Times that the kernel was asked to wait.
    pub waits: u64,
    /// Fuses that burned for somebody.
    pub burned: u64,
    /// Faults reported.
    pub faults: u64,
}

/// What a living thing is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A fuse that is burning.
    Fuse,
    /// A Deferred that waits for a value.
    Deferred,
    /// A task.
    Task,
    /// A watched descriptor.
    Watch,
    /// A connection.
    Connection,
    /// A socket that accepts connections.
    Listener,
    /// A socket for packets.
    Socket,
    /// Work for a thread.
    Thread,
    /// Another program, started by this one.
    Child,
    /// Signals that somebody listens to.
    Signal,
}

/// A living thing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Live {
    /// What it is.
    pub kind: Kind,
    /// The line that made it.
    pub place: Place,
    /// How long it has lived, if that is known; to about a second for fuses.
    pub age: Option<Duration>,
    /// What it waits for, in words.
    pub waits_for: String,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Fuse => "fuse",
            Kind::Deferred => "deferred",
            Kind::Task => "task",
            Kind::Watch => "watch",
            Kind::Connection => "connection",
            Kind::Listener => "listener",
            Kind::Socket => "socket",
            Kind::Thread => "thread",
            Kind::Child => "child",
            Kind::Signal => "signal",
        })
    }
}

/// `task of src/main.rs:12:5 waits for …`
impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.kind, self.place)?;
        if let Some(age) = self.age.filter(|age| age.as_secs() > 0) {
            write!(f, ", {} s old", age.as_secs())?;
        }
        write!(f, ", waits for {}", self.waits_for)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { driver, turns, waits, burned, faults, .. } = self;
        writeln!(f, "driver {driver}: {turns} turns, {waits} waits, {burned} fuses burned, {faults} faults")?;
        if let Some(note) = &self.note {
            writeln!(f, "{note}")?;
        }
        writeln!(f, "{} alive", self.live.len())?;
        self.live.iter().try_for_each(|live| writeln!(f, "  {live}"))?;
        if !self.left.is_empty() {
            writeln!(f, "{} dropped by the last shutdown", self.left.len())?;
            self.left.iter().try_for_each(|live| writeln!(f, "  {live}"))?;
        }
        Ok(())
    }
}

impl Reactor {
    /// The name of the driver under it.
    pub fn driver_name(&self) -> &'static str {
        self.driver.borrow().name()
    }

    /// What is alive at this moment, and what was done so far.
    pub fn report(&self) -> Report {
        let counters = self.counters();
        Report {
            driver: self.driver_name(),
            note: self.driver.borrow().note(),
            live: self.live_things(),
            left: self.left(),
            turns: counters.turns.get(),
            waits: counters.waits.get(),
            burned: counters.burned.get(),
            faults: counters.faults.get(),
        }
    }

    /// Fuses, Deferreds, tasks, watches and endpoints that live now, in that order.
    pub fn live_things(&self) -> Vec<Live> {
        let now = self.now();
        let mut live: Vec<Live> = self.fuses.borrow().sights().map(|sight| fuse(&sight, now)).collect();
        live.extend(self.all_living().iter().filter_map(|(living, born)| {
            let age = (*born != Instant::START).then(|| now - *born);
            Some(Live { kind: Kind::Deferred, place: living.place(), age, waits_for: living.waits_for()?.into() })
        }));
        live.extend(self.task_sights().iter().map(|sight| {
            let waits_for = match (sight.is_ready, sight.is_awaited_outside) {
                (true, _) => "its turn",
                (false, true) => "a waker that somebody keeps",
                (false, false) => "a fuse or a Deferred",
            };
            Live { kind: Kind::Task, place: sight.place, age: Some(now - sight.born), waits_for: waits_for.into() }
        }));
        live.extend(self.watch_sights().into_iter().map(|(descriptor, interest, place)| {
            let waits_for = format!("descriptor {descriptor} to {interest:?}");
            Live { kind: Kind::Watch, place, age: None, waits_for }
        }));
        live.extend(self.all_endpoints().iter().map(|(endpoint, born)| {
            let EndpointSight { kind, place, waits_for } = endpoint.sight();
            Live { kind, place, age: Some(now - *born), waits_for }
        }));
        live
    }
}

fn fuse(sight: &FuseSight, now: Instant) -> Live {
    let clock =
        if sight.clock == Clock::Monotonic { String::new() } else { format!(" on the {:?} clock", sight.clock) };
    let listener = if sight.has_handler { "" } else { ", and for a handler" };
    let waits_for = format!("{}{clock}{listener}", sight.deadline);
    Live { kind: Kind::Fuse, place: sight.place, age: Some(now - sight.lit), waits_for }
}
