//! Cancelling a node: which one of a chain it is that stops, and that it always comes to an end.
//!
//! A chain is cancelled at its innermost node, for that is what it waits for. While steps of the chain are in the ready queue
//! nobody knows yet which one that will be, so the cancelling queues behind them: it is never lost between a Promise that has
//! fired and the step that then waits for another.
//!
//! # Invariants
//! - C1 A canceller is called at most once, from the ready queue, and the node has fired when it is over.

use super::control::Control;
use super::node::{CANCELLED, FIRED, HUSHED, Node, QUEUED};
use crate::{Cancelled, Failure};
use fate_core::Key;
use std::rc::Rc;

/// What is done when a node that has not fired is cancelled.
pub(crate) enum Canceller {
    /// Somebody is told.
    Call(Errand),
    /// The task that makes the value is dropped.
    Task(Key),
}

/// Something to be done with a node.
pub(crate) type Errand = Box<dyn FnOnce(&Rc<Node>)>;

impl Node {
    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.is(CANCELLED)
    }

    pub fn set_canceller(&self, canceller: Canceller) {
        let replaced = if self.is(FIRED) { Some(canceller) } else { self.canceller.replace(Some(canceller)) };
        drop(replaced);
    }

    /// Cancels what the node waits for: the innermost Deferred, if that has not fired. Who asks need not be told of it.
    pub fn cancel(self: &Rc<Node>) {
        self.set(HUSHED);
        self.at_rest(|innermost| {
            innermost.cancel_here();
        });
    }

    /// Calls `then` with the innermost node that this one waits for: at once, or as soon as what is queued in this chain
    /// has run, for only then is it known which one that is.
    pub fn at_rest(self: &Rc<Node>, then: impl FnOnce(&Rc<Node>) + 'static) {
        self.at_rest_from(self, then);
    }

    /// As [`Node::at_rest`], looking from a node further in: the way down a deep chain is walked once, not for each link
    /// that a value passes on its way up.
    fn at_rest_from(self: &Rc<Node>, from: &Rc<Node>, then: impl FnOnce(&Rc<Node>) + 'static) {
        let innermost = from.innermost();
        match self.reactor.upgrade() {
            Some(reactor) if innermost.is_on_its_way() => {
                let hears_next = if Rc::ptr_eq(&innermost, self) { None } else { innermost.outer() };
                let (node, from) = (self.clone(), hears_next.unwrap_or(innermost));
                let stays = Control::new(&from);
                reactor.queue(move |_| {
                    node.at_rest_from(&from, then);
                    drop(stays);
                });
            }
            _ => then(&innermost),
        }
    }

    /// Whether its steps or its canceller are about to run.
    fn is_on_its_way(&self) -> bool {
        (self.is(QUEUED) && self.pauses.get() == 0) || (self.is(CANCELLED) && !self.is(FIRED))
    }

    /// Where the chain ends. One that comes back to where it began, as only steps that fetch their own Deferreds can bring
    /// about, is cut open there: a node has one outer, so it cannot come back to anywhere else.
    fn innermost(self: &Rc<Node>) -> Rc<Node> {
        let mut node = self.clone();
        while let Some(inner) = node.inner() {
            if Rc::ptr_eq(&inner, self) {
                self.leave_circle();
                return inner;
            }
            node = inner;
        }
        node
    }

    /// Cancels this node, if it has not fired. Says whether that was news.
    pub fn cancel_here(self: &Rc<Node>) -> bool {
        if self.is(FIRED | CANCELLED) {
            return false;
        }
        self.set(CANCELLED);
        let canceller = self.canceller.take();
        match (canceller, self.reactor.upgrade()) {
            (Some(canceller), Some(reactor)) => {
                if let Canceller::Task(task) = canceller {
                    reactor.condemn_task(task);
                }
                let node = self.clone();
                reactor.queue(move |reactor| {
                    reactor.enter(node.place);
                    let _cancelling = Cancelling(&node);
                    match canceller {
                        Canceller::Call(errand) => errand(&node),
                        Canceller::Task(key) => reactor.drop_task(key),
                    }
                });
            }
            _ => self.fire_from_canceller(Err(Failure::born_at(Cancelled, self.place))),
        }
        true
    }
}

/// A canceller that is running. However it ends, the node has fired after it.
struct Cancelling<'a>(&'a Rc<Node>);

impl Drop for Cancelling<'_> {
    fn drop(&mut self) {
        self.0.fire_from_canceller(Err(Failure::born_at(Cancelled, self.0.place)));
    }
}
