//! Running the loop until one future is done, which may borrow from the caller as no task can.
//!
//! The future lies on the caller's stack and is polled between turns, with a bell like any task's.

use super::ending::Step;
use super::reactor::Reactor;
use super::tasks::{MAIN, Polling, Ringing};
use crate::words::failure::{Failure, Place};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

impl Reactor {
    /// Runs the loop until a future that may borrow from the caller is done.
    ///
    /// # Errors
    /// As [`Reactor::run`]; `None` if nothing is left that could wake the future.
    pub fn run_future<F: Future>(
        self: &Rc<Reactor>,
        place: Place,
        future: Pin<&mut F>,
    ) -> Result<Option<F::Output>, Failure> {
        let _running = self.begin_run()?;
        let ringing = Ringing::new(self, MAIN);
        let mut main = Main { reactor: self, place, future, ringing: &ringing };
        {
            let mut tasks = self.tasks.borrow_mut();
            tasks.main = Some(ringing.bell.clone());
            tasks.main_woken = true;
        }
        loop {
            if let Poll::Ready(output) = main.poll_if_woken() {
                while self.is_shutting_down() && self.step(Duration::MAX)? == Step::GoOn {}
                self.hand_over()?;
                return Ok(Some(output));
            }
            if self.step(Duration::MAX)? != Step::GoOn && !self.tasks.borrow().main_woken {
                return Ok(None);
            }
        }
    }
}

/// The future that `run_until` was given: polled between turns, as it may borrow what no task can.
struct Main<'a, F> {
    reactor: &'a Rc<Reactor>,
    place: Place,
    future: Pin<&'a mut F>,
    ringing: &'a Ringing,
}

impl<F: Future> Main<'_, F> {
    fn poll_if_woken(&mut self) -> Poll<F::Output> {
        if !std::mem::take(&mut self.reactor.tasks.borrow_mut().main_woken) {
            return Poll::Pending;
        }
        self.reactor.enter(self.place);
        let polling = Polling::begin(self.reactor, MAIN, self.ringing);
        let state = self.future.as_mut().poll(&mut Context::from_waker(&self.ringing.waker));
        polling.end();
        state
    }
}

impl<F> Drop for Main<'_, F> {
    fn drop(&mut self) {
        self.reactor.tasks.borrow_mut().main = None;
    }
}
