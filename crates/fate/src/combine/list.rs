//! Every outcome.

use super::{News, combine};
use crate::{Deferred, Failure, Fate};

impl Fate {
    /// Waits for all: gives what came of each, in the order of the inputs. Never fails, unless it is cancelled, which
    /// cancels all inputs.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let inputs = [fate.succeed("jam"), fate.fail("no jam today")];
    /// fate.deferred_list(inputs).add_callback(|outcomes| {
    ///     assert_eq!(outcomes[0].as_ref().unwrap(), &"jam");
    ///     assert_eq!(outcomes[1].as_ref().unwrap_err().to_string(), "no jam today");
    /// });
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn deferred_list<T: 'static>(
        &self,
        inputs: impl IntoIterator<Item = Deferred<T>>,
    ) -> Deferred<Vec<Result<T, Failure>>> {
        let (promise, deferred) = self.deferred();
        combine(promise, inputs, all);
        deferred
    }
}

type Outcomes<T> = Vec<Result<T, Failure>>;

fn all<T>(mut news: News<'_, T>) -> Option<Result<Outcomes<T>, Failure>> {
    news.take_all().map(|outcomes| Ok(outcomes.collect()))
}
