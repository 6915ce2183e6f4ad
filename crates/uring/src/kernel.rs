//! What is made at first need: the ring and what goes with it; and how the ring is left.
//!
//! The kernel may refuse any step, each for reasons of its own: it is too old, an administrator has switched the ring off,
//! a sandbox lets one call pass and not the next, there is no memory that may be locked, no descriptor. So making it is a
//! list of steps, and a refusal names the one that failed.
//!
//! # Invariants
//! - L1 The ring is left before the memory that it refers to: nothing of it is freed until the kernel has told of
//!   everything that was under way. If it does not, the memory is let be for ever.

use crate::alarm::Alarms;
use crate::beacon::Beacon;
use crate::bell::Bell;
use crate::buffers::Buffers;
use crate::flights::Flights;
use crate::ring::Ring;
use crate::token::Token;
use crate::trial;
use fate_core::{Completion, Event};
use fate_unix::Mark;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long the kernel is given, again and again, to let go of at least one operation when all are cancelled.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is made at first need.
pub(crate) struct Kernel {
    pub ring: Ring,
    pub flights: Flights,
    pub buffers: Rc<Buffers>,
    pub bell: Arc<Bell>,
    pub alarms: Alarms,
    /// If somebody outside may be waiting for this.
    pub beacon: Option<Beacon>,
    /// Whether the ring listens to the bell.
    is_listening: bool,
    mark: Arc<Mark>,
}

impl Kernel {
    /// Makes everything, and sets the mark.
    ///
    /// # Errors
    /// What the kernel refused, and what was asked of it.
    pub fn open(mark: Arc<Mark>) -> io::Result<Kernel> {
        let mut ring = Ring::open().map_err(refused("setting up the ring"))?;
        ring.check().map_err(refused("asking for what it needs"))?;
        let bell = Bell::new(mark.clone()).map_err(refused("making a bell"))?;
        let buffers = Buffers::new(&ring).map_err(refused("lending it buffers"))?;
        let can_be_quiet = trial::can_be_quiet(&mut ring, &buffers).map_err(refused("trying it out"))?;
        let (flights, alarms) = (Flights::new(can_be_quiet), Alarms::default());
        let (bell, beacon, is_listening) = (Arc::new(bell), None, false);
        let mut kernel = Kernel { ring, flights, buffers, bell, alarms, beacon, is_listening, mark };
        kernel.listen();
        kernel.ring.enter(0, None).map_err(refused("handing over the first entry"))?;
        kernel.mark.set();
        Ok(kernel)
    }

    /// What somebody outside may wait for.
    ///
    /// # Errors
    /// The kernel refused to make it.
    pub fn beacon(&mut self) -> io::Result<&Beacon> {
        if self.beacon.is_none() {
            let beacon = Beacon::new(&mut self.ring)?;
            self.bell.light(beacon.clone());
            self.beacon = Some(beacon);
        }
        Ok(self.beacon.as_ref().expect("it was just made"))
    }

    /// Launches what is to go on, as far as there is room.
    #[inline]
    pub fn take_up(&mut self) {
        if !self.is_listening && self.ring.has_room(1) {
            self.listen();
        }
        self.flights.take_up(&mut self.ring, &self.buffers);
    }

    fn listen(&mut self) {
        self.ring.listen(Token::BELL, self.bell.clapper());
        self.is_listening = true;
    }

    /// Hands over what was pushed, and takes what has completed by then.
    ///
    /// # Errors
    /// The kernel refused the call.
    #[inline]
    pub fn flush(&mut self, inbox: &mut VecDeque<Completion>) -> io::Result<()> {
        self.call(0, None, inbox)
    }

    /// Hands over what was pushed, waits for so many completions but no longer than `patience`, and takes what has
    /// completed.
    ///
    /// # Errors
    /// The kernel refused the call.
    #[inline]
    pub fn call(
        &mut self,
        least: usize,
        patience: Option<Duration>,
        inbox: &mut VecDeque<Completion>,
    ) -> io::Result<()> {
        let outcome = self.ring.enter(least, patience);
        self.hear(inbox);
        outcome
    }

    /// Takes what has completed.
    #[inline]
    pub fn hear(&mut self, inbox: &mut VecDeque<Completion>) {
        let round = self.ring.round();
        for told in self.ring.completions() {
            match told.token {
                token if !token.is_own() => self.flights.hear(told, round, &self.buffers, inbox),
                token if token.is_quiet() => self.flights.hear_of_quiet(told, inbox),
                Token::BELL => self.is_listening = told.has_more(),
                token => self.alarms.hear(token),
            }
        }
    }

    /// Lets those outside know whether there is something to do here: the kernel has something to tell, or something is to go
    /// on for which the buffers come back when the inbox is read.
    ///
    /// # Errors
    /// The kernel refused the beacon.
    #[inline]
    pub fn reflect(&mut self) -> io::Result<()> {
        let Some(beacon) = &self.beacon else { return Ok(()) };
        beacon.put_out(&self.ring)?;
        if !self.ring.is_quiet() || self.flights.is_waiting() || !self.is_listening || self.bell.is_rung() {
            beacon.light();
        }
        Ok(())
    }

    /// Cancels everything, and waits until the kernel has let go of it.
    fn leave(&mut self, inbox: &mut VecDeque<Completion>) -> io::Result<()> {
        while !self.ring.has_room(1) {
            self.flush(inbox)?;
        }
        self.ring.cancel_everything();
        let mut left = usize::MAX;
        loop {
            self.call(self.flights.aloft().min(1), Some(PATIENCE), inbox)?;
            if self.ring.is_through() {
                self.flights.settle(inbox);
            }
            match self.flights.aloft() {
                0 => return Ok(()),
                aloft if aloft < left => left = aloft,
                _ => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
}

/// L1.
impl Drop for Kernel {
    fn drop(&mut self) {
        let mut inbox = VecDeque::new();
        if self.mark.is_foreign() || self.leave(&mut inbox).is_err() {
            mem::forget(mem::take(&mut self.flights));
            mem::forget(self.buffers.clone());
        }
        for Completion { event, .. } in inbox {
            if let Event::Accepted(socket) = event {
                fate_unix::close(socket, true);
            }
        }
    }
}

fn refused(step: &'static str) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), Refused { step, error })
}

/// A step that the kernel refused.
#[derive(Debug)]
struct Refused {
    step: &'static str,
    error: io::Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "io_uring: {}: {}", self.step, self.error)
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
