//! Listeners: who takes a call, and how connections wait in line until they are accepted.

use crate::connection::{Listening, Spot, Standing};
use crate::errno::{Answer, Errno};
use crate::history::Happening;
use crate::ports::{Claim, Protocol, best};
use crate::segments::Segment;
use crate::sockets::{Queue, Role};
use crate::world::{HostNumber, State};
use core::net::{IpAddr, SocketAddr};
use fate_core::{Family, SocketKind};
use std::collections::VecDeque;
use std::os::fd::RawFd;

/// The longest line (Linux: somaxconn).
const LONGEST: u32 = 4096;

impl Queue {
    pub fn is_full(&self) -> bool {
        self.waiting.len() + self.half >= self.most
    }
}

impl State {
    /// Lets connections come.
    pub(crate) fn listen(&mut self, host: HostNumber, descriptor: RawFd, backlog: u32) -> Answer {
        let most = backlog.clamp(1, LONGEST) as usize;
        let socket = self.socket(host, descriptor)?;
        match &mut socket.role {
            Role::Packets(_) => return Err(Errno::NOT_SUPPORTED),
            Role::Stream(_) => return Err(Errno::INVALID),
            Role::Ends(_) => return Err(Errno::NO_SOCKET),
            Role::Listening(queue) => {
                queue.most = most;
                return Ok(());
            }
            Role::Idle => {}
        }
        if socket.family != Family::Unix {
            let ip = self.name_somehow(host, descriptor)?;
            self.check_alone(host, descriptor, ip)?;
        } else if socket.name.is_none() {
            return Err(Errno::INVALID);
        }
        self.socket(host, descriptor)?.role = Role::Listening(Queue { most, waiting: VecDeque::new(), half: 0 });
        self.note_at(host, descriptor, Happening::Listens);
        Ok(())
    }

    fn check_alone(&mut self, host: HostNumber, descriptor: RawFd, own: SocketAddr) -> Answer {
        let host = self.host(host);
        let claim = Claim::of(host.table.get(descriptor).ok_or(Errno::BAD_DESCRIPTOR)?, own.ip());
        let may = host.ports.may_listen(descriptor, claim, own.port(), &host.table);
        if may { Ok(()) } else { Err(Errno::ADDRESS_IN_USE) }
    }

    /// Who takes the call that has come to an end.
    pub(crate) fn find_listener(&mut self, spot: Spot) -> Option<Listening> {
        let connection = self.connection(spot)?;
        let (host, to) = (connection.ends[spot.side].host, connection.ends[spot.side].address.inet()?);
        let from = connection.ends[1 - spot.side].address.inet()?;
        let host = self.host(host);
        let fitting = host.ports.fitting((Protocol::Tcp, to.port()), to.ip(), &host.table);
        let descriptor = best(fitting.filter(|(_, socket, _)| socket.is_listening()), share(from))?;
        Some(Listening { descriptor, serial: host.table.get(descriptor)?.serial })
    }

    /// The line at a listener, if it still listens.
    fn line(&mut self, host: HostNumber, listening: Listening) -> Option<&mut Queue> {
        let socket = self.host(host).table.get_mut(listening.descriptor)?;
        if socket.serial == listening.serial { socket.queue() } else { None }
    }

    fn host_of(&mut self, spot: Spot) -> Option<HostNumber> {
        self.connection(spot).map(|connection| connection.ends[spot.side].host)
    }

    pub(crate) fn has_room_to_wait(&mut self, spot: Spot, listening: Listening) -> bool {
        let Some(host) = self.host_of(spot) else { return false };
        self.line(host, listening).is_some_and(|line| !line.is_full())
    }

    /// A call is taken: a connection half exists, with what the listener is set to.
    pub(crate) fn begin_waiting(&mut self, spot: Spot, listening: Listening) {
        let Some(host) = self.host_of(spot) else { return };
        let Some(listener) = self.host(host).table.get_mut(listening.descriptor) else { return };
        let (family, settings) = (listener.family, listener.settings);
        if let Some(line) = listener.queue() {
            line.half += 1;
        }
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        end.standing = Standing::Half;
        end.listener = Some(listening);
        (end.family, end.settings) = (family, settings);
        if let Some(port) = end.address.inet().map(|address| address.port()) {
            self.host(host).ports.occupy(port, settings.reuse_address);
        }
    }

    /// An end that was half a connection is a whole one, and waits to be accepted.
    pub(crate) fn wait_to_be_accepted(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        end.was_open = true;
        let Some(listening) = end.listener else { return };
        let host = end.host;
        if let Some(line) = self.line(host, listening) {
            line.half -= 1;
            self.wait_in_line(spot, listening);
        } else {
            self.post(spot, Segment::Reset);
            self.vanish(spot);
        }
    }

    pub(crate) fn wait_in_line(&mut self, spot: Spot, listening: Listening) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        end.listener = Some(listening);
        let host = end.host;
        if let Some(line) = self.line(host, listening) {
            line.waiting.push_back(spot);
            self.stir(host, listening.descriptor);
        }
    }

    /// A half connection comes to nothing.
    pub(crate) fn stop_waiting(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        let (host, is_half) = (end.host, end.standing == Standing::Half);
        if let Some(listening) = end.listener.take().filter(|_| is_half)
            && let Some(line) = self.line(host, listening)
        {
            line.half -= 1;
        }
    }

    /// Gives the connection that has waited longest a descriptor; `None` if none waits.
    pub(crate) fn accept(&mut self, number: HostNumber, descriptor: RawFd) -> Option<Answer<RawFd>> {
        let host = self.host(number);
        let spot = *host.table.get_mut(descriptor)?.queue()?.waiting.front()?;
        let connection = self.connections.get_key(spot.connection)?;
        let end = &connection.ends[spot.side];
        let (family, settings) = (end.family, end.settings);
        let host = self.host(number);
        let accepted = match host.table.open(family, SocketKind::Stream, settings) {
            Ok(accepted) => accepted,
            Err(errno) => return Some(Err(errno)),
        };
        host.table.get_mut(descriptor)?.queue()?.waiting.pop_front();
        host.table.get_mut(accepted)?.role = Role::Stream(spot);
        let end = &mut self.connection(spot)?.ends[spot.side];
        (end.socket, end.listener) = (Some(accepted), None);
        self.note_end(spot, Happening::Accepted);
        Some(Ok(accepted))
    }
}

/// Which of several sockets that share a port gets what comes from an address: always the same.
pub(crate) fn share(from: SocketAddr) -> u64 {
    let ip = match from.ip() {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    (ip as u64).wrapping_mul(31).wrapping_add(u64::from(from.port()))
}
