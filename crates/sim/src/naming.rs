//! Naming: what sockets are bound to, and what they say their addresses are.

use crate::addresses::{canonical, is_broadcast, is_own, presented, source};
use crate::errno::{Answer, Errno};
use crate::ports::{Claim, Protocol};
use crate::sockets::{Role, Socket};
use crate::world::{HostNumber, State};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use fate_core::{Address, Family, SocketKind, UnixName};
use std::os::fd::RawFd;

impl State {
    /// Gives a socket an address.
    pub(crate) fn bind(&mut self, host: HostNumber, descriptor: RawFd, address: &Address) -> Answer {
        let socket = self.socket(host, descriptor)?;
        if socket.name.is_some() || matches!(socket.role, Role::Stream(_) | Role::Listening(_)) {
            return Err(Errno::INVALID);
        }
        match (address, socket.family) {
            (Address::Unix(name), Family::Unix) => self.bind_unix(host, descriptor, name),
            (Address::Inet(SocketAddr::V4(_)), Family::V4) | (Address::Inet(SocketAddr::V6(_)), Family::V6) => {
                self.bind_inet(host, descriptor, address.inet().map(canonical).ok_or(Errno::INVALID)?)
            }
            _ => Err(Errno::FAMILY_NOT_SUPPORTED),
        }
    }

    fn bind_unix(&mut self, host: HostNumber, descriptor: RawFd, name: &UnixName) -> Answer {
        self.host(host).names.bind(descriptor, name)?;
        self.socket(host, descriptor)?.name = Some(Address::Unix(name.clone()));
        Ok(())
    }

    fn bind_inet(&mut self, number: HostNumber, descriptor: RawFd, address: SocketAddr) -> Answer {
        let truth = self.truth;
        let host = self.host(number);
        let socket = host.table.get(descriptor).ok_or(Errno::BAD_DESCRIPTOR)?;
        let is_many = address.ip().is_multicast() || is_broadcast(address.ip());
        let may = is_own(number, address.ip()) || (is_many && socket.kind == SocketKind::Datagram);
        if !may {
            return Err(Errno::ADDRESS_NOT_AVAILABLE);
        }
        let claim = (descriptor, Claim::of(socket, address.ip()));
        let place = (Protocol::from(socket.kind), address.port());
        let port = host.ports.bind(claim, place, &host.table, truth)?;
        self.socket(number, descriptor)?.name = Some(Address::Inet(SocketAddr::new(address.ip(), port)));
        Ok(())
    }

    /// The address of a socket, which is given any if it has none.
    pub(crate) fn name_somehow(&mut self, host: HostNumber, descriptor: RawFd) -> Answer<SocketAddr> {
        let socket = self.socket(host, descriptor)?;
        if socket.name.is_none() {
            let any = any(socket.family);
            self.bind_inet(host, descriptor, any)?;
        }
        self.socket(host, descriptor)?.name.as_ref().and_then(Address::inet).ok_or(Errno::INVALID)
    }

    /// The address from which a stream calls `to`. One that has none is given a port that nobody has.
    pub(crate) fn name_for(&mut self, host: HostNumber, descriptor: RawFd, to: SocketAddr) -> Answer<SocketAddr> {
        let truth = self.truth;
        let socket = self.socket(host, descriptor)?;
        let (own, family) = (socket.name.as_ref().and_then(Address::inet), socket.family);
        let own = match own {
            Some(own) => own,
            None => SocketAddr::new(any(family).ip(), self.host(host).ports.free(Protocol::Tcp, truth)?),
        };
        let ip = if own.ip().is_unspecified() { source(host, to.ip()) } else { own.ip() };
        if ip.is_ipv4() == to.is_ipv4() { Ok(SocketAddr::new(ip, own.port())) } else { Err(Errno::NETWORK_UNREACHABLE) }
    }

    /// A socket with a name is closed.
    pub(crate) fn forget_name(&mut self, host: HostNumber, descriptor: RawFd, socket: &Socket) {
        let truth = self.truth;
        let host = self.host(host);
        match &socket.name {
            Some(Address::Inet(address)) => {
                host.ports.release(descriptor, socket.kind.into(), address.port(), truth);
            }
            Some(Address::Unix(name)) => host.names.release(descriptor, name),
            None => {}
        }
    }

    /// What a socket says its own address is.
    pub(crate) fn local_address(&mut self, host: HostNumber, descriptor: RawFd) -> Answer<Address> {
        let socket = self.socket(host, descriptor)?;
        let (family, name) = (socket.family, socket.name.clone());
        let own = socket.spot().and_then(|spot| Some(self.connection(spot)?.ends[spot.side].address.clone()));
        Ok(shown(own.or(name).unwrap_or_else(|| nameless(family)), family))
    }

    /// What a socket says the address at the other end is.
    pub(crate) fn peer_address(&mut self, host: HostNumber, descriptor: RawFd) -> Answer<Address> {
        let socket = self.socket(host, descriptor)?;
        let family = socket.family;
        let peer = match &socket.role {
            Role::Stream(spot) => {
                let spot = *spot;
                self.peer(spot)
            }
            Role::Packets(mailbox) => mailbox.peer.clone().ok_or(Errno::NOT_CONNECTED),
            Role::Idle | Role::Listening(_) => Err(Errno::NOT_CONNECTED),
            Role::Ends(_) => Err(Errno::NO_SOCKET),
        };
        peer.map(|peer| shown(peer, family))
    }
}

/// An address as a socket of this family shows it.
pub(crate) fn shown(address: Address, family: Family) -> Address {
    match address {
        Address::Inet(address) => Address::Inet(presented(address, family)),
        unix => unix,
    }
}

fn any(family: Family) -> SocketAddr {
    let ip: IpAddr = if family == Family::V6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, 0)
}

fn nameless(family: Family) -> Address {
    if family == Family::Unix { Address::Unix(UnixName::Unnamed) } else { Address::Inet(any(family)) }
}
