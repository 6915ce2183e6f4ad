//! Coming and going: who begins and who stops hearing signals, one at a time in the whole process.
//!
//! Our handler is in place while somebody hears each arrival, or some hear the first and it has not come yet:
//!
//! ```text
//!             enter ┌────────────── ours ──────────────┐ the last leaves
//!   what was there ─┘                │                 └─▶ what was there
//!                                    │ the first comes, and nobody hears each
//!                                    ▼
//!                          the default, which was there ─▶ the same
//! ```
//!
//! # Invariants
//! - E2 Who holds the lock is alone in its process. A lock that another process holds is a copy of its lock, made when it
//!   forked, and means nothing.
//! - E3 The tables are those of the process that is written down as their owner; in any other process nobody listens.

use super::action::{self, Action};
use super::seats::{self, Seat};
use super::tally::Tally;
use fate_core::{Hearing, Signal};
use std::io;
use std::os::fd::RawFd;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

/// The process that holds the lock.
static HOLDER: AtomicU32 = AtomicU32::new(NOBODY);

const NOBODY: u32 = 0;

/// The lock on all that changes, held.
pub(super) struct Registry {
    process: u32,
}

impl Registry {
    /// Waits for the lock. In a process that was forked it finds the tables empty.
    pub fn lock() -> Registry {
        let process = process::id();
        while let Err(holder) = HOLDER.compare_exchange(NOBODY, process, SeqCst, SeqCst) {
            if holder != process && HOLDER.compare_exchange(holder, process, SeqCst, SeqCst).is_ok() {
                break;
            }
            thread::yield_now();
        }
        let registry = Registry { process };
        if action::owner() != process {
            registry.start_anew();
        }
        registry
    }

    /// The tables are copies of another process's. Its signals do again what they did before it listened.
    fn start_anew(&self) {
        for (signal, tally) in Tally::all() {
            put_back(signal, tally);
            tally.forget();
        }
        seats::empty_all();
        action::set_owner(self.process);
    }

    /// Whether a seat was taken in this process.
    pub fn knows(&self, seat: &Seat) -> bool {
        seat.process() == self.process
    }

    /// A seat for a Fate with this drum.
    pub fn take_seat(&self, drum: RawFd) -> io::Result<Seat> {
        let full = || io::Error::other("too many event managers of this process hear signals");
        Seat::take(drum, self.process).ok_or_else(full)
    }

    /// Gives a seat up that hears nothing any more. From here on its drum may be closed.
    pub fn give_up(&self, seat: Seat) {
        seat.empty();
        action::wait_for_handlers();
    }

    /// Has a seat hear a signal, unless it is one that is taken only if nobody else has it.
    pub fn enter(&self, seat: &Seat, signal: Signal, hearing: Hearing) -> io::Result<bool> {
        let tally = Tally::of(signal);
        let found = if tally.is_ours() { None } else { Some(Action::found(signal)?) };
        if hearing == Hearing::First && !may_hear_first(tally, found.as_ref()) {
            return Ok(false);
        }
        seat.listen(signal, hearing);
        tally.enter(hearing);
        // A handler that is under way still goes by what was so before, and may put the default in place.
        action::wait_for_handlers();
        let taken = match found {
            Some(found) => take(signal, tally, &found),
            None if tally.is_spent() => take_again(signal),
            None => Ok(()),
        };
        if taken.is_err() {
            self.leave(seat, signal, hearing);
        }
        taken.map(|()| true)
    }

    /// Has a seat hear a signal no more.
    pub fn leave(&self, seat: &Seat, signal: Signal, hearing: Hearing) {
        let tally = Tally::of(signal);
        // While the last one still hears it, so that no arrival finds our handler and nobody whom it could tell.
        if tally.hearers() == 1 {
            put_back(signal, tally);
        }
        tally.leave(hearing);
        seat.ignore(signal, hearing);
        action::wait_for_handlers();
        if !tally.is_heard_by(Hearing::First) {
            tally.renew();
        } else if tally.is_spent() && !tally.is_heard_by(Hearing::Each) {
            put_back(signal, tally);
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        HOLDER.store(NOBODY, SeqCst);
    }
}

/// Whether the first of a signal may be taken: nothing but the default was there, and nobody of ours was told of it, or is told
/// of each. What is there now is not asked for if it is ours.
fn may_hear_first(tally: &Tally, found: Option<&Action>) -> bool {
    let is_free = !tally.is_heard_by(Hearing::Each) && !tally.is_spent();
    is_free && found.is_none_or(Action::is_default)
}

/// Puts our handler in the place of what was found there, and keeps that.
fn take(signal: Signal, tally: &Tally, found: &Action) -> io::Result<()> {
    // It may be ours already, if somebody who came after us has gone after us, and put back what it found.
    if !found.is_ours() {
        tally.set_former(found.kept());
    }
    Action::ours().set(signal)?;
    tally.set_ours(true);
    Ok(())
}

/// The first was told, with which the default came into force; but now each is to be told.
fn take_again(signal: Signal) -> io::Result<()> {
    if Action::found(signal)?.is_default() { Action::ours().set(signal) } else { Ok(()) }
}

/// Puts back what was there, if our handler is what is there now: if not, somebody else has taken the place, and keeps it. If the
/// system will not have back what it gave, there is nobody to complain to.
fn put_back(signal: Signal, tally: &Tally) {
    if tally.is_ours() && Action::found(signal).is_ok_and(|found| found.is_ours()) {
        let _ = Action::former(tally).set(signal);
    }
    tally.set_ours(false);
}
