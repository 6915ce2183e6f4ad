//! What was still alive when a simulation ended.

use super::Sim;
use crate::Live;
use std::fmt;

/// Something that was still alive when a simulation ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leak {
    /// On which host.
    pub host: String,
    /// What it is, who made it, and what it waited for.
    pub live: Live,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.live)
    }
}

impl Sim {
    pub(super) fn find_leaks(&mut self) {
        for host in &self.hosts {
            let report = host.fate.report();
            let name = self.world.name(host.number);
            let leaks = if host.is_shut_down { report.left } else { report.live };
            // What runs the program of a child is no part of the program that started the child, which is listed.
            for live in leaks.into_iter().filter(|live| !self.programs.are_of(live.place)) {
                self.world.saw(host.number, fate_core::Deed::Left, Some(live.place));
                self.leaks.push(Leak { host: name.clone(), live });
            }
        }
    }

    /// What was still alive when the last [`Sim::run`] ended: on a host that shut down what the shutdown dropped, on
    /// another what still waits. Of a [simulated program](Sim::program) the child is listed, and not what runs it.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let (promise, answer) = fate.deferred::<u32>();
    /// fate.spawn(async move { answer.await });
    /// sim.run()?;
    /// assert_eq!(sim.leaks().len(), 2); // the answer, and the task that waits for it
    /// drop(promise);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }
}
