//! The third door of every driver for a real Unix: other programs, signals, standard streams.
//!
//! In a forked child it is shut if its driver had anything of the kernel's before the fork, as the door to the network is. A
//! child of this process and a signal to it are its own no less, so whoever has one is marked.

use crate::children::Children;
use crate::mark::Mark;
use crate::signals::Ears;
use crate::{standard, stream};
use fate_core::{Hearing, Order, Process, Recipient, Signal, Socket, Spawned, Standard, System, WindowSize};
use std::io::{self, IoSlice};
use std::os::fd::RawFd;
use std::process::ExitStatus;
use std::sync::Arc;

/// What never waits, of the system's programs and signals.
#[derive(Default)]
pub struct UnixSystem {
    children: Children,
    ears: Ears,
    mark: Arc<Mark>,
}

impl UnixSystem {
    /// A door that has asked nothing of the system yet.
    pub fn new() -> UnixSystem {
        UnixSystem::default()
    }

    /// The same, for a driver that sets this mark when it begins to have something of the kernel's.
    pub fn with_mark(self, mark: Arc<Mark>) -> UnixSystem {
        UnixSystem { mark, ..self }
    }
}

impl System for UnixSystem {
    fn spawn(&self, order: Order) -> io::Result<Spawned> {
        self.mark.check()?;
        let spawned = self.children.spawn(order)?;
        self.mark.set();
        Ok(spawned)
    }

    fn reap(&self, process: Process) -> io::Result<Option<ExitStatus>> {
        self.children.reap(process)
    }

    fn signal(&self, process: Process, signal: Signal, to: Recipient) -> io::Result<()> {
        self.children.signal(process, signal, to)
    }

    fn destroy(&self, process: Process) {
        self.children.destroy(process);
    }

    fn let_go(&self, process: Process) {
        self.children.let_go(process);
    }

    fn hear(&self, signal: Signal, hearing: Hearing) -> io::Result<bool> {
        self.mark.check()?;
        let is_heard = self.ears.hear(signal, hearing)?;
        if is_heard {
            self.mark.set();
        }
        Ok(is_heard)
    }

    fn stop_hearing(&self, signal: Signal, hearing: Hearing) {
        self.ears.stop_hearing(signal, hearing);
    }

    fn ear(&self) -> io::Result<RawFd> {
        self.mark.check()?;
        self.ears.descriptor()
    }

    fn heard(&self) -> Vec<(Signal, u32)> {
        self.ears.heard()
    }

    fn die_of(&self, signal: Signal) {
        self.ears.die_of(signal);
    }

    fn open_standard(&self, standard: Standard) -> io::Result<Socket> {
        self.mark.check()?;
        standard::open(standard)
    }

    fn is_terminal(&self, stream: Socket) -> bool {
        stream::is_terminal(stream)
    }

    fn resize(&self, terminal: Socket, size: WindowSize) -> io::Result<()> {
        self.mark.check()?;
        stream::resize(terminal, size)
    }

    fn read(&self, stream: Socket, buffer: &mut [u8]) -> io::Result<usize> {
        self.mark.check()?;
        stream::read(stream, buffer)
    }

    fn write(&self, stream: Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.mark.check()?;
        stream::write(stream, pieces)
    }
}
