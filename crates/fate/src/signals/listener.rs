//! The handle of a handler for a signal.

use super::listening::Listening;
use crate::Fate;
use fate_core::Reactor;
use std::fmt;
use std::rc::{Rc, Weak};

/// A handler that listens to a signal, of [`Fate::on_signal`]. A clonable handle: dropping it stops nothing.
#[derive(Clone)]
pub struct SignalListener {
    reactor: Weak<Reactor>,
    listening: Rc<Listening>,
}

impl SignalListener {
    pub(super) fn new(fate: &Fate, listening: Rc<Listening>) -> SignalListener {
        SignalListener { reactor: Rc::downgrade(fate.reactor()), listening }
    }

    /// The same, but [`Fate::run`] goes on as long as it listens.
    pub fn keep_alive(self) -> SignalListener {
        if let Some(reactor) = self.reactor.upgrade() {
            self.listening.keep_alive(&reactor);
        }
        self
    }

    /// Stops listening: the handler is not called again, and is dropped (after it returned, if it is the one that says so).
    /// With the last listener of a signal, what was there before is there again. Says whether it was listening.
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    ///
    /// let fate = Sim::new(1).host("here");
    /// let listener = fate.on_signal(Signal::HUP, |_, _| ())?;
    /// assert!(listener.is_listening());
    /// assert!(listener.stop());
    /// assert!(!listener.stop());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(&self) -> bool {
        let Some(reactor) = self.reactor.upgrade() else { return false };
        let (was_on, _handler) = self.listening.end(&reactor);
        was_on
    }

    /// Whether the handler may be called again: it was not stopped, nor ended by a panic or a shutdown.
    pub fn is_listening(&self) -> bool {
        self.listening.is_on()
    }

    /// How often the signal has come so far, as far as the system counts: of those that come while one is on its way
    /// already it tells no more, as a rule.
    pub fn arrivals(&self) -> u64 {
        self.listening.arrivals()
    }
}

impl fmt::Debug for SignalListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalListener").field("is_listening", &self.is_listening()).finish_non_exhaustive()
    }
}
