//! One piece of work: a closure on its way to a thread, and what it gave on its way home.
//!
//! It is in one box all the way: made on the loop, run by a thread, and opened on the loop again, where the Promise has
//! stayed, which must not leave it.

use super::{LaneName, Threads};
use crate::Place;
use fate_core::Reactor;
use fate_core::parts::door::Door;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

/// A piece of work, whatever its types.
pub(super) trait Work: Send {
    /// Calls the closure, and keeps what it gives or panics with.
    fn run(&mut self);

    /// Fires the Promise with it, if there is still one. Called on the loop.
    fn deliver(self: Box<Self>, reactor: &Rc<Reactor>);

    /// Whose work it is.
    fn ticket(&self) -> Ticket;
}

/// By which name the loop knows a piece of work.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    pub lane: LaneName,
    pub number: u64,
    /// The line that handed it in.
    pub place: Place,
}

/// A closure, and then its result.
pub(super) struct Piece<F, T> {
    closure: Option<F>,
    result: Option<thread::Result<T>>,
    ticket: Ticket,
}

impl<F, T> Piece<F, T> {
    pub fn new(closure: F, ticket: Ticket) -> Piece<F, T> {
        Piece { closure: Some(closure), result: None, ticket }
    }
}

impl<F: FnOnce() -> T + Send + 'static, T: Send + 'static> Work for Piece<F, T> {
    fn run(&mut self) {
        self.result = self.closure.take().map(|closure| catch_unwind(AssertUnwindSafe(closure)));
    }

    fn deliver(self: Box<Self>, reactor: &Rc<Reactor>) {
        reactor.enter(self.ticket.place);
        if let Some(result) = self.result {
            Threads::lane(reactor, self.ticket.lane).finish(self.ticket.number, result);
        }
    }

    fn ticket(&self) -> Ticket {
        self.ticket
    }
}

/// Sends work home with its result, from a thread. If the loop is gone, it is dropped.
pub(super) fn send_home(work: Box<dyn Work>, door: &Door<Reactor>) {
    drop(door.call(usize::MAX, move |reactor| work.deliver(reactor)));
}

/// Drops work whose result nobody wants, where it was done, and tells the loop that the thread has come back.
pub(super) fn throw_away(work: Box<dyn Work>, door: &Door<Reactor>) {
    let Ticket { lane, number, .. } = work.ticket();
    // The panic of such a drop has been printed, and there is nobody to tell.
    drop(catch_unwind(AssertUnwindSafe(|| drop(work))));
    drop(door.call(usize::MAX, move |reactor| Threads::lane(reactor, lane).forget(number)));
}
