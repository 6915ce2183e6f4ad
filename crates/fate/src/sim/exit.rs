//! How a simulated program ends: what its closure may give.

use crate::{Failure, Signal};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

/// What the future of a [simulated program](super::Sim::program) may give: how the program ends.
///
/// ```
/// use fate::{Signal, sim::IntoExit};
/// use std::os::unix::process::ExitStatusExt;
///
/// assert!(().into_exit().success());
/// assert_eq!((3.into_exit().code(), (-1).into_exit().code()), (Some(3), Some(255)));
/// assert_eq!(fate::Result::<()>::Err("no tea".into()).into_exit().code(), Some(1));
/// assert_eq!(Signal::SEGV.into_exit().signal(), Some(11));
/// ```
pub trait IntoExit {
    /// The status that the parent is told.
    fn into_exit(self) -> ExitStatus;
}

/// Success.
impl IntoExit for () {
    fn into_exit(self) -> ExitStatus {
        ExitStatus::default()
    }
}

/// The status of this number: as the system has it, its lowest byte.
impl IntoExit for i32 {
    fn into_exit(self) -> ExitStatus {
        ExitStatus::from_raw((self & 0xff) << 8)
    }
}

impl IntoExit for ExitCode {
    fn into_exit(self) -> ExitStatus {
        // A code does not say its number, but can be compared with all there are.
        let number = (0..=u8::MAX).find(|&number| ExitCode::from(number) == self);
        i32::from(number.unwrap_or(u8::MAX)).into_exit()
    }
}

impl IntoExit for ExitStatus {
    fn into_exit(self) -> ExitStatus {
        self
    }
}

/// As if it had died of the signal.
impl IntoExit for Signal {
    fn into_exit(self) -> ExitStatus {
        ExitStatus::from_raw(self.number())
    }
}

/// A program that never ends by itself.
impl IntoExit for <fn() -> ! as Gives>::Output {
    fn into_exit(self) -> ExitStatus {
        self
    }
}

/// What a function gives. The type of what never comes has no name of its own yet, but this is one.
pub trait Gives {
    /// Its type.
    type Output;
}

impl<T> Gives for fn() -> T {
    type Output = T;
}

/// As for a `main` that returns this: a failure is status 1.
impl<T: IntoExit> IntoExit for Result<T, Failure> {
    fn into_exit(self) -> ExitStatus {
        self.map_or_else(|_| 1.into_exit(), T::into_exit)
    }
}
