//! Signals: what one Fate hears of those that come to the process.
//!
//! ```text
//!   kernel ──▶ handler ──▶ tally: one more of it
//!                 └──────▶ the drum of each Fate that listens ──▶ its loop wakes, and compares the tallies
//! ```
//!
//! There is one handler for a signal in a process, and there may be many Fates, on many threads. So what the handler needs
//! is the process's own, in tables of atomics; and what was there is put back when the last Fate stops listening.
//!
//! - `action`: what the system does with a signal, and the handler: all that is unsafe;
//! - `tally`: what the process knows of each signal;
//! - `seats`: who is told of it;
//! - `registry`: coming and going, one at a time;
//! - `drum`: the descriptor by which a handler wakes a loop.
//!
//! # Who else has a handler
//! A function that was found in place of the default is called too, after ours, as is the custom among libraries; so in a
//! Python program both hear Ctrl-C. With [`Hearing::First`] a signal is taken from nobody.
//!
//! # After a fork
//! The child has the handler, but nobody there listens: a signal does there what it did before the parent listened. The first
//! Fate of the child's own that listens starts with an empty table.
//!
//! # Cost
//! Two system calls to begin and two to stop hearing, and one each for the process's own number; one descriptor for a Fate.

mod action;
mod drum;
mod registry;
mod seats;
mod tally;

use self::drum::Drum;
use self::registry::Registry;
use self::seats::Seat;
use self::tally::Tally;
use fate_core::{Forked, Hearing, Signal};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::process;

/// What one Fate hears.
#[derive(Default)]
pub(crate) struct Ears(RefCell<Hears>);

#[derive(Default)]
struct Hears {
    /// From the first need to the end.
    drum: Option<Drum>,
    /// As long as something is heard.
    seat: Option<Seat>,
    signals: Vec<Heard>,
    /// How often the handler had drummed when that was looked at last.
    drummed: u32,
}

/// A signal that is heard.
struct Heard {
    signal: Signal,
    hearing: Hearing,
    /// How often that was asked for.
    times: u32,
    /// The tally of it when it was looked at last.
    seen: u32,
}

impl Heard {
    fn tally(&self) -> u32 {
        Tally::of(self.signal).comings(self.hearing)
    }

    /// How often it came since that was asked last.
    fn news(&mut self) -> u32 {
        let tally = self.tally();
        tally.wrapping_sub(std::mem::replace(&mut self.seen, tally))
    }
}

impl Ears {
    /// See [`System::hear`](fate_core::System::hear).
    pub fn hear(&self, signal: Signal, hearing: Hearing) -> io::Result<bool> {
        if !can_be_heard(signal) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} cannot be heard")));
        }
        let hears = &mut *self.0.borrow_mut();
        if let Some(heard) = hears.signals.iter_mut().find(|heard| heard.is(signal, hearing)) {
            heard.times += 1;
            return Ok(true);
        }
        let drum = hears.drum()?.beaten();
        let registry = Registry::lock();
        let seat = match &hears.seat {
            Some(seat) if registry.knows(seat) => seat,
            Some(_) => return Err(Forked.into()),
            None => hears.seat.insert(registry.take_seat(drum)?),
        };
        let seen = Tally::of(signal).comings(hearing);
        let is_taken = registry.enter(seat, signal, hearing);
        if matches!(is_taken, Ok(true)) {
            hears.signals.push(Heard { signal, hearing, times: 1, seen });
        } else if hears.signals.is_empty() {
            hears.seat.take().into_iter().for_each(|seat| registry.give_up(seat));
        }
        is_taken
    }

    /// See [`System::stop_hearing`](fate_core::System::stop_hearing).
    pub fn stop_hearing(&self, signal: Signal, hearing: Hearing) {
        let hears = &mut *self.0.borrow_mut();
        let Some(place) = hears.signals.iter().position(|heard| heard.is(signal, hearing)) else { return };
        hears.signals[place].times -= 1;
        if hears.signals[place].times == 0 {
            hears.leave(place);
        }
    }

    /// See [`System::ear`](fate_core::System::ear).
    pub fn descriptor(&self) -> io::Result<RawFd> {
        Ok(self.0.borrow_mut().drum()?.as_raw_fd())
    }

    /// See [`System::heard`](fate_core::System::heard).
    pub fn heard(&self) -> Vec<(Signal, u32)> {
        let hears = &mut *self.0.borrow_mut();
        let (Some(drum), Some(seat)) = (&hears.drum, &hears.seat) else { return Vec::new() };
        let drummed = seat.drummed();
        if drummed == hears.drummed || seat.process() != process::id() {
            return Vec::new();
        }
        // First the drum is silenced and then the tallies are compared: whatever comes in between drums again.
        hears.drummed = drummed;
        drum.silence();
        let news = hears.signals.iter_mut().map(|heard| (heard.signal, heard.news()));
        news.filter(|(_, count)| *count > 0).collect()
    }

    /// See [`System::die_of`](fate_core::System::die_of).
    pub fn die_of(&self, signal: Signal) {
        let nobody_waits = !Tally::of(signal).is_heard();
        if nobody_waits {
            action::strike(signal);
        }
    }
}

impl Hears {
    fn drum(&mut self) -> io::Result<&Drum> {
        if self.drum.is_none() {
            self.drum = Some(Drum::new()?);
        }
        Ok(self.drum.as_ref().expect("it was just made"))
    }

    /// Hears no more of one signal, and nothing at all after the last.
    fn leave(&mut self, place: usize) {
        let mut heard = self.signals.swap_remove(place);
        let registry = Registry::lock();
        let Some(seat) = self.seat.as_ref().filter(|seat| registry.knows(seat)) else { return };
        registry.leave(seat, heard.signal, heard.hearing);
        if self.signals.is_empty() {
            self.seat.take().into_iter().for_each(|seat| registry.give_up(seat));
        }
        drop(registry);
        // It was kept from doing what it does by default, and nobody will be told of it: it does that now.
        let is_lost = heard.hearing == Hearing::First && heard.news() > 0 && !Tally::of(heard.signal).is_heard();
        if is_lost {
            action::send_to_self(heard.signal);
        }
    }
}

impl Heard {
    fn is(&self, signal: Signal, hearing: Hearing) -> bool {
        (self.signal, self.hearing) == (signal, hearing)
    }
}

/// The Fate goes, and hears nothing any more.
impl Drop for Ears {
    fn drop(&mut self) {
        let hears = self.0.get_mut();
        while !hears.signals.is_empty() {
            hears.leave(hears.signals.len() - 1);
        }
    }
}

/// What is left out: the two that no program hears, and those that the program itself does wrong, after which no handler can
/// return to it.
fn can_be_heard(signal: Signal) -> bool {
    let never = [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
    !never.contains(&signal.number())
}
