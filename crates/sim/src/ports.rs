//! Ports: which sockets of a host are bound to which, and who gets what comes for one.

use crate::errno::{Answer, Errno};
use crate::sockets::{Socket, Table};
use core::net::IpAddr;
use fate_core::SocketKind;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;

/// Ports that are given to whoever asks for none in particular (Linux: ip_local_port_range).
const FREE_PORTS: RangeInclusive<u16> = 32_768..=60_999;

/// How long a port lingers after the last connection on it that was ended here (Linux: TCP_TIMEWAIT_LEN).
const LINGER: u64 = 60_000_000_000;

/// The ports of a host.
#[derive(Default)]
pub(crate) struct Ports {
    ports: BTreeMap<(Protocol, u16), Port>,
    given: u16,
}

/// What a port is a port of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

impl From<SocketKind> for Protocol {
    fn from(kind: SocketKind) -> Protocol {
        match kind {
            SocketKind::Stream => Protocol::Tcp,
            SocketKind::Datagram => Protocol::Udp,
        }
    }
}

#[derive(Default)]
struct Port {
    /// Sockets that were bound to it, in that order.
    bound: Vec<RawFd>,
    /// Connections on it whose sockets may not share it, and which may.
    connections: [usize; 2],
    lingers_until: u64,
}

/// Part of an address that sockets are bound to.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    pub ip: IpAddr,
    pub only_v6: bool,
    pub reuse_address: bool,
    pub reuse_port: bool,
    pub is_listening: bool,
}

impl Claim {
    /// What a socket claims that is, or will be, bound to this address.
    pub fn of(socket: &Socket, ip: IpAddr) -> Claim {
        let settings = &socket.settings;
        Claim {
            ip,
            only_v6: settings.only_v6,
            reuse_address: settings.reuse_address,
            reuse_port: settings.reuse_port,
            is_listening: socket.is_listening(),
        }
    }

    /// How well this fits what comes for `ip`: better the more it says, `None` if it does not.
    fn fits(&self, ip: IpAddr) -> Option<u32> {
        match self.ip {
            own if own == ip => Some(3),
            own if !own.is_unspecified() => None,
            IpAddr::V4(_) => ip.is_ipv4().then_some(2),
            IpAddr::V6(_) if ip.is_ipv6() => Some(2),
            IpAddr::V6(_) => (!self.only_v6).then_some(1),
        }
    }

    fn overlaps(&self, other: &Claim) -> bool {
        self.fits(other.ip).is_some() || other.fits(self.ip).is_some()
    }

    /// Whether the two cannot have the same port of a protocol.
    fn contradicts(&self, other: &Claim, protocol: Protocol) -> bool {
        let shares_port = self.reuse_port && other.reuse_port;
        let shares_address = self.reuse_address && other.reuse_address;
        let is_taken = protocol == Protocol::Tcp && (self.is_listening || other.is_listening);
        self.overlaps(other) && !shares_port && (!shares_address || is_taken)
    }
}

impl Ports {
    /// Gives a socket a port, any that is free if it is 0. Says which.
    pub fn bind(
        &mut self,
        (descriptor, claim): (RawFd, Claim),
        (protocol, port): (Protocol, u16),
        table: &Table,
        truth: u64,
    ) -> Answer<u16> {
        let port = if port == 0 { self.free(protocol, truth)? } else { port };
        let place = self.ports.entry((protocol, port)).or_default();
        if !place.allows(descriptor, &claim, protocol, table, truth) {
            return Err(Errno::ADDRESS_IN_USE);
        }
        place.bound.push(descriptor);
        Ok(port)
    }

    /// Whether a socket that is bound may begin to listen.
    pub fn may_listen(&self, descriptor: RawFd, claim: Claim, port: u16, table: &Table) -> bool {
        let claim = Claim { is_listening: true, ..claim };
        self.ports.get(&(Protocol::Tcp, port)).is_none_or(|place| {
            let mut others = place.others(descriptor, table);
            !others.any(|other| other.is_listening && claim.contradicts(&other, Protocol::Tcp))
        })
    }

    /// A port that nobody has.
    pub fn free(&mut self, protocol: Protocol, truth: u64) -> Answer<u16> {
        for _ in FREE_PORTS {
            let next = self.given.checked_add(1).filter(|port| FREE_PORTS.contains(port));
            self.given = next.unwrap_or(*FREE_PORTS.start());
            if self.ports.get(&(protocol, self.given)).is_none_or(|place| place.is_free(truth)) {
                return Ok(self.given);
            }
        }
        Err(Errno::ADDRESS_NOT_AVAILABLE)
    }

    /// A bound socket is closed.
    pub fn release(&mut self, descriptor: RawFd, protocol: Protocol, port: u16, truth: u64) {
        self.with_place(protocol, port, truth, |place| place.bound.retain(|&bound| bound != descriptor));
    }

    /// A connection begins on a port.
    pub fn occupy(&mut self, port: u16, may_share: bool) {
        self.ports.entry((Protocol::Tcp, port)).or_default().connections[usize::from(may_share)] += 1;
    }

    /// A connection on a port is over, and perhaps some of it still on its way.
    pub fn leave(&mut self, port: u16, may_share: bool, lingers: bool, truth: u64) {
        self.with_place(Protocol::Tcp, port, truth, |place| {
            let connections = &mut place.connections[usize::from(may_share)];
            *connections = connections.saturating_sub(1);
            if lingers {
                place.lingers_until = truth.saturating_add(LINGER);
            }
        });
    }

    fn with_place(&mut self, protocol: Protocol, port: u16, truth: u64, act: impl FnOnce(&mut Port)) {
        if let Some(place) = self.ports.get_mut(&(protocol, port)) {
            act(place);
            if place.is_free(truth) {
                self.ports.remove(&(protocol, port));
            }
        }
    }

    /// Every socket bound to a port that would take what comes for `ip`, with how well it fits.
    pub fn fitting<'a>(
        &'a self,
        (protocol, port): (Protocol, u16),
        ip: IpAddr,
        table: &'a Table,
    ) -> impl Iterator<Item = (RawFd, &'a Socket, u32)> {
        let bound = self.ports.get(&(protocol, port)).map_or(&[][..], |place| &place.bound);
        bound.iter().filter_map(move |&descriptor| {
            let socket = table.get(descriptor)?;
            let fit = Claim::of(socket, socket.ip()?).fits(ip)?;
            Some((descriptor, socket, fit))
        })
    }
}

impl Port {
    fn is_free(&self, truth: u64) -> bool {
        self.bound.is_empty() && self.connections == [0, 0] && self.lingers_until <= truth
    }

    fn others<'a>(&'a self, than: RawFd, table: &'a Table) -> impl Iterator<Item = Claim> + 'a {
        let others = self.bound.iter().filter(move |&&descriptor| descriptor != than);
        others.filter_map(|&descriptor| {
            let socket = table.get(descriptor)?;
            Some(Claim::of(socket, socket.ip()?))
        })
    }

    fn allows(&self, descriptor: RawFd, claim: &Claim, protocol: Protocol, table: &Table, truth: u64) -> bool {
        let [alone, shared] = self.connections;
        let lingers = alone > 0 || ((shared > 0 || self.lingers_until > truth) && !claim.reuse_address);
        !lingers && !self.others(descriptor, table).any(|other| claim.contradicts(&other, protocol))
    }
}

/// The best of those that fit, the last of equals; among sockets that share a port, the one that `share` falls on.
pub(crate) fn best<'a>(fitting: impl Iterator<Item = (RawFd, &'a Socket, u32)>, share: u64) -> Option<RawFd> {
    let (mut best, mut equals) = (0, Vec::new());
    for (descriptor, socket, fit) in fitting {
        if fit > best {
            (best, equals) = (fit, Vec::new());
        }
        if fit == best {
            equals.push((descriptor, socket.settings.reuse_port));
        }
    }
    let sharing: Vec<RawFd> = equals.iter().filter(|(_, shares)| *shares).map(|&(descriptor, _)| descriptor).collect();
    match sharing.len() {
        0 | 1 => equals.last().map(|&(descriptor, _)| descriptor),
        count => sharing.get((share % count as u64) as usize).copied(),
    }
}
