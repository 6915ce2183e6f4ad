//! What a step may give back.

use super::Deferred;
use crate::{Failure, Fate, Place};
use std::any::TypeId;

/// What a step of a chain may give back: a `Result` with any error, or another [`Deferred`].
///
/// ```
/// use fate::sim::Sim;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let elsewhere = fate.succeed(6);
/// fate.succeed("7")
///     .and_then(|digits| digits.parse::<u32>())
///     .and_then(move |seven| elsewhere.add_callback(move |six| six * seven))
///     .add_callback(|answer| assert_eq!(answer, 42));
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub trait IntoDeferred {
    /// The value in it.
    type Value: 'static;

    /// What the chain goes on with. `place` is the line of the step, where an error of another type becomes a failure.
    fn into_next(self, place: Place) -> Next<Self::Value>;

    /// The same as a Deferred.
    fn into_deferred(self, fate: &Fate, place: Place) -> Deferred<Self::Value>
    where
        Self: Sized,
    {
        match self.into_next(place) {
            Next::Later(deferred) => deferred,
            Next::Now(result) => {
                let (promise, deferred) = fate.deferred();
                promise.fire_with(result);
                deferred
            }
        }
    }
}

/// What a chain goes on with.
#[derive(Debug)]
pub enum Next<T: 'static> {
    /// At once.
    Now(Result<T, Failure>),
    /// When this has fired.
    Later(Deferred<T>),
}

impl<T: 'static, E: Into<Failure> + 'static> IntoDeferred for Result<T, E> {
    type Value = T;

    fn into_next(self, place: Place) -> Next<T> {
        Next::Now(self.map_err(|error| {
            let is_new = TypeId::of::<E>() != TypeId::of::<Failure>();
            let failure = error.into();
            if is_new { Failure::born_at(failure.into_error(), place) } else { failure }
        }))
    }
}

impl<T: 'static> IntoDeferred for Deferred<T> {
    type Value = T;

    fn into_next(self, _: Place) -> Next<T> {
        Next::Later(self)
    }
}

/// Nothing to wait for.
impl IntoDeferred for () {
    type Value = ();

    fn into_next(self, _: Place) -> Next<()> {
        Next::Now(Ok(()))
    }
}
