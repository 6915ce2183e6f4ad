//! What a descriptor is ready for, and what of that is told to who watches it.

use fate_core::{Interest, Readiness};

/// How a descriptor stands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stand {
    pub readiness: Readiness,
    /// Whether the other side has closed its own direction.
    pub is_ended: bool,
}

impl Stand {
    /// What is told of it, if that is anything.
    pub fn told(self, interest: Interest) -> Option<Readiness> {
        let Readiness { readable, writable, hang_up, error } = self.readiness;
        let is_over = hang_up || error;
        let told = Readiness { readable: false, writable: false, hang_up, error };
        match interest {
            Interest::Read => (readable || is_over).then_some(Readiness { readable: true, ..told }),
            Interest::Write => (writable || is_over).then_some(Readiness { writable: true, ..told }),
            Interest::HangUp => {
                let hang_up = hang_up || self.is_ended;
                (hang_up || error).then_some(Readiness { hang_up, ..told })
            }
        }
    }
}

/// All that can be watched for.
pub(crate) const INTERESTS: [Interest; 3] = [Interest::Read, Interest::Write, Interest::HangUp];

/// The place of an interest among [`INTERESTS`].
pub(crate) fn place(interest: Interest) -> usize {
    match interest {
        Interest::Read => 0,
        Interest::Write => 1,
        Interest::HangUp => 2,
    }
}
