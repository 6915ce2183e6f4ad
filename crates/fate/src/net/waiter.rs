//! Those who wait for one thing: tasks of this loop, which are woken without their wakers, or wakers.

use fate_core::{Key, Reactor};
use std::cell::Cell;
use std::task::{Context, Waker};

/// So many are woken for nothing, rather than kept: a future that waits with another waker each time would fill all memory.
const MOST: usize = 64;

/// A place for those who wait. All of them are woken, and wait again if it was not for them.
#[derive(Default)]
pub(crate) struct Waiter(Cell<Crowd>);

#[derive(Default)]
enum Crowd {
    #[default]
    Nobody,
    One(Waiting),
    Many(Vec<Waiting>),
}

enum Waiting {
    Task(Key),
    Waker(Waker),
}

impl Waiting {
    fn is(&self, other: &Waiting) -> bool {
        match (self, other) {
            (Waiting::Task(one), Waiting::Task(other)) => one == other,
            (Waiting::Waker(one), Waiting::Waker(other)) => one.will_wake(other),
            _ => false,
        }
    }

    fn wake(self, reactor: &Reactor) {
        match self {
            Waiting::Task(task) => reactor.wake(task),
            Waiting::Waker(waker) => waker.wake(),
        }
    }
}

impl Waiter {
    /// Waits here.
    pub fn wait(&self, reactor: &Reactor, context: &Context<'_>) {
        let task = reactor.polled_task(context.waker());
        let waiting = task.map_or_else(|| Waiting::Waker(context.waker().clone()), Waiting::Task);
        match self.0.take() {
            Crowd::Nobody => self.0.set(Crowd::One(waiting)),
            Crowd::One(one) if one.is(&waiting) => self.0.set(Crowd::One(one)),
            Crowd::One(one) => self.0.set(Crowd::Many(vec![one, waiting])),
            Crowd::Many(many) if many.len() >= MOST => {
                many.into_iter().for_each(|one| one.wake(reactor));
                self.0.set(Crowd::One(waiting));
            }
            Crowd::Many(mut many) => {
                if !many.iter().any(|one| one.is(&waiting)) {
                    many.push(waiting);
                }
                self.0.set(Crowd::Many(many));
            }
        }
    }

    /// Wakes all who wait.
    #[inline]
    pub fn wake(&self, reactor: &Reactor) {
        match self.0.take() {
            Crowd::Nobody => {}
            Crowd::One(one) => one.wake(reactor),
            Crowd::Many(many) => many.into_iter().for_each(|one| one.wake(reactor)),
        }
    }

    /// Whether somebody waits.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        let crowd = self.0.take();
        let is_waiting = !matches!(crowd, Crowd::Nobody);
        self.0.set(crowd);
        is_waiting
    }
}
