//! The reading end of a Deferred as a future.

use super::Deferred;
use super::node::{Node, Waiter};
use crate::{Failure, Place};
use fate_core::parts::parcel::Parcel;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The future that waits for a [`Deferred`].
///
/// # Cancellation
/// Dropping it before it is done cancels the Deferred.
#[must_use = "futures do nothing unless awaited"]
pub struct Awaiting<T: 'static> {
    node: Option<Rc<Node>>,
    place: Place,
    value: PhantomData<fn() -> T>,
}

impl<T: 'static> IntoFuture for Deferred<T> {
    type Output = Result<T, Failure>;
    type IntoFuture = Awaiting<T>;

    #[track_caller]
    fn into_future(self) -> Awaiting<T> {
        Awaiting { node: Some(self.into_node()), place: Location::caller(), value: PhantomData }
    }
}

impl<T: 'static> Future for Awaiting<T> {
    type Output = Result<T, Failure>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, Failure>> {
        let this = &mut *self;
        let Some(node) = &this.node else { panic!("the future of {} was polled after it was done", this.place) };
        if let Some(outcome) = node.take_settled() {
            this.node = None;
            return Poll::Ready(outcome.map(Parcel::open));
        }
        let task = node.polled_task(context.waker());
        node.set_waiter(task.map_or_else(|| Waiter::Waker(context.waker().clone()), Waiter::Task));
        Poll::Pending
    }
}

impl<T: 'static> Drop for Awaiting<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            node.forget_waiter();
            node.cancel();
            node.detach();
        }
    }
}

impl<T: 'static> fmt::Debug for Awaiting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaiting").field("is_done", &self.node.is_none()).finish()
    }
}
