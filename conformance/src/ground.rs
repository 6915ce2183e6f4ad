//! What a promise is tried on: a driver, and the means to make things happen on it.
//!
//! A contract test is a function of a [`Ground`]; [`on_each_driver`](crate::on_each_driver) makes one test of it for each
//! driver, in a module of the driver's name, so `cargo test -p fate-conformance poll::` runs what `poll` must keep. The
//! environment variable `FATE_DRIVERS` restricts the list: `FATE_DRIVERS=sim,poll`.
//!
//! On a real driver time is real: such a test keeps to a few milliseconds, and asserts only what came in which order and
//! that nothing came early.

use crate::host;
use fate::{Builder, Fate};
use fate_core::{Driver, Reactor, Readiness};
use fate_sim::{Descriptor, HostNumber, World};
use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

/// Says which drivers are tried, separated by commas; all of them if it is not set.
const VARIABLE: &str = "FATE_DRIVERS";

/// The name of the one simulated host.
const HOST: &str = "here";

/// Makes a test of each of these functions for each driver: `sim::the_promise`, `poll::the_promise`.
#[macro_export]
macro_rules! on_each_driver {
    ($($promise:ident),+ $(,)?) => {
        $crate::on_driver!(sim, $($promise),+);
        $crate::on_each_real_driver!($($promise),+);
    };
}

/// The same for the drivers of a real kernel: for what a simulation has in another way, or has not.
#[macro_export]
macro_rules! on_each_real_driver {
    ($($promise:ident),+ $(,)?) => {
        $crate::on_driver!(poll, $($promise),+);
        #[cfg(target_os = "linux")]
        $crate::on_driver!(uring, $($promise),+);
    };
}

/// Makes a test of each of these functions for one driver.
#[macro_export]
macro_rules! on_driver {
    ($driver:ident, $($promise:ident),+) => {
        mod $driver {
            $(
                #[test]
                fn $promise() {
                    $crate::ground::Ground::try_on(stringify!($driver), super::$promise);
                }
            )+
        }
    };
}

/// A driver to stand on, once.
pub struct Ground {
    driver: &'static str,
    world: World,
    host: Cell<Option<HostNumber>>,
}

impl Ground {
    /// Tries a promise on a driver, unless the environment leaves that driver out.
    pub fn try_on(driver: &'static str, promise: impl FnOnce(&Ground)) {
        let chosen = std::env::var(VARIABLE);
        if chosen.is_ok_and(|chosen| !chosen.split(',').any(|name| name.trim() == driver)) {
            return eprintln!("{driver} is not among {VARIABLE}");
        }
        promise(&Ground::new(driver));
    }

    fn new(driver: &'static str) -> Ground {
        Ground { driver, world: World::new(1), host: Cell::new(None) }
    }

    /// Another one, on the same driver.
    pub fn another(&self) -> Ground {
        Ground::new(self.driver)
    }

    /// The name of the driver.
    pub fn driver_name(&self) -> &'static str {
        self.driver
    }

    /// Whether this is the simulation.
    pub fn is_simulated(&self) -> bool {
        self.driver == "sim"
    }

    /// The driver. Each ground gives it once.
    ///
    /// # Panics
    /// If it was given already.
    pub fn driver(&self) -> Box<dyn Driver> {
        assert!(self.host.get().is_none(), "a ground is stood on once");
        let simulated = self.world.host(HOST);
        self.host.set(Some(simulated.host()));
        match self.driver {
            "sim" => Box::new(simulated),
            "poll" => Box::new(fate_poll::PollDriver::new()),
            "uring" => Box::new(fate_uring::UringDriver::new()),
            other => panic!("there is no driver {other}"),
        }
    }

    /// A Fate on the driver.
    pub fn fate(&self) -> Fate {
        self.fate_with(Fate::builder())
    }

    /// A Fate on the driver, with settings.
    pub fn fate_with(&self, settings: Builder) -> Fate {
        settings.build_on(self.driver())
    }

    /// Runs `test` on a Fate of this driver to its end.
    pub fn run<T>(&self, test: impl AsyncFnOnce(&Fate) -> T) -> T {
        let fate = self.fate();
        fate.run_until(test(&fate))
    }

    /// The bare machine on the driver, for what the face does not offer yet.
    pub fn reactor(&self) -> Rc<Reactor> {
        Reactor::new(self.driver())
    }

    fn host(&self) -> HostNumber {
        self.host.get().expect("a driver was asked for first")
    }

    /// Lets time go by without the loop.
    pub fn pass(&self, duration: Duration) {
        if self.is_simulated() {
            return self.world.advance(self.world.elapsed() + duration);
        }
        let begin = std::time::Instant::now();
        while begin.elapsed() < duration {
            std::hint::spin_loop();
        }
    }

    /// A descriptor that a test makes ready as it likes.
    pub fn wire(&self) -> Wire {
        Wire(if self.is_simulated() {
            let (world, host) = (self.world.clone(), self.host());
            let descriptor = world.descriptor(host);
            world.set_ready(host, descriptor, WRITABLE);
            End::Scripted { world, host, descriptor, state: Cell::new(WRITABLE) }
        } else {
            let (here, there) = UnixStream::pair().expect("the system gives a pair of sockets");
            here.set_nonblocking(true).expect("a socket can be set so");
            there.set_nonblocking(true).expect("a socket can be set so");
            End::Pair { here, there: Cell::new(Some(there)) }
        })
    }

    /// What a foreign loop does that has a guest: sleeps so long, or until the guest's descriptor is readable; `None` is no
    /// limit. Says whether it was the descriptor. A simulated guest has none, and time passes for it.
    pub fn sleep_as_host(&self, guest: io::Result<RawFd>, limit: Option<Duration>) -> bool {
        if self.is_simulated() {
            self.pass(limit.unwrap_or_default());
            return false;
        }
        let descriptor = guest.expect("a real driver has a descriptor");
        host::wait_until_readable(descriptor, limit).expect("poll(2) waits")
    }
}

/// Ready for writing alone.
pub const WRITABLE: Readiness = Readiness { readable: false, writable: true, hang_up: false, error: false };

/// Ready for reading alone.
pub const READABLE: Readiness = Readiness { readable: true, writable: false, hang_up: false, error: false };

/// A descriptor, and the far end of it: a number with a script, or a pair of sockets.
pub struct Wire(End);

enum End {
    Scripted { world: World, host: HostNumber, descriptor: Descriptor, state: Cell<Readiness> },
    Pair { here: UnixStream, there: Cell<Option<UnixStream>> },
}

impl Wire {
    /// What is watched.
    pub fn number(&self) -> RawFd {
        match &self.0 {
            End::Scripted { descriptor, .. } => descriptor.number(),
            End::Pair { here, .. } => here.as_raw_fd(),
        }
    }

    fn script(&self, act: impl FnOnce(&mut Readiness)) -> bool {
        let End::Scripted { world, host, descriptor, state } = &self.0 else { return false };
        let mut readiness = state.get();
        act(&mut readiness);
        state.set(readiness);
        world.set_ready(*host, *descriptor, readiness);
        true
    }

    fn with_far_end(&self, act: impl FnOnce(&UnixStream)) {
        if let End::Pair { there, .. } = &self.0 {
            let end = there.take();
            act(end.as_ref().expect("the far end is open"));
            there.set(end);
        }
    }

    /// There is something to read from here on.
    pub fn fill(&self) {
        if !self.script(|readiness| readiness.readable = true) {
            self.with_far_end(|mut end| end.write_all(b"tea").expect("there is room"));
        }
    }

    /// Reads all there is.
    pub fn drain(&self) {
        if !self.script(|readiness| readiness.readable = false)
            && let End::Pair { here, .. } = &self.0
        {
            read_all(here);
        }
    }

    /// Writes until there is no room.
    pub fn clog(&self) {
        if !self.script(|readiness| readiness.writable = false)
            && let End::Pair { here, .. } = &self.0
        {
            write_all(here);
        }
    }

    /// The far end reads all there is, so that there is room again.
    pub fn unclog(&self) {
        if !self.script(|readiness| readiness.writable = true) {
            self.with_far_end(read_all);
        }
    }

    /// The far end is closed, both ways.
    pub fn hang_up(&self) {
        if !self.script(|readiness| readiness.hang_up = true)
            && let End::Pair { there, .. } = &self.0
        {
            drop(there.take());
        }
    }
}

/// Reads until there is nothing.
fn read_all(mut end: &UnixStream) {
    let mut buffer = [0; 65_536];
    until_it_would_block(|| end.read(&mut buffer));
}

/// Writes until there is no room.
fn write_all(mut end: &UnixStream) {
    until_it_would_block(|| end.write(&[0; 65_536]));
}

fn until_it_would_block(mut act: impl FnMut() -> io::Result<usize>) {
    loop {
        match act() {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
}
