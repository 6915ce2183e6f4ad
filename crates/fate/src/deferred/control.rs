//! Cancelling and pausing a Deferred from elsewhere.

use super::node::Node;
use std::fmt;
use std::rc::{Rc, Weak};

/// Cancels or pauses a [`Deferred`](crate::Deferred) that was moved into a chain, a combinator or a task. Does nothing
/// once the Deferred is done.
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
///
/// A paused Deferred that was let go lasts as long as it has a `Control` that may unpause it.
pub struct Control(Weak<Node>);

impl Control {
    pub(super) fn new(node: &Rc<Node>) -> Control {
        node.add_control();
        Control(Rc::downgrade(node))
    }

    /// As [`Deferred::cancel`](crate::Deferred::cancel).
    pub fn cancel(&self) {
        if let Some(node) = self.0.upgrade() {
            node.cancel();
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

impl Clone for Control {
    fn clone(&self) -> Control {
        if let Some(node) = self.0.upgrade() {
            node.add_control();
        }
        Control(self.0.clone())
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(node) = self.0.upgrade() {
            node.remove_control();
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("is_done", &self.0.upgrade().is_none()).finish()
    }
}
