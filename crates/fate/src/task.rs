//! Programs written line by line.

use crate::fuse::Burning;
use crate::{Deferred, Fate};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

impl Fate {
    /// Starts a task: it first runs when the ready queue reaches it, and needs no `Send`. Its Deferred carries its output.
    ///
    /// Dropping the Deferred detaches the task; if it then ends with an `Err` of [`Failure`](crate::Failure), that is
    /// reported as a failure that nobody heard. Whoever keeps the Deferred of a task that gives a `Result` has a value that
    /// is a `Result`: `.and_then(|result| result)` turns its error into a failure of the chain. In an `async` block end
    /// with [`fate::Ok(value)`](crate::Ok), so that `?` knows what to make of errors.
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
    pub fn spawn<T: 'static, F>(&self, future: impl IntoFuture<Output = T, IntoFuture = F>) -> Deferred<T>
    where
        F: Future<Output = T> + 'static,
    {
        let place = Location::caller();
        Deferred::of_task(self, self.reactor().spawn(place, future.into_future()), place)
    }

    /// Waits for `delay`. Spawned, it is a Deferred that fires then, and whose timer goes when it is cancelled.
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
