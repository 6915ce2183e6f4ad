//! What went wrong, where it was born, and where it was dropped.
//!
//! A [`Failure`] wraps any error without asking for a type, so `?` works in every handler. It is one pointer wide and
//! knows the line that made it; Fate adds the line in whose handler it was dropped unheard.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;

/// A line of the program.
pub type Place = &'static Location<'static>;

/// Any error, with the places where it was born and where it was dropped.
///
/// ```
/// use fate_core::Failure;
///
/// let failure = Failure::from(u8::try_from(300).unwrap_err());
/// assert!(failure.check::<std::num::TryFromIntError>().is_some());
/// assert!(failure.born().file().ends_with(".rs"));
/// let failure = failure.trap::<std::io::Error>().unwrap_err();
/// assert_eq!(failure.to_string(), "out of range integral type conversion attempted");
/// ```
pub struct Failure(Box<Inside>);

struct Inside {
    error: Box<dyn Error>,
    born: Place,
    dropped: Option<Place>,
}

impl Failure {
    /// The error, if it is of type `E`; or what it carries, if it is an [`io::Error`] that carries an `E`.
    pub fn check<E: Error + 'static>(&self) -> Option<&E> {
        self.0.error.downcast_ref().or_else(|| carried(&*self.0.error))
    }

    /// Whether [`Failure::check`] finds an error of type `E`.
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.check::<E>().is_some()
    }

    /// Takes out the error of type `E` that [`Failure::check`] finds.
    ///
    /// # Errors
    /// The failure itself, unchanged, if its error is of another type.
    pub fn trap<E: Error + 'static>(self) -> Result<E, Failure> {
        let Inside { error, born, dropped } = *self.0;
        match error.downcast().or_else(take_carried) {
            Ok(error) => Ok(*error),
            Err(error) => Err(Failure(Box::new(Inside { error, born, dropped }))),
        }
    }

    /// The error, of whatever type.
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.0.error
    }

    /// Takes out the error, of whatever type.
    pub fn into_error(self) -> Box<dyn Error> {
        self.0.error
    }

    /// The line that made this failure: where `?` or `Failure::from` met the error. (`.map_err(Into::into)` has no line of
    /// its own; `?` has.)
    pub fn born(&self) -> Place {
        self.0.born
    }

    /// The line whose handler dropped this failure unheard. `None` while it is held, and if no handler was running.
    pub fn dropped(&self) -> Option<Place> {
        self.0.dropped
    }

    /// Notes where the failure was dropped.
    pub fn dropped_at(mut self, place: Option<Place>) -> Failure {
        self.0.dropped = place;
        self
    }

    /// Makes a failure that was born at `place`.
    pub fn born_at(error: impl Into<Box<dyn Error>>, place: Place) -> Failure {
        Failure(Box::new(Inside { error: error.into(), born: place, dropped: None }))
    }
}

/// What an `io::Error` carries, if it is an `E`.
fn carried<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

/// Takes an `E` out of the `io::Error` that carries it, or gives the error back.
fn take_carried<E: Error + 'static>(error: Box<dyn Error>) -> Result<Box<E>, Box<dyn Error>> {
    if carried::<E>(&*error).is_none() {
        return Err(error);
    }
    let inside = error.downcast::<io::Error>()?.into_inner().expect("it carries something");
    inside.downcast().map_err(|inside| inside as Box<dyn Error>)
}

impl<E: Into<Box<dyn Error>>> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Failure {
        Failure::born_at(error, Location::caller())
    }
}

/// The error's own words; the causes are reached through [`Failure::error`].
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.error, f)
    }
}

/// The error, its causes, and the places: what a `main` that returns a failure prints.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.error)?;
        let mut cause = self.0.error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        write!(f, " (born at {}", self.0.born)?;
        match self.0.dropped {
            Some(place) => write!(f, ", dropped by the handler of {place})"),
            None => f.write_str(")"),
        }
    }
}

/// A plain error that says one thing: name, words.
macro_rules! plain_error {
    ($(#[$doc:meta])* $name:ident, $words:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($words)
            }
        }

        impl Error for $name {}
    };
}

plain_error!(
    /// The time allowed was over first.
    Elapsed,
    "time is up"
);
plain_error!(
    /// Somebody called `cancel`, or the Fate shut down.
    Cancelled,
    "cancelled"
);
plain_error!(
    /// The Promise was dropped unfired: the value can never come.
    Abandoned,
    "abandoned: the promise was dropped unfired"
);
plain_error!(
    /// A callback of this Deferred panicked; the panic itself went to the fault handler.
    Panicked,
    "a callback panicked"
);
plain_error!(
    /// `run` was called from inside `run`.
    AlreadyRunning,
    "run was called inside run; use turn to let events happen from within a handler"
);
plain_error!(
    /// This process was forked, and what was asked is for the process that it was forked from: a Fate that was at work before
    /// the fork has things of the kernel's that both processes share, or that are the other's alone. A new Fate works here, and
    /// so does one that was not at work yet: that had not run, had no host, no thread, no program, and heard no signal. Comes
    /// within an [`io::Error`], in which [`Failure::check`] finds it.
    Forked,
    "belongs to the process that this one was forked from"
);

impl From<Forked> for io::Error {
    fn from(forked: Forked) -> io::Error {
        io::Error::other(forked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L6: whoever asks for the type finds it, in the system's error or by itself.
    #[test]
    fn what_an_error_of_the_system_carries_is_found_and_taken_out() {
        let failure = Failure::from(io::Error::from(Forked));
        assert!(failure.is::<Forked>() && failure.is::<io::Error>() && !failure.is::<Elapsed>());
        assert_eq!(failure.check::<Forked>(), Some(&Forked));
        let failure = failure.trap::<Elapsed>().unwrap_err();
        assert_eq!(failure.to_string(), "belongs to the process that this one was forked from");
        assert_eq!(failure.trap::<Forked>().unwrap(), Forked);

        let failure = Failure::from(io::Error::from(io::ErrorKind::NotFound)).trap::<Forked>().unwrap_err();
        assert_eq!(failure.trap::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
