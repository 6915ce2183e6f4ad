//! Faults: what a handler did wrong, and what is to be done about it.
//!
//! A handler's `Err` is reported with its line and the loop goes on; a panic is carried out of `run`, after the loop is
//! consistent again. A fault handler may choose otherwise, fault by fault.

use super::reactor::{Reactor, count};
use crate::parts::parcel::Parcel;
use crate::words::driver::Deed;
use crate::words::failure::{Failure, Place};
use std::any::Any;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::rc::Rc;

/// What went wrong.
#[non_exhaustive]
pub enum Fault {
    /// A handler returned an error.
    Failed {
        /// The error.
        failure: Failure,
        /// The line that set the handler.
        place: Option<Place>,
    },
    /// A failure was dropped that nobody had heard. The failure knows its places.
    Unheard {
        /// The error.
        failure: Failure,
    },
    /// A handler panicked.
    Panicked {
        /// What `panic!` was given.
        payload: Box<dyn Any + Send>,
        /// The line that set the handler.
        place: Option<Place>,
    },
}

/// What to do after a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The loop goes on.
    GoOn,
    /// `run` ends after this turn with the failure; a panic goes on at once.
    Stop,
}

pub(super) type FaultHandler = Option<Rc<dyn Fn(&Rc<Reactor>, &Fault) -> Verdict>>;

impl Fault {
    /// The failure, unless it was a panic.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Fault::Failed { failure, .. } | Fault::Unheard { failure } => Some(failure),
            Fault::Panicked { .. } => None,
        }
    }

    /// Prints the fault to standard error and says to go on, unless it was a panic: what is done if nobody chose otherwise.
    pub fn print(&self) -> Verdict {
        eprintln!("fate: {self}");
        if matches!(self, Fault::Panicked { .. }) { Verdict::Stop } else { Verdict::GoOn }
    }
}

struct At(Option<Place>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(place) => write!(f, "the handler of {place}"),
            None => f.write_str("a handler"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Failed { failure, place } => write!(f, "{} failed: {failure:?}", At(*place)),
            Fault::Unheard { failure } => write!(f, "a failure was dropped unheard: {failure:?}"),
            Fault::Panicked { payload, place } => {
                let words = payload.downcast_ref::<&str>().copied();
                let words = words.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                write!(f, "{} panicked: {}", At(*place), words.unwrap_or("(no words)"))
            }
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Reactor {
    /// Chooses what is done about faults.
    pub fn set_fault_handler(&self, handler: impl Fn(&Rc<Reactor>, &Fault) -> Verdict + 'static) {
        *self.fault_handler.borrow_mut() = Some(Rc::new(handler));
    }

    /// The handler that runs now failed.
    pub fn failed(self: &Rc<Reactor>, failure: Failure) {
        self.report_fault(Fault::Failed { failure, place: self.current() });
    }

    /// A failure was dropped that nobody has heard.
    pub fn unheard(self: &Rc<Reactor>, failure: Failure) {
        self.report_fault(Fault::Unheard { failure });
    }

    /// Nobody will look at this value any more. If it is a `Result` with an error inside, that is a failure that nobody has
    /// heard.
    pub fn drop_unheard(self: &Rc<Reactor>, value: Parcel, dropped: Option<Place>) {
        let failure = if value.is_plain() {
            None
        } else if value.is::<Result<(), Failure>>() {
            value.open::<Result<(), Failure>>().err()
        } else if value.is::<io::Result<()>>() {
            value.open::<io::Result<()>>().err().map(Failure::from)
        } else {
            None
        };
        if let Some(failure) = failure {
            self.unheard(failure.dropped_at(dropped));
        }
    }

    /// The handler that ran panicked. Returns if the loop is to go on.
    pub(super) fn panicked(self: &Rc<Reactor>, payload: Box<dyn Any + Send>) {
        self.report_fault(Fault::Panicked { payload, place: self.current() });
    }

    fn report_fault(self: &Rc<Reactor>, fault: Fault) {
        count(&self.counters.faults);
        self.saw(Deed::Failed, self.current());
        let handler = self.fault_handler.borrow().clone();
        let verdict = handler.map_or_else(|| fault.print(), |handler| handler(self, &fault));
        match (verdict, fault) {
            (Verdict::GoOn, _) => {}
            (Verdict::Stop, Fault::Panicked { payload, .. }) => resume_unwind(payload),
            (Verdict::Stop, Fault::Failed { failure, .. } | Fault::Unheard { failure }) => {
                self.stop.borrow_mut().get_or_insert(failure);
            }
        }
    }
}
