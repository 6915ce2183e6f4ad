//! A signal that is being heard, until this is dropped.

use fate_core::{Hearing, Signal, System};
use std::io;
use std::rc::Rc;

/// One [`System::hear`], and the [`System::stop_hearing`] that goes with it.
pub(super) struct Held {
    system: Rc<dyn System>,
    pub signal: Signal,
    hearing: Hearing,
}

impl Held {
    /// Begins to hear; nothing if the signal was not to be had.
    pub fn begin(system: &Rc<dyn System>, signal: Signal, hearing: Hearing) -> io::Result<Option<Held>> {
        let is_taken = system.hear(signal, hearing)?;
        Ok(is_taken.then(|| Held { system: system.clone(), signal, hearing }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.system.stop_hearing(self.signal, self.hearing);
    }
}
