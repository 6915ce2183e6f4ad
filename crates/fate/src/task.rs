//! Programs written line by line.

use crate::fuse::Burning;
use crate::{Deferred, Fate, Promise};
use pin_project_lite::pin_project;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pin_project! {
    /// A future that fires a Promise with its output.
    struct Task<F: Future> where F::Output: 'static {
        #[pin]
        future: F,
        promise: Option<Promise<F::Output>>,
    }
}

impl<F: Future> Future for Task<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match this.future.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(output) => {
                if let Some(promise) = this.promise.take() {
                    promise.callback(output);
                }
                Poll::Ready(())
            }
        }
    }
}

impl Fate {
    /// Starts a task: it first runs when the ready queue reaches it, and needs no `Send`. Its Deferred carries its output.
    ///
    /// Dropping the Deferred detaches the task; if it then ends with an `Err` of [`Failure`](crate::Failure), that is reported as a
    /// failure that nobody heard.
    ///
    /// # Cancellation
    /// [`Deferred::cancel`] drops the future where it waits, in the same turn.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let here = fate.clone();
    /// let answer = fate.spawn(async move {
    ///     here.sleep(Duration::from_secs(7)).await;
    ///     42
    /// });
    /// answer.add_callback(|answer| assert_eq!(answer, 42));
    /// sim.run()?;
    /// assert_eq!(sim.elapsed(), Duration::from_secs(7));
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Deferred<T> {
        let (promise, deferred) = self.deferred();
        let task = Box::pin(Task { future, promise: Some(promise) });
        let key = self.reactor().spawn(Location::caller(), task);
        deferred.is_made_by(key);
        deferred
    }

    /// Waits for `delay`.
    ///
    /// # Cancellation
    /// Dropping the future leaves no timer behind.
    #[track_caller]
    pub fn sleep(&self, delay: Duration) -> Sleep {
        Sleep(self.get_fuse(delay).into_future())
    }
}

/// The future of [`Fate::sleep`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Sleep(Burning);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}
