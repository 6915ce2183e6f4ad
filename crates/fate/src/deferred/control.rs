//! Cancelling and pausing a Deferred from elsewhere.

use super::node::Node;
use std::fmt;
use std::rc::{Rc, Weak};

/// Cancels or pauses a [`Deferred`](crate::Deferred) that was moved into a chain, a combinator or a task. Keeps nothing
/// alive, and does nothing once the Deferred is done.
///
/// ```
/// use fate::{sim::Sim, Cancelled};
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let (promise, deferred) = fate.deferred::<()>();
/// let control = deferred.control();
/// deferred.add_both(|result| assert!(result.unwrap_err().is::<Cancelled>()));
/// fate.get_fuse(Duration::from_secs(1)).set_handler(move |_| control.cancel());
/// sim.run()?;
/// drop(promise);
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct Control(Weak<Node>);

impl Control {
    pub(super) fn new(node: &Rc<Node>) -> Control {
        Control(Rc::downgrade(node))
    }

    /// As [`Deferred::cancel`](crate::Deferred::cancel).
    pub fn cancel(&self) {
        if let Some(node) = self.0.upgrade() {
            node.cancel_quietly();
        }
    }

    /// As [`Deferred::pause`](crate::Deferred::pause).
    pub fn pause(&self) {
        if let Some(node) = self.0.upgrade() {
            node.pause();
        }
    }

    /// As [`Deferred::unpause`](crate::Deferred::unpause).
    pub fn unpause(&self) {
        if let Some(node) = self.0.upgrade() {
            node.unpause();
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("is_done", &self.0.upgrade().is_none()).finish()
    }
}
