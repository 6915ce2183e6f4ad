//! One host without a machine: a test asks its system itself, runs its programs, and watches what there is to watch.

use fate_core::{
    Completion, Driver, Event, Interest, Key, Network, Op, Order, Plug, Process, Readiness, Socket, Spawned, Streams,
    System, Until,
};
use fate_sim::{HostNumber, Newborn, SimDriver, World};
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::os::fd::RawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::time::Duration;

pub const MILLISECOND: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// All three as pipes.
pub const PIPES: Streams = Streams::Each { stdin: Plug::Pipe, stdout: Plug::Pipe, stderr: Plug::Pipe };

pub struct Host {
    driver: SimDriver,
    pub world: World,
    pub system: Rc<dyn System>,
    told: VecDeque<Completion>,
    keys: u32,
}

/// A host that knows the program `cat`.
pub fn host() -> Host {
    let world = World::new(7);
    let driver = world.host("here");
    world.know_program(driver.host(), "cat");
    Host { system: driver.system(), driver, world, told: VecDeque::new(), keys: 0 }
}

pub fn code(code: i32) -> ExitStatus {
    ExitStatus::from_raw(code << 8)
}

impl Host {
    pub fn network(&self) -> Rc<dyn Network> {
        self.driver.network()
    }

    pub fn number(&self) -> HostNumber {
        self.driver.host()
    }

    pub fn spawn_with(&self, streams: Streams) -> Spawned {
        let order = Order { command: Command::new("/usr/bin/cat"), streams, descriptors: Vec::new() };
        self.system.spawn(order).unwrap()
    }

    /// A child with three pipes, and its own ends of them.
    pub fn spawn(&self) -> (Spawned, Newborn) {
        let spawned = self.spawn_with(PIPES);
        let newborn = self.newborn(spawned.process);
        (spawned, newborn)
    }

    pub fn newborn(&self, process: Process) -> Newborn {
        self.world.take_newborn(self.number(), process).unwrap()
    }

    /// The program of a child comes to its end.
    pub fn exit(&mut self, newborn: &Newborn, status: ExitStatus) {
        for socket in [newborn.stdin, newborn.stdout, newborn.stderr] {
            self.close(socket);
        }
        self.world.child_exited(self.number(), newborn.process, status);
    }

    pub fn exchange(&mut self, ops: impl IntoIterator<Item = Op>) {
        let mut outbox: Vec<Op> = ops.into_iter().collect();
        self.driver.exchange(&mut outbox, &mut self.told, &Until::NOW).unwrap();
    }

    pub fn watch(&mut self, descriptor: RawFd, interest: Interest) -> Key {
        let key = self.key();
        self.exchange([Op::Watch { key, descriptor, interest }]);
        key
    }

    fn key(&mut self) -> Key {
        self.keys += 1;
        Key { index: self.keys, generation: 0 }
    }

    /// What comes of an order to receive.
    pub fn receive(&mut self, socket: Socket) -> Option<Event> {
        let key = self.key();
        self.exchange([Op::Receive { key, socket }]);
        let place = self.told.iter().position(|completion| completion.key == key)?;
        self.told.remove(place).map(|completion| completion.event)
    }

    pub fn close(&mut self, socket: Socket) {
        self.exchange([Op::Close { socket, is_abort: false }]);
    }

    /// Whether a descriptor is ready for this at present.
    pub fn is_ready(&mut self, descriptor: RawFd, interest: Interest) -> bool {
        let key = self.watch(descriptor, interest);
        let is_ready = self.readiness(key).is_some();
        self.exchange([Op::Cancel { key }]);
        is_ready
    }

    /// What was told of a watch.
    pub fn readiness(&mut self, key: Key) -> Option<Readiness> {
        self.exchange([]);
        let place = self.told.iter().position(|completion| completion.key == key)?;
        match self.told.remove(place)?.event {
            Event::Ready(readiness) => Some(readiness),
            _ => None,
        }
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, time: Duration) {
        self.world.advance(self.world.elapsed() + time);
        self.exchange([]);
    }

    pub fn write(&self, socket: Socket, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.system.write(socket, &[IoSlice::new(bytes)]).map_err(|error| error.kind())
    }

    /// Reads what there is: at most 100,000 bytes.
    pub fn read(&self, socket: Socket) -> Result<Vec<u8>, ErrorKind> {
        let mut buffer = vec![0; 100_000];
        let length = self.system.read(socket, &mut buffer).map_err(|error| error.kind())?;
        buffer.truncate(length);
        Ok(buffer)
    }

    /// The history without the time and the host.
    pub fn history(&self) -> Vec<String> {
        self.world.events().into_iter().skip(1).map(|event| format!("{} {}", event.word, event.detail)).collect()
    }
}
