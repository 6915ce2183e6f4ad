//! Connecting to whichever of several addresses answers first (RFC 8305, "Happy Eyeballs" version 2, sections 4 and 5).
//!
//! The addresses stand in a row, the two families alternating. The first is tried; the next when it fails, or has not
//! succeeded after a while; and so on, with those before still under way. The first to succeed wins and the others are
//! cancelled.
//!
//! ```text
//!   attempt 1  ├──────────────── … cancelled
//!   attempt 2  │  250 ms ├── refused
//!   attempt 3  │         │       ├──── connected
//! ```
//!
//! Attempts under way own the race by their last step, and the fuse does by its handler; the race knows both weakly.

use crate::deferred::node::Node;
use crate::{Deferred, Failure, Fate, Fuse, Place, Promise};
use fate_core::{Clock, Reactor};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How long an attempt has before the next one is begun beside it (section 8).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to whichever of these addresses answers first, with `connect` for each attempt. The addresses are tried in the
/// order given, but for the families (IPv6, IPv4), which alternate; the next attempt begins when one has failed, or 250
/// milliseconds after the last was begun. The others are cancelled when one succeeds.
///
/// # Errors
/// [`ConnectFailed`] when all have failed; of no addresses, at once.
///
/// # Cancellation
/// Cancels every attempt under way, and begins no other.
///
/// ```
/// use fate::{race_addresses, sim::Sim};
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let addresses: Vec<SocketAddr> = ["[2001:db8::1]:80", "192.0.2.1:80"].map(|text| text.parse().unwrap()).into();
/// let here = fate.clone();
/// let connect = move |address: SocketAddr| {
///     // Nobody answers by IPv6.
///     let delay = if address.is_ipv6() { Duration::MAX } else { Duration::from_millis(20) };
///     here.spawn(here.sleep(delay)).add_callback(move |()| address)
/// };
/// race_addresses(&fate, addresses, connect).add_callback(|winner| assert!(winner.is_ipv4()));
/// sim.run()?;
/// assert_eq!(sim.elapsed(), Duration::from_millis(270));
/// # Ok::<(), fate::Failure>(())
/// ```
#[track_caller]
pub fn race_addresses<S: 'static>(
    fate: &Fate,
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> Deferred<S> + 'static,
) -> Deferred<S> {
    race_of(fate, Location::caller(), addresses, connect)
}

/// As [`race_addresses`], on behalf of the line `place`.
pub(crate) fn race_of<S: 'static>(
    fate: &Fate,
    place: Place,
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> Deferred<S> + 'static,
) -> Deferred<S> {
    let (promise, deferred) = fate.deferred_of(place);
    let race = Rc::new(Race {
        place,
        reactor: Rc::downgrade(fate.reactor()),
        connect: Box::new(connect),
        untried: RefCell::new(alternate(addresses)),
        attempts: RefCell::default(),
        under_way: Cell::new(0),
        timer: Cell::new(None),
        promise: Cell::new(None),
    });
    let weak = Rc::downgrade(&race);
    promise.on_cancel(move |_| {
        if let Some(race) = weak.upgrade() {
            race.end();
        }
    });
    race.promise.set(Some(promise));
    fate.reactor().queue(move |reactor| race.go_on(reactor));
    deferred
}

/// The same addresses, each once, the family of the first and the other one by turns.
fn alternate(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let mut distinct: Vec<SocketAddr> = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    let leads_v6 = distinct.first().is_some_and(SocketAddr::is_ipv6);
    let (leading, other): (VecDeque<_>, VecDeque<_>) =
        distinct.into_iter().partition(|address| address.is_ipv6() == leads_v6);
    let (mut leading, mut other) = (leading.into_iter(), other.into_iter());
    let mut row = VecDeque::new();
    loop {
        let pair = [leading.next(), other.next()];
        if pair == [None, None] {
            return row;
        }
        row.extend(pair.into_iter().flatten());
    }
}

struct Race<S: 'static> {
    place: Place,
    reactor: Weak<Reactor>,
    connect: Box<dyn Fn(SocketAddr) -> Deferred<S>>,
    untried: RefCell<VecDeque<SocketAddr>>,
    attempts: RefCell<Vec<Attempt>>,
    under_way: Cell<usize>,
    /// When it burns, the next attempt begins.
    timer: Cell<Option<Fuse>>,
    promise: Cell<Option<Promise<S>>>,
}

struct Attempt {
    address: SocketAddr,
    /// What to cancel.
    node: Weak<Node>,
    failure: Option<Failure>,
}

impl<S: 'static> Race<S> {
    /// Begins the next attempt; if there is none, and none is under way, it is over.
    fn go_on(self: &Rc<Race<S>>, reactor: &Rc<Reactor>) {
        self.stop_timer();
        if !self.is_open() {
            return;
        }
        reactor.enter(self.place);
        let next = self.untried.borrow_mut().pop_front();
        match next {
            Some(address) => self.attempt(reactor, address),
            None if self.under_way.get() == 0 => self.fail(),
            None => {}
        }
    }

    fn attempt(self: &Rc<Race<S>>, reactor: &Rc<Reactor>, address: SocketAddr) {
        let attempt = (self.connect)(address);
        if !self.is_open() {
            return attempt.cancel();
        }
        let number = self.attempts.borrow().len();
        self.attempts.borrow_mut().push(Attempt { address, node: attempt.leash(), failure: None });
        self.under_way.set(self.under_way.get() + 1);
        let (asked, told) = (self.clone(), self.clone());
        attempt.hear(move || asked.is_open(), move |outcome| told.hear(number, outcome));
        if !self.untried.borrow().is_empty() {
            self.start_timer(reactor);
        }
    }

    fn hear(self: &Rc<Race<S>>, number: usize, outcome: Result<S, Failure>) {
        self.under_way.set(self.under_way.get() - 1);
        match (outcome, self.reactor.upgrade()) {
            (Ok(value), _) => {
                if let Some(promise) = self.promise.take() {
                    promise.callback(value);
                }
                self.end();
            }
            (Err(failure), Some(reactor)) => {
                self.attempts.borrow_mut()[number].failure = Some(failure);
                self.go_on(&reactor);
            }
            (Err(_), None) => {}
        }
    }

    /// Whether an attempt could still win.
    fn is_open(&self) -> bool {
        let promise = self.promise.take();
        let is_open = promise.as_ref().is_some_and(|promise| !promise.is_cancelled());
        self.promise.set(promise);
        is_open
    }

    fn fail(&self) {
        let attempts = self.attempts.take().into_iter();
        let failures = attempts.filter_map(|attempt| Some((attempt.address, attempt.failure?))).collect();
        if let Some(promise) = self.promise.take() {
            promise.errback(Failure::born_at(ConnectFailed { failures }, self.place));
        }
    }

    /// Cancels the attempts that are under way, and begins no other; those that are done do not mind.
    fn end(&self) {
        self.stop_timer();
        drop(self.promise.take());
        self.untried.take();
        self.attempts.take().iter().filter_map(|attempt| attempt.node.upgrade()).for_each(|node| node.cancel());
    }

    fn start_timer(self: &Rc<Race<S>>, reactor: &Rc<Reactor>) {
        let (fate, now) = (Fate::of(reactor), reactor.now());
        let timer = Fuse::light(fate, Clock::Monotonic, now + HEAD_START, now, self.place);
        let race = self.clone();
        timer.set_handler_of(self.place, move |fate| race.go_on(fate.reactor()));
        self.timer.set(Some(timer));
    }

    fn stop_timer(&self) {
        if let Some(timer) = self.timer.take() {
            timer.cut();
        }
    }
}

/// No address could be connected to.
#[derive(Debug)]
pub struct ConnectFailed {
    /// Every address that was tried, in that order, and why not.
    pub failures: Vec<(SocketAddr, Failure)>,
}

impl fmt::Display for ConnectFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() {
            return f.write_str("there is no address to connect to");
        }
        f.write_str("no address could be connected to")?;
        self.failures.iter().enumerate().try_for_each(|(number, (address, failure))| {
            let separator = if number == 0 { ": " } else { "; " };
            write!(f, "{separator}{address}: {failure}")
        })
    }
}

impl Error for ConnectFailed {
    /// What the address said that was tried first.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failures.first().map(|(_, failure)| failure.error())
    }
}
