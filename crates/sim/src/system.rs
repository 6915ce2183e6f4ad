//! The door of one host to everything that is neither time nor the network: children, signals, standard streams.

use crate::errno::{Answer, Errno};
use crate::sockets::Role;
use crate::world::{HostNumber, Seat, State};
use fate_core::{Hearing, Order, Outgoing, Process, Recipient, Signal, Socket, Spawned, Standard, System, WindowSize};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::RawFd;
use std::process::ExitStatus;

/// The door of one host.
pub(crate) struct SystemDoor(pub Seat);

impl SystemDoor {
    fn ask<T>(&self, act: impl FnOnce(&mut State, HostNumber) -> Answer<T>) -> io::Result<T> {
        Ok(self.0.act(act).ok_or_else(|| io::Error::other("this simulated host has crashed"))??)
    }
}

impl System for SystemDoor {
    fn spawn(&self, order: Order) -> io::Result<Spawned> {
        if !order.descriptors.is_empty() {
            return Err(io::Error::new(ErrorKind::Unsupported, "a simulated host has no descriptors of the system"));
        }
        self.ask(|state, host| state.spawn(host, &order))
    }

    fn reap(&self, process: Process) -> io::Result<Option<ExitStatus>> {
        self.ask(|state, host| state.reap(host, process))
    }

    /// A simulated child is alone in its group.
    fn signal(&self, process: Process, signal: Signal, _: Recipient) -> io::Result<()> {
        let is_known = self.ask(|state, host| Ok(state.host(host).processes.own(process).is_some()))?;
        if !is_known {
            return Err(ErrorKind::NotFound.into());
        }
        self.ask(|state, host| {
            state.signal_child(host, process, signal);
            Ok(())
        })
    }

    fn destroy(&self, process: Process) {
        self.0.act(|state, host| state.destroy_child(host, process));
    }

    fn let_go(&self, process: Process) {
        self.0.act(|state, host| state.let_go_of_child(host, process));
    }

    fn hear(&self, signal: Signal, hearing: Hearing) -> io::Result<bool> {
        self.ask(|state, host| state.host(host).ears.hear(signal, hearing))
    }

    fn stop_hearing(&self, signal: Signal, hearing: Hearing) {
        self.0.act(|state, host| {
            let host = state.host(host);
            host.ears.stop_hearing(signal, hearing, &mut host.watches);
        });
    }

    fn ear(&self) -> io::Result<RawFd> {
        self.ask(|state, host| {
            let host = state.host(host);
            Ok(host.ears.ear(&mut host.watches).number())
        })
    }

    fn heard(&self) -> Vec<(Signal, u32)> {
        let heard = self.0.act(|state, host| {
            let host = state.host(host);
            host.ears.heard(&mut host.watches)
        });
        heard.unwrap_or_default()
    }

    /// A simulated program ends by being shut down, which it is.
    fn die_of(&self, signal: Signal) {
        self.0.act(|state, host| state.die_of(host, signal));
    }

    fn open_standard(&self, standard: Standard) -> io::Result<Socket> {
        self.ask(|state, host| state.open_standard(host, standard).map(Socket))
    }

    fn is_terminal(&self, stream: Socket) -> bool {
        let answer = self.ask(|state, host| Ok(state.socket(host, stream.0)?.ends()));
        matches!(answer, Ok(Some(ends)) if ends.is_terminal)
    }

    fn resize(&self, terminal: Socket, size: WindowSize) -> io::Result<()> {
        self.ask(|state, host| state.resize(host, terminal.0, size))
    }

    fn read(&self, stream: Socket, buffer: &mut [u8]) -> io::Result<usize> {
        self.ask(|state, host| {
            let read = match state.socket(host, stream.0)?.role {
                Role::Ends(ends) => state.draw(ends, buffer),
                _ => state.read(host, stream.0, buffer),
            };
            read?.ok_or(Errno::WOULD_BLOCK)
        })
    }

    fn write(&self, stream: Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.ask(|state, host| {
            let written = match state.socket(host, stream.0)?.role {
                Role::Ends(ends) => state.pour(host, ends, pieces),
                _ => state.write_pieces(host, stream.0, pieces),
            };
            written?.ok_or(Errno::WOULD_BLOCK)
        })
    }
}

impl State {
    /// Gives a connection bytes to send. Says how many it took; `None` if it has no room.
    fn write_pieces(&mut self, host: HostNumber, descriptor: RawFd, pieces: &[IoSlice<'_>]) -> Answer<Option<usize>> {
        let mut outgoing = Outgoing::default();
        pieces.iter().for_each(|piece| outgoing.push(piece));
        let length = outgoing.len();
        self.write(host, descriptor, &mut outgoing)?;
        let taken = length - outgoing.len();
        Ok((taken > 0 || length == 0).then_some(taken))
    }
}
