//! All values, or the first failure.

use super::{News, combine};
use crate::{Deferred, Failure, Fate};

impl Fate {
    /// Waits for all: gives their values in the order of the inputs, or the first failure, upon which the others are
    /// cancelled and stay silent. Of none, gives an empty list at once. Cancelling it cancels all inputs.
    ///
    /// To have the others go on, and know of each what became of it, take [`Fate::deferred_list`].
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let squares = (1..=3).map(|number| fate.succeed(number * number));
    /// fate.gather_results(squares).add_callback(|squares| assert_eq!(squares, [1, 4, 9]));
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn gather_results<T: 'static>(&self, inputs: impl IntoIterator<Item = Deferred<T>>) -> Deferred<Vec<T>> {
        let (promise, deferred) = self.deferred();
        combine(promise, inputs, first_failure_or_all);
        deferred
    }
}

fn first_failure_or_all<T>(mut news: News<'_, T>) -> Option<Result<Vec<T>, Failure>> {
    match news.take_latest(Result::is_err) {
        Some((_, failed)) => Some(failed.map(|value| vec![value])),
        None => news.take_all().map(|outcomes| outcomes.collect()),
    }
}
