//! Signals that a task awaits.

use super::listening::Listening;
use crate::{Fate, Signal};
use fate_core::Reactor;
use std::fmt;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

/// Signals to be awaited one after another, of [`Fate::signals`]. They are heard from the call that made it, until it is dropped.
pub struct Signals {
    reactor: Weak<Reactor>,
    listening: Rc<Listening>,
}

impl Signals {
    pub(super) fn new(fate: &Fate, listening: Rc<Listening>) -> Signals {
        Signals { reactor: Rc::downgrade(fate.reactor()), listening }
    }

    /// The same, but [`Fate::run`] goes on as long as this exists.
    pub fn keep_alive(self) -> Signals {
        if let Some(reactor) = self.reactor.upgrade() {
            self.listening.keep_alive(&reactor);
        }
        self
    }

    /// The next signal that comes, or has come since this was asked last; one that has come several times is told once. `None`
    /// after a shutdown, and when the Fate is gone: there will be no more.
    ///
    /// Waiting for it alone does not keep [`Fate::run`] going: see [`Signals::keep_alive`].
    ///
    /// # Cancellation
    /// Dropping the future loses no signal: the next one is told of it.
    pub async fn next(&mut self) -> Option<Signal> {
        poll_fn(|context| self.poll_signal(context)).await
    }

    pub(crate) fn poll_signal(&self, context: &Context<'_>) -> Poll<Option<Signal>> {
        self.listening.poll_next(self.reactor.upgrade().as_deref(), context)
    }
}

/// Stops listening. With the last listener of a signal, what was there before is there again.
impl Drop for Signals {
    fn drop(&mut self) {
        if let Some(reactor) = self.reactor.upgrade() {
            drop(self.listening.end(&reactor));
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("is_listening", &self.listening.is_on()).finish_non_exhaustive()
    }
}
