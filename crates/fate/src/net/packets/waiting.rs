//! A line of those who wait for the same thing of a socket, first come, first served.
//!
//! One who is woken has left the line. If what it was woken for is gone by the time it comes, it goes back to where it stood;
//! if it does not come at all, the next is to be woken in its stead.

use crate::net::waiter::Waiter;
use fate_core::Reactor;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::Context;

/// A line of those who wait.
#[derive(Default)]
pub(super) struct Waiting {
    /// In the order of their numbers.
    line: RefCell<VecDeque<(u64, Waiter)>>,
    next: Cell<u64>,
}

/// A place in a line, taken when its owner first has to wait.
#[derive(Default)]
pub(super) struct Ticket(Option<u64>);

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.line.borrow().is_empty()
    }

    /// Whether somebody waits who came before the owner of this ticket.
    pub fn is_led_by_another(&self, ticket: &Ticket) -> bool {
        let line = self.line.borrow();
        line.front().is_some_and(|(first, _)| ticket.0.is_none_or(|own| *first < own))
    }

    /// Waits in the line.
    pub fn wait(&self, ticket: &mut Ticket, reactor: &Reactor, context: &Context<'_>) {
        let number = *ticket.0.get_or_insert_with(|| self.next.replace(self.next.get() + 1));
        // A waker is user code: it is cloned before the line is borrowed, and dropped after.
        let waiter = Waiter::default();
        waiter.wait(reactor, context);
        let mut line = self.line.borrow_mut();
        let place = line.partition_point(|(other, _)| *other < number);
        let replaced = match line.get_mut(place) {
            Some((other, waiting)) if *other == number => Some(std::mem::replace(waiting, waiter)),
            _ => {
                line.insert(place, (number, waiter));
                None
            }
        };
        drop(line);
        drop(replaced);
    }

    /// Wakes the first, who leaves the line.
    pub fn wake_first(&self, reactor: &Reactor) {
        let first = self.line.borrow_mut().pop_front();
        if let Some((_, waiter)) = first {
            waiter.wake(reactor);
        }
    }

    /// Wakes everybody.
    pub fn wake_all(&self, reactor: &Reactor) {
        while !self.is_empty() {
            self.wake_first(reactor);
        }
    }

    /// Leaves the line. Says whether this one had been woken before.
    pub fn leave(&self, ticket: &mut Ticket) -> bool {
        let Some(number) = ticket.0.take() else { return false };
        let mut line = self.line.borrow_mut();
        let place = line.binary_search_by_key(&number, |(other, _)| *other);
        let left = place.ok().and_then(|place| line.remove(place));
        drop(line);
        left.is_none()
    }
}
