//! Virtual time: any number of hosts on one clock, one seed, one history.
//!
//! A [`Sim`] is a world without an operating system. Each [`Sim::host`] is a [`Fate`] like any other, so the program under
//! test is the real one; but time stands still while anything runs, and jumps to the next fuse when nothing can. An hour
//! passes in microseconds, to the nanosecond, and the same seed gives the same history, byte for byte.
//!
//! ```
//! use fate::sim::Sim;
//! use std::time::Duration;
//!
//! fn run(seed: u64) -> Result<String, fate::Failure> {
//!     let mut sim = Sim::new(seed);
//!     for name in ["alice", "bob"] {
//!         let fate = sim.host(name);
//!         let delay = Duration::from_millis(fate.random() % 10_000);
//!         fate.get_fuse(delay).set_handler(|fate| fate.shutdown());
//!     }
//!     sim.run()?;
//!     Ok(sim.history())
//! }
//! assert_eq!(run(7)?, run(7)?);
//! assert_ne!(run(7)?, run(8)?);
//! # Ok::<(), fate::Failure>(())
//! ```
//!
//! # The history
//! One line an event: the true time in seconds, the host, what happened, and the line of the program that set it up.
//!
//! ```text
//!         3.600000000 alice    burned   chat.rs:20
//! ```
//!
//! | word | what happened |
//! |---|---|
//! | `born` | a host was made |
//! | `burned` | the handlers of a fuse were called |
//! | `spawned`, `finished`, `dropped` | a task began, ran to its end, or was dropped before it |
//! | `failed` | a handler failed, or a failure was dropped unheard |
//! | `suspend`, `step` | a host was suspended, or its wall clock set, by the time given |
//! | `closing`, `closed` | shutdown was asked for, or is complete |
//! | `left` | something was still alive at the end; see [`Sim::leaks`] |
//! | `crashed` | a host lost everything it knew |
//! | `died` | a program ended by the signal given |
//! | `parted`, `healed` | nothing passes from here on between the host and the one given, or all does again |
//!
//! Of the network the line says from where to where, and how many bytes:
//!
//! ```text
//!      3663.034115200 server   arrived  10.0.0.1:7001 > 10.0.0.2:32768 14
//! ```
//!
//! | word | what happened |
//! |---|---|
//! | `listens` | a socket takes connections from now on |
//! | `connects`, `opened` | a connection was begun, or was answered |
//! | `accepted` | a program took a connection that waited for it |
//! | `refused` | nobody listens there, or a packet found nobody |
//! | `full` | a connection waits, and there is no descriptor for it |
//! | `sent`, `arrived` | so many bytes of a stream, or a packet of so many |
//! | `lost` | they will not arrive; of a stream, they will be sent again |
//! | `ended` | the other end will send no more |
//! | `shut`, `aborted` | a program closed a connection, at its end or in the midst of it |
//! | `reset`, `timeout` | a connection is over: the other end has forgotten it, or was silent for too long |
//!
//! Of other programs and the streams within a host it says which child (`cat[2]`), which of its streams, and how many bytes:
//!
//! ```text
//!         0.000020000 here     arrived  cat[2] stdin 14
//! ```
//!
//! | word | what happened |
//! |---|---|
//! | `started`, `exited` | a program was started with these arguments; it has ended with this status, or by this signal |
//! | `signal` | a signal came for the child that is named, or for the host's own program |
//! | `sent`, `arrived`, `ended` | bytes in a pipe, and the end of them |
//! | `typed`, `printed` | so many bytes came on standard input, or went to standard output or standard error |
//!
//! # Programs
//! What a host can start are the [programs](Sim::program) that the script has written for it: a closure each, which is given a
//! [`SimulatedChild`] with its ends of the pipes. There is nothing else: [`Fate::spawn_child`] fails with `NotFound`. Children
//! are run by the loop of the host that started them, so time stands still while they run, and everything has its place in the
//! history. The script also [sends signals](Sim::signal), [types](Sim::type_line), and reads what was [printed](Sim::printed).
//!
//! # The network
//! Every host has a name, under which it is found by [`Fate::connect_tcp`](crate::Fate::connect_tcp); addresses, `10.0.0.1` and
//! `fd00::1` for the first one; and a loopback of its own. What lies between two hosts is a [`Link`]. Chance on a link follows
//! from the seed and the names of its hosts, so a host that is added changes nothing for the others.
//!
//! # The order of things
//! At each moment of true time the hosts that are due take a turn each, in the order in which they were made, until none
//! of them is.

mod child;
mod console;
mod exit;
mod faults;
mod host;
mod leak;
mod machine;
mod program;
mod signalling;
mod station;

pub use self::child::SimulatedChild;
pub use self::exit::IntoExit;
pub use self::leak::Leak;
pub(crate) use self::machine::{Errand, begin_errand};
pub(crate) use self::program::begin_program;
pub use self::station::ChildSignals;
pub use crate::drivers::Event;
pub use crate::link::Link;

use self::host::Host;
use self::machine::Machine;
use self::program::Programs;
use crate::drivers::{HostNumber, World};
use crate::{Failure, Fate};
use fate_core::machine::ending::Running;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// A simulated world. See the [module](self).
pub struct Sim {
    world: World,
    hosts: Vec<Host>,
    programs: Rc<Programs>,
    leaks: Vec<Leak>,
}

impl Sim {
    /// A world without hosts, at time zero. All that is left to chance follows from the seed.
    pub fn new(seed: u64) -> Sim {
        Sim { world: World::new(seed), hosts: Vec::new(), programs: Rc::default(), leaks: Vec::new() }
    }

    /// The host with this name: made when first asked for.
    ///
    /// Its Fate runs with all others through [`Sim::run`]; a host that is alone may also run by itself.
    pub fn host(&mut self, name: &str) -> Fate {
        self.host_with(name, crate::Builder::default())
    }

    /// As [`Sim::host`], with settings: a fault handler, a deadline for shutdown. They count if the host is new.
    pub fn host_with(&mut self, name: &str, settings: crate::Builder) -> Fate {
        let known = self.world.host_number(name);
        if let Some(host) = self.hosts.iter().find(|host| Some(host.number) == known) {
            return host.fate.clone();
        }
        let driver = self.world.host(name);
        let number = driver.host();
        let fate = settings.simulated().build_on(Box::new(driver));
        let place = self.hosts.partition_point(|host| host.number < number);
        Machine::set_up(fate.reactor(), self.world.clone(), number, &self.programs);
        self.hosts.insert(place, Host::new(fate.clone(), number));
        fate
    }

    /// Runs all hosts until nothing can ever happen on any of them: each is shut down, or waits for nothing that will come.
    /// May be called again after something was lit or fired.
    ///
    /// # Errors
    /// As [`Fate::run`], from whichever host it comes first.
    ///
    /// # Panics
    /// As [`Fate::run`].
    pub fn run(&mut self) -> Result<(), Failure> {
        let _running: Vec<Running> = self.begin()?;
        loop {
            let next = self.take_turns()?;
            let goes_on = self.is_alive() && (self.world.go_on(next) || self.world.flush() || self.wait_outside());
            if !goes_on {
                break;
            }
        }
        self.find_leaks();
        Ok(())
    }

    /// As [`Sim::run`], but no longer than until `moment` of true time, which it then is.
    ///
    /// # Errors
    /// As [`Sim::run`].
    pub fn run_until(&mut self, moment: Duration) -> Result<(), Failure> {
        let _running: Vec<Running> = self.begin()?;
        let moment = moment.min(World::END);
        loop {
            let next = self.take_turns()?;
            if self.world.elapsed() >= moment {
                return Ok(());
            }
            self.world.go_on(Some(next.map_or(moment, |next| next.min(moment))));
        }
    }

    fn begin(&mut self) -> Result<Vec<Running>, Failure> {
        self.leaks.clear();
        self.hosts.iter_mut().for_each(|host| host.begin(&self.world));
        self.hosts.iter().map(|host| host.fate.reactor().begin_run()).collect()
    }

    /// Takes turns until no host is due now. Gives the next moment at which one is.
    fn take_turns(&mut self) -> Result<Option<Duration>, Failure> {
        let now = self.world.elapsed();
        loop {
            self.world.advance(now);
            let (mut was_due, mut next) = (false, None);
            for host in &mut self.hosts {
                match host.due(&self.world) {
                    Some(due) if due <= now => {
                        was_due = true;
                        host.step()?;
                    }
                    Some(due) => next = Some(next.map_or(due, |next: Duration| next.min(due))),
                    None => {}
                }
            }
            if !was_due {
                return Ok(next);
            }
        }
    }

    /// Whether anything can still happen on some host, if only the network has it happen.
    fn is_alive(&self) -> bool {
        self.hosts.iter().any(|host| !host.is_shut_down && host.fate.reactor().waits_until().is_some())
    }

    /// Waits for a real thread, if a host is held by a [`Remote`](crate::Remote). Says whether one was.
    fn wait_outside(&mut self) -> bool {
        let held = self.hosts.iter().filter(|host| host.is_held());
        let may_sleep: Vec<bool> = held.map(|host| host.fate.reactor().doze().unwrap_or(false)).collect();
        if !may_sleep.is_empty() && may_sleep.iter().all(|&may| may) {
            self.world.wait_for_bell();
        }
        !may_sleep.is_empty()
    }

    /// True time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.world.elapsed()
    }

    /// What happened, one line an event; the [module](self) has the legend.
    pub fn history(&self) -> String {
        self.world.history()
    }

    /// What happened, event by event.
    pub fn events(&self) -> Vec<Event> {
        self.world.events()
    }

    /// Keeps no history from here on: for simulations that run for years. Hosts made before this still pay for being asked.
    pub fn forget_history(&mut self) {
        self.world.forget_history();
    }

    /// Takes a host out whose program is no more, if it was not before.
    fn take_host(&mut self, number: HostNumber) -> Option<Host> {
        let place = self.hosts.iter().position(|host| host.number == number)?;
        Some(self.hosts.remove(place))
    }

    fn number(&self, host: &str) -> HostNumber {
        self.world.host_number(host).unwrap_or_else(|| panic!("there is no host {host}"))
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("elapsed", &self.elapsed())
            .field("hosts", &self.hosts.len())
            .finish_non_exhaustive()
    }
}
