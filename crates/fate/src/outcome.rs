//! What a handler may return.

use crate::{Deferred, Failure, Fate};

/// What a handler may return: nothing, a `Result` whose failure is reported, or a [`Deferred`] whose failure is.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "end it with `;` to return nothing, or use `?` and end it with `Ok(())`"
)]
pub trait Outcome {
    /// Hears what the handler returned: reports a failure now, and gives back what is still to come.
    #[doc(hidden)]
    fn conclude(self, fate: &Fate) -> Option<Deferred<()>>;
}

impl Outcome for () {
    #[inline]
    fn conclude(self, _: &Fate) -> Option<Deferred<()>> {
        None
    }
}

impl Outcome for Result<(), Failure> {
    #[inline]
    fn conclude(self, fate: &Fate) -> Option<Deferred<()>> {
        if let Err(failure) = self {
            fate.reactor().failed(failure);
        }
        None
    }
}

impl Outcome for Deferred<()> {
    fn conclude(self, _: &Fate) -> Option<Deferred<()>> {
        Some(self)
    }
}
