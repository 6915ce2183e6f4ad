//! Descriptors that somebody else owns: who is told when they are ready.
//!
//! For what Fate does not do itself: a device, a library with a connection of its own, another loop's descriptor. Fate says
//! that it is ready, and whoever owns it reads and writes.

use super::waiter::Waiter;
use crate::{Fate, Outcome, Place};
use fate_core::{Event, Interest, Key, Reactor, Readiness};
use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

/// A descriptor that is being watched. A clonable handle: dropping it stops nothing.
#[derive(Clone)]
pub struct Watch {
    reactor: Weak<Reactor>,
    key: Key,
    is_on: Rc<Cell<bool>>,
}

impl Watch {
    /// Ends the watch: its handler is dropped and not called again. Says whether it was on.
    pub fn stop(&self) -> bool {
        self.reactor.upgrade().is_some_and(|reactor| reactor.unwatch(self.key))
    }

    /// Whether the handler may be called again: the watch was not stopped, refused, or ended by a panic or a shutdown.
    pub fn is_watching(&self) -> bool {
        self.is_on.get()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("is_watching", &self.is_watching()).finish_non_exhaustive()
    }
}

/// Lies in a handler, and tells when that is dropped.
struct Switch(Rc<Cell<bool>>);

impl Drop for Switch {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Fate {
    /// Calls `handler` once in each turn in which a descriptor is ready for this, until it is told to
    /// [stop](Watch::stop). The descriptor stays whose it was; it must be open until the watch has ended and a turn has begun
    /// since. The two directions of one descriptor may be watched at the same time.
    ///
    /// # Errors
    /// A refusal is given to the handler, once, and ends the watch: `EPERM` for a plain file, `EBADF` for what is not open,
    /// `EEXIST` for a direction that is watched already. A failure that the handler returns goes to the fault handler, with
    /// the line of this call.
    ///
    /// # Examples
    /// A real kernel, for a simulated one has no descriptors:
    /// ```
    /// use fate::{Fate, Interest};
    /// use std::{io::{Read, Write}, os::{fd::AsRawFd, unix::net::UnixStream}};
    ///
    /// let fate = Fate::new()?;
    /// let (mut foreign, mut other_end) = UnixStream::pair()?;
    /// other_end.write_all(b"tea")?;
    /// fate.watch(foreign.as_raw_fd(), Interest::Read, move |fate, readiness| {
    ///     assert!(readiness?.readable);
    ///     let mut bytes = [0; 3];
    ///     foreign.read_exact(&mut bytes)?;
    ///     assert_eq!(&bytes, b"tea");
    ///     fate.shutdown();
    ///     fate::Ok(())
    /// });
    /// fate.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn watch<R: Outcome>(
        &self,
        descriptor: RawFd,
        interest: Interest,
        mut handler: impl FnMut(&Fate, io::Result<Readiness>) -> R + 'static,
    ) -> Watch {
        let is_on = Rc::new(Cell::new(true));
        let switch = Switch(is_on.clone());
        let told = move |reactor: &Rc<Reactor>, event: Event| {
            let _switch = &switch;
            let fate = Fate::of(reactor);
            if let Some(readiness) = readiness(event) {
                handler(fate, readiness).conclude(fate);
            }
            true
        };
        let key = self.reactor().watch(descriptor, interest, Location::caller(), Box::new(told));
        Watch { reactor: Rc::downgrade(self.reactor()), key, is_on }
    }

    /// Waits until a descriptor is ready for this. All else is as in [`Fate::watch`].
    ///
    /// # Errors
    /// As those that [`Fate::watch`] gives to its handler; `NotConnected` if the Fate is gone or was shut down meanwhile.
    ///
    /// # Cancellation
    /// Dropping the future ends the watch.
    #[track_caller]
    pub fn ready(&self, descriptor: RawFd, interest: Interest) -> Ready {
        Ready::of(self.reactor(), descriptor, interest, Location::caller())
    }
}

fn readiness(event: Event) -> Option<io::Result<Readiness>> {
    match event {
        Event::Ready(readiness) => Some(Ok(readiness)),
        Event::Failed(error) => Some(Err(error)),
        _ => None,
    }
}

/// The future that waits until a descriptor is ready, of [`Fate::ready`].
#[must_use = "futures do nothing unless awaited"]
pub struct Ready {
    reactor: Weak<Reactor>,
    key: Key,
    told: Rc<Told>,
}

/// What the watch and the future know together.
#[derive(Default)]
struct Told {
    readiness: Cell<Option<io::Result<Readiness>>>,
    waiter: Waiter,
}

impl Ready {
    pub(crate) fn of(reactor: &Rc<Reactor>, descriptor: RawFd, interest: Interest, place: Place) -> Ready {
        let told = Rc::new(Told::default());
        let ending = Ending { reactor: Rc::downgrade(reactor), told: told.clone() };
        let handler = move |_: &Rc<Reactor>, event: Event| {
            ending.told.readiness.set(readiness(event));
            false
        };
        let key = reactor.watch(descriptor, interest, place, Box::new(handler));
        Ready { reactor: Rc::downgrade(reactor), key, told }
    }
}

/// Lies in the handler of the watch. However that ends, who waits is woken.
struct Ending {
    reactor: Weak<Reactor>,
    told: Rc<Told>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(reactor) = self.reactor.upgrade() {
            let over = || Err(io::ErrorKind::NotConnected.into());
            self.told.readiness.set(Some(self.told.readiness.take().unwrap_or_else(over)));
            self.told.waiter.wake(&reactor);
        }
    }
}

impl Future for Ready {
    type Output = io::Result<Readiness>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
        if let Some(readiness) = self.told.readiness.take() {
            return Poll::Ready(readiness);
        }
        let Some(reactor) = self.reactor.upgrade() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        self.told.waiter.wait(&reactor, context);
        Poll::Pending
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(reactor) = self.reactor.upgrade() {
            reactor.unwatch(self.key);
        }
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready(..)")
    }
}
