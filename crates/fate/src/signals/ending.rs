//! What a run does about signals of its own accord: the first stops, the second kills.

use super::ear::Ear;
use crate::{Failure, Fate};
use std::rc::Rc;

/// A run that hears what asks the program to end, until this is dropped.
///
/// On the first signal it shuts down. From then on the signal does what it always does, so the second kills at once. When the
/// shutdown is complete, what was there before is there again, and the program dies of the signal, so that whoever started
/// it can tell.
#[must_use = "the run that it is for ends when it is dropped"]
pub(crate) struct RunSignals {
    fate: Fate,
    /// Nothing if it is not for this one to hear.
    ear: Option<Rc<Ear>>,
}

impl RunSignals {
    /// A run begins. Does nothing if one is under way already, or the program wants its signals left alone.
    pub fn begin(fate: &Fate) -> RunSignals {
        let ear = Ear::of(fate.reactor());
        let is_begun = ear.begin_run(fate);
        RunSignals { fate: fate.clone(), ear: is_begun.then_some(ear) }
    }

    /// The run is over. If it has shut down because a signal asked for that, so is the program, as a rule; and if one came so
    /// late that the run ended before it was told, it shuts down now.
    ///
    /// # Errors
    /// As [`Fate::run`].
    pub fn end(self) -> Result<(), Failure> {
        if let Some(ear) = &self.ear {
            let reactor = self.fate.reactor();
            ear.hear(reactor);
            if ear.asked_by().get().is_some() && reactor.is_shutting_down() {
                reactor.run()?;
            }
        }
        self.complete();
        Ok(())
    }

    /// A run that others drive is over.
    pub fn complete(self) {
        let Some(ear) = &self.ear else { return };
        ear.end_run();
        if !self.fate.reactor().is_shutting_down()
            && let Some(signal) = ear.asked_by().take()
        {
            ear.die_of(signal);
        }
    }
}

impl Drop for RunSignals {
    fn drop(&mut self) {
        if let Some(ear) = &self.ear {
            ear.end_run();
        }
    }
}
