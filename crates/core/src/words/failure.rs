//! What went wrong, where it was born, and where it was dropped.
//!
//! A [`Failure`] wraps any error without asking for a type, so `?` works in every handler. It is one pointer wide and
//! knows the line that made it; Fate adds the line in whose handler it was dropped unheard.

use std::error::Error;
use std::fmt;
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
    /// The error, if it is of type `E`.
    pub fn check<E: Error + 'static>(&self) -> Option<&E> {
        self.0.error.downcast_ref()
    }

    /// Whether the error is of type `E`.
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.0.error.is::<E>()
    }

    /// Takes out an error of type `E`.
    ///
    /// # Errors
    /// The failure itself, unchanged, if its error is of another type.
    pub fn trap<E: Error + 'static>(self) -> Result<E, Failure> {
        let Inside { error, born, dropped } = *self.0;
        match error.downcast() {
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
