//! Signals as events, and what `run` does about those that ask the program to end.
//!
//! - `mod`: the face;
//! - `ear`: the one place where a Fate hears of signals, and hands them on;
//! - `listening`: one who listens: what a [`SignalListener`] or [`Signals`] is a handle of;
//! - `listener` and `awaited`: these handles;
//! - `held`: a signal that is being heard;
//! - `ending`: what a run hears of its own accord: first stops, second kills.

mod awaited;
mod ear;
mod ending;
mod held;
mod listener;
mod listening;

pub use awaited::Signals;
pub(crate) use ear::Ear;
pub(crate) use ending::RunSignals;
pub use listener::SignalListener;

use self::listening::{Audience, Listening};
use crate::{Fate, Outcome, Signal};
use std::io;
use std::panic::Location;

impl Fate {
    /// Calls `handler` when a signal comes to the process, from the ready queue: once in a turn, however often the signal has
    /// come since the last ([`SignalListener::arrivals`] counts).
    ///
    /// From here on the signal does not do what it does by itself. Every listener is told, of every Fate; and if
    /// there was a handler of somebody else's, that is called too. When the last listener stops, what was there before is there
    /// again. A listener does not keep [`Fate::run`] going, unless it is [asked to](SignalListener::keep_alive).
    ///
    /// A run that would shut down on the signal leaves that to the handler: see [`Fate::run`].
    ///
    /// # Errors
    /// `InvalidInput` for a signal that cannot be heard (`KILL`, `STOP`), or from whose handler a program cannot go on (`SEGV`,
    /// `BUS`, `FPE`, `ILL`); what the system says if it has no descriptor; [`Forked`](crate::Forked) in a forked child, if this
    /// Fate was listening before. A failure that the handler returns goes to the fault handler, with the line of this call; if
    /// the handler panics, it stops listening.
    ///
    /// # Shutdown
    /// The handler is called as long as a shutdown is in its stages, and dropped with everything else.
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("daemon");
    /// let settings = Rc::new(Cell::new("old"));
    /// let read = settings.clone();
    /// let listener = fate.on_signal(Signal::HUP, move |_, _| read.set("new"))?;
    /// fate.every(Duration::from_secs(1), |_, _| ());
    /// sim.run_until(Duration::from_secs(5))?;
    /// sim.signal("daemon", Signal::HUP); // without a listener this would end it
    /// sim.run_until(Duration::from_secs(6))?;
    /// assert_eq!((settings.get(), listener.arrivals()), ("new", 1));
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn on_signal<R: Outcome>(
        &self,
        signal: Signal,
        mut handler: impl FnMut(&Fate, Signal) -> R + 'static,
    ) -> io::Result<SignalListener> {
        let told = move |fate: &Fate, signal: Signal| drop(handler(fate, signal).conclude(fate));
        let audience = Audience::handler(Box::new(told));
        Ok(SignalListener::new(self, Listening::begin(self, &[signal], audience, Location::caller())?))
    }

    /// Hears these signals from here on, for a task that awaits one after another. All else is as in [`Fate::on_signal`].
    ///
    /// # Errors
    /// As [`Fate::on_signal`]; then none of them is heard.
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("daemon");
    /// let mut signals = fate.signals(&[Signal::HUP, Signal::USR1])?.keep_alive();
    /// fate.spawn(async move {
    ///     while signals.next().await != Some(Signal::USR1) {}
    /// });
    /// for signal in [Signal::HUP, Signal::HUP, Signal::USR1] {
    ///     sim.run_until(sim.elapsed() + Duration::from_secs(1))?;
    ///     sim.signal("daemon", signal);
    /// }
    /// sim.run()?; // ends with the task, for nobody listens any more
    /// assert!(sim.leaks().is_empty());
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn signals(&self, signals: &[Signal]) -> io::Result<Signals> {
        Ok(Signals::new(self, Listening::begin(self, signals, Audience::queue(), Location::caller())?))
    }
}
