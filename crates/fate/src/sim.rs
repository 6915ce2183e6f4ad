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
//! # The network
//! Every host has a name, under which it is found by [`Fate::connect_tcp`](crate::Fate::connect_tcp); addresses, `10.0.0.1` and
//! `fd00::1` for the first one; and a loopback of its own. What lies between two hosts is a [`Link`]. Chance on a link follows
//! from the seed and the names of its hosts, so a host that is added changes nothing for the others.
//!
//! # The order of things
//! At each moment of true time the hosts that are due take a turn each, in the order in which they were made, until none
//! of them is.

use crate::drivers::{HostNumber, World};
use crate::{Failure, Fate, Live};
use fate_core::machine::ending::{Running, Step};
use std::fmt;
use std::time::Duration;

pub use crate::drivers::Event;
pub use crate::link::Link;

/// A simulated world. See the [module](self).
pub struct Sim {
    world: World,
    hosts: Vec<Host>,
    leaks: Vec<Leak>,
}

struct Host {
    fate: Fate,
    number: HostNumber,
    is_shut_down: bool,
}

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
    /// A world without hosts, at time zero. All that is left to chance follows from the seed.
    pub fn new(seed: u64) -> Sim {
        Sim { world: World::new(seed), hosts: Vec::new(), leaks: Vec::new() }
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
        self.hosts.insert(place, Host { fate: fate.clone(), number, is_shut_down: false });
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
        self.hosts.iter_mut().for_each(|host| host.is_shut_down = false);
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
                        let step = host.fate.reactor().step(Duration::ZERO)?;
                        host.is_shut_down |= step == Step::ShutDown;
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

    fn find_leaks(&mut self) {
        for host in &self.hosts {
            let report = host.fate.report();
            let name = self.world.name(host.number);
            let leaks = if host.is_shut_down { report.left } else { report.live };
            for live in leaks {
                self.world.saw(host.number, fate_core::Deed::Left, Some(live.place));
                self.leaks.push(Leak { host: name.clone(), live });
            }
        }
    }

    /// What was still alive when the last [`Sim::run`] ended: on a host that shut down what the shutdown dropped, on
    /// another what still waits.
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

    /// Suspends a host from now on: for so long it does nothing, and its monotonic clock stands still, while boot time and
    /// wall time go on. One that is suspended already stays so until the later of the two ends.
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn suspend(&mut self, host: &str, duration: Duration) {
        self.world.suspend(self.number(host), duration);
    }

    /// Sets a host's wall clock forward by so much.
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn step_forward(&mut self, host: &str, by: Duration) {
        self.world.step(self.number(host), nanos(by));
    }

    /// Sets a host's wall clock back by so much.
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn step_back(&mut self, host: &str, by: Duration) {
        self.world.step(self.number(host), -nanos(by));
    }

    /// What lies between two hosts, or between a host and itself: see [`Link`].
    ///
    /// # Panics
    /// If there is no host of one of these names.
    pub fn link(&self, one: &str, other: &str) -> Link {
        Link::new(self.world.clone(), self.number(one), self.number(other))
    }

    /// Crashes a host, as when its power fails: its program is dropped where it stands, and nobody is told of its
    /// connections. Those at the other ends find out when they are not answered, or, once it was started again by
    /// [`Sim::host`], when they are told that there is no such connection. Until then nothing reaches it. Its Unix sockets'
    /// files are still there.
    ///
    /// What it had scheduled never happens; but what is dropped may hear of it, and what was waiting for a Deferred
    /// sees it cancelled.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
    /// use std::{io::ErrorKind, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let (server, client) = (sim.host("server"), sim.host("client"));
    /// let listener = server.listen_tcp("0.0.0.0:7")?;
    /// server.spawn(async move { listener.accept().await?.0.read(&mut [0]).await });
    /// let here = client.clone();
    /// client.spawn(async move {
    ///     let stream = here.connect_tcp("server:7").await.unwrap();
    ///     here.sleep(Duration::from_secs(60)).await;
    ///     (&stream).write_all(b"are you there?").await.unwrap();
    ///     let error = (&stream).read(&mut [0]).await.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    /// });
    /// sim.run_until(Duration::from_secs(1))?;
    /// sim.crash("server");
    /// let _it_is_up_again = sim.host("server");
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name, or it has crashed already; and if what is dropped panics.
    pub fn crash(&mut self, host: &str) {
        let number = self.number(host);
        let place = self.hosts.iter().position(|host| host.number == number);
        let place = place.unwrap_or_else(|| panic!("{host} has crashed already"));
        self.world.crash(number);
        let reactor = self.hosts.remove(place).fate.reactor().clone();
        reactor.perish();
        // A fault handler may ask to stop, which this does anyway.
        let _ = reactor.step(Duration::ZERO);
    }

    /// Limits the descriptors of a host from now on, as `ulimit -n` does: three are taken by standard input, output and
    /// error, and each socket takes one.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.set_descriptors("here", 4);
    /// let _the_only = fate.listen_tcp("0.0.0.0:7")?;
    /// assert!(fate.listen_tcp("0.0.0.0:8").is_err());
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn set_descriptors(&mut self, host: &str, limit: usize) {
        self.world.set_descriptors(self.number(host), limit);
    }

    fn number(&self, host: &str) -> HostNumber {
        self.world.host_number(host).unwrap_or_else(|| panic!("there is no host {host}"))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl Host {
    /// The true time at which this host has something to do; `None` if never.
    fn due(&self, world: &World) -> Option<Duration> {
        let until = self.fate.reactor().waits_until().filter(|_| !self.is_shut_down)?;
        world.due(self.number, &until)
    }

    /// Whether a [`Remote`](crate::Remote) keeps this host alive.
    fn is_held(&self) -> bool {
        !self.is_shut_down && self.fate.reactor().door().is_held()
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
