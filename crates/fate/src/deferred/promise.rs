//! The writing end of a Deferred.

use super::cancelling::Canceller;
use super::node::Node;
use crate::{Abandoned, Failure};
use fate_core::machine::living::Living;
use fate_core::parts::parcel::Parcel;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

/// The writing end of a [`Deferred`](crate::Deferred): fires it once, by type.
///
/// Firing only queues; callbacks run from the ready queue, normally within the same turn. A Promise that is dropped
/// unfired fails its Deferred with [`Abandoned`], so nobody waits for ever.
///
/// ```
/// use fate::{sim::Sim, Abandoned};
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let (promise, deferred) = fate.deferred::<u32>();
/// deferred.add_errback(|failure| { assert!(failure.is::<Abandoned>()); 0 });
/// drop(promise);
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
///
/// That it fires once is a matter of types:
///
/// ```compile_fail,E0382
/// # let fate = fate::sim::Sim::new(1).host("here");
/// let (promise, deferred) = fate.deferred();
/// promise.callback(1);
/// promise.callback(2); // it was moved
/// ```
#[must_use = "a promise that is dropped fails its Deferred"]
pub struct Promise<T: 'static> {
    node: Rc<Node>,
    is_cancellers: bool,
    value: PhantomData<fn(T)>,
}

impl<T: 'static> Promise<T> {
    #[inline]
    pub(super) fn new(node: Rc<Node>) -> Promise<T> {
        Promise { node, is_cancellers: false, value: PhantomData }
    }

    #[inline]
    fn fire(self, outcome: Result<Parcel, Failure>) {
        if self.is_cancellers {
            self.node.fire_from_canceller(outcome);
        } else {
            self.node.fire(outcome);
        }
    }

    /// Fires with a value: callbacks will run. Does nothing if the Deferred was cancelled.
    #[inline]
    pub fn callback(self, value: T) {
        self.fire(Ok(Parcel::new(value)));
    }

    /// Fires with a failure: errbacks will run. Does nothing if the Deferred was cancelled.
    #[track_caller]
    pub fn errback(self, failure: impl Into<Failure>) {
        let failure = failure.into();
        self.fire(Err(failure));
    }

    /// Fires with whichever it is.
    #[track_caller]
    pub fn fire_with(self, result: Result<T, Failure>) {
        self.fire(result.map(Parcel::new));
    }

    /// Says what to do when somebody cancels the Deferred before it has fired: withdraw the work, close the connection.
    ///
    /// Runs once at most, from the ready queue, and not after this Promise has fired. It is given a Promise of its own; if
    /// it has not fired that by the time it returns, the Deferred fails with [`Cancelled`](crate::Cancelled). What this
    /// Promise fires after the cancelling is ignored. For a value that is due after a while nothing of this is needed:
    /// [spawn](crate::Fate::spawn) a task that sleeps.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let (promise, deferred) = fate.deferred();
    /// promise.on_cancel(|promise| promise.callback("what there was by then"));
    /// deferred.cancel();
    /// deferred.add_callback(|words| assert_eq!(words, "what there was by then"));
    /// promise.callback("too late");
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn on_cancel(&self, canceller: impl FnOnce(Promise<T>) + 'static) {
        self.node.set_canceller(Canceller::Call(Box::new(move |node| {
            canceller(Promise { node: node.clone(), is_cancellers: true, value: PhantomData });
        })));
    }

    /// Fires with a value that goes back to `back` if nobody takes it: no step and no await ever sees it.
    ///
    /// # Errors
    /// The value, if it can reach nobody because the Deferred was cancelled.
    pub(crate) fn offer(self, value: T, back: impl FnOnce(T) + 'static) -> Result<(), T> {
        if self.node.is_cancelled() {
            return Err(value);
        }
        self.node.fire(Ok(Parcel::new(value)));
        self.node.set_return(Box::new(move |node| {
            if let Some(Ok(value)) = node.take_settled() {
                back(value.open());
            }
        }));
        Ok(())
    }

    /// Whether somebody has cancelled, so that the work may as well stop.
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }
}

impl<T: 'static> Drop for Promise<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_cancellers && !self.node.has_fired() {
            let place = self.node.place();
            self.node.fire(Err(Failure::born_at(Abandoned, place)));
        }
    }
}

impl<T: 'static> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
