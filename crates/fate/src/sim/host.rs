//! A host of a simulation: its Fate, and what the simulation knows of it.

use crate::Fate;
use crate::drivers::{HostNumber, World};
use crate::signals::RunSignals;
use fate_core::machine::ending::Step;
use std::time::Duration;

/// One host whose program runs.
pub(super) struct Host {
    pub fate: Fate,
    pub number: HostNumber,
    pub is_shut_down: bool,
    /// What the program hears of its own accord, from when it first runs until it is shut down.
    signals: Option<RunSignals>,
}

impl Host {
    pub fn new(fate: Fate, number: HostNumber) -> Host {
        Host { fate, number, is_shut_down: false, signals: None }
    }

    /// A run begins.
    pub fn begin(&mut self, world: &World) {
        self.is_shut_down = false;
        if self.signals.is_none() {
            world.begin_program(self.number);
            self.signals = Some(RunSignals::begin(&self.fate));
        }
    }

    /// Takes a turn.
    pub fn step(&mut self) -> Result<(), crate::Failure> {
        if self.fate.reactor().step(Duration::ZERO)? == Step::ShutDown {
            self.is_shut_down = true;
            if let Some(signals) = self.signals.take() {
                signals.complete();
            }
        }
        Ok(())
    }

    /// The true time at which this host has something to do; `None` if never.
    pub fn due(&self, world: &World) -> Option<Duration> {
        let until = self.fate.reactor().waits_until().filter(|_| !self.is_shut_down)?;
        world.due(self.number, &until)
    }

    /// Whether a [`Remote`](crate::Remote) keeps this host alive.
    pub fn is_held(&self) -> bool {
        !self.is_shut_down && self.fate.reactor().door().is_held()
    }

    /// Its program is no more: it is dropped where it stands.
    ///
    /// # Panics
    /// If what is dropped panics.
    pub fn perish(self) {
        let reactor = self.fate.reactor().clone();
        drop(self);
        reactor.perish();
        // A fault handler may ask to stop, which this does anyway.
        let _ = reactor.step(Duration::ZERO);
    }
}
