//! The first value.

use super::{News, combine};
use crate::{Deferred, Failure, Fate};
use std::error::Error;
use std::fmt;

/// Nobody won a race: every failure, in the order of the inputs.
#[derive(Debug)]
pub struct AllFailed {
    /// What became of each.
    pub failures: Vec<Failure>,
}

impl fmt::Display for AllFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() {
            return f.write_str("there was nobody to win the race");
        }
        write!(f, "all {} failed", self.failures.len())?;
        self.failures.iter().enumerate().try_for_each(|(number, failure)| {
            let separator = if number == 0 { ": " } else { "; " };
            write!(f, "{separator}{failure}")
        })
    }
}

impl Error for AllFailed {}

impl Fate {
    /// Waits for the first that succeeds: gives its number among the inputs and its value, and cancels the others. If all
    /// fail, fails with [`AllFailed`]; of none, at once. Cancelling it cancels all inputs.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("course");
    /// let (hare, tortoise) = (fate.deferred(), fate.deferred());
    /// let (asleep, plods) = (hare.0, tortoise.0);
    /// fate.get_fuse(Duration::from_secs(60)).set_handler(move |_| plods.callback("slow and steady"));
    /// fate.race([hare.1, tortoise.1]).add_callback(|won| assert_eq!(won, (1, "slow and steady")));
    /// sim.run()?;
    /// assert!(asleep.is_cancelled());
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn race<T: 'static>(&self, inputs: impl IntoIterator<Item = Deferred<T>>) -> Deferred<(usize, T)> {
        let (promise, deferred) = self.deferred();
        combine(promise, inputs, first_value);
        deferred
    }

    /// As [`Fate::race`], for those who do not care which one it was.
    #[track_caller]
    pub fn first_ok<T: 'static>(&self, inputs: impl IntoIterator<Item = Deferred<T>>) -> Deferred<T> {
        self.race(inputs).add_callback(|(_, value)| value)
    }
}

fn first_value<T>(mut news: News<'_, T>) -> Option<Result<(usize, T), Failure>> {
    match news.take_latest(Result::is_ok) {
        Some((number, won)) => Some(won.map(|value| (number, value))),
        None => news.take_all().map(|outcomes| {
            let failures = outcomes.filter_map(Result::err).collect();
            Err(AllFailed { failures }.into())
        }),
    }
}
