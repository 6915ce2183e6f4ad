//! Signals from a script to a host's own program.

use super::Sim;
use crate::Signal;
use fate_core::Process;

impl Sim {
    /// Sends a signal to the program of a host, if one runs there.
    ///
    /// Who listens is told. If nobody does, it does what it does to any program: most end it. Then its Fate is dropped where
    /// it stands, and its children with it; but the host is still there, closes the program's connections, and tells whoever
    /// calls that nobody listens. [`Sim::host`] starts the program again.
    ///
    /// While a host runs, from the first [`Sim::run`] that it takes part in until it has shut down, the first SIGINT or
    /// SIGTERM shuts it down, as it does for [`Fate::run`](crate::Fate::run).
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// fate.before_shutdown(|fate| fate.clone().spawn(fate.sleep(Duration::from_secs(3))));
    /// fate.every(Duration::from_secs(1), |_, _| ());
    /// sim.run_until(Duration::from_secs(60))?;
    /// sim.signal("here", Signal::TERM);
    /// sim.run()?;
    /// assert_eq!(sim.elapsed(), Duration::from_secs(63));
    /// assert_eq!(sim.died_of("here"), Some(Signal::TERM));
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name; and if what is dropped panics.
    pub fn signal(&mut self, host: &str, signal: Signal) {
        let number = self.number(host);
        let Some(place) = self.hosts.iter().position(|host| host.number == number) else { return };
        if !self.world.signal(number, signal) {
            // A host that waits for nothing looks up all the same.
            return self.hosts[place].fate.reactor().queue(|_| ());
        }
        self.world.end_program(number);
        self.hosts.remove(place).perish();
    }

    /// Sends a signal to a child of a host, by its number, as somebody else might. Says no if there is none that is alive.
    ///
    /// ```
    /// use fate::{Signal, sim::Sim};
    /// use std::{os::unix::process::ExitStatusExt, process::Command, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.program("here", "sleep", |child| async move { child.fate().sleep(Duration::from_secs(60)).await });
    /// fate.output(Command::new("sleep")).add_callback(|output| assert_eq!(output.status.signal(), Some(9)));
    /// sim.run_until(Duration::from_secs(1))?;
    /// assert!(sim.signal_child("here", 2, Signal::KILL));
    /// sim.run()?;
    /// assert!(!sim.signal_child("here", 2, Signal::KILL));
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn signal_child(&mut self, host: &str, id: u32, signal: Signal) -> bool {
        self.world.signal_child(self.number(host), Process(id), signal)
    }

    /// The signal that the program of a host has ended by, which is what its parent would be told: because nobody listened, or
    /// because it asked for a shutdown that is complete.
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn died_of(&self, host: &str) -> Option<Signal> {
        self.world.died_of(self.number(host))
    }
}
