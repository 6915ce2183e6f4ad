//! The door of one host: everything about sockets that takes no time.

use crate::addresses::{addresses_of, is_own};
use crate::errno::{Answer, Errno};
use crate::packets::stays;
use crate::sockets::{Role, Settings, rounded};
use crate::world::{HostNumber, Seat, State};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use fate_core::{
    Address, Arrival, Credentials, Direction, Family, Network, Setting, Shelf, Socket, SocketKind, UnixName,
};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;

/// Who is at the other end of every Unix socket: no host has more than one program.
const NEIGHBOUR: Credentials = Credentials { process: Some(1), user: 1000, group: 1000 };

/// The name by which every host calls itself.
const OWN_NAME: &str = "localhost";

/// The door of one host.
pub(crate) struct Door(pub Seat);

impl Door {
    fn ask<T>(&self, act: impl FnOnce(&mut State, HostNumber) -> Answer<T>) -> io::Result<T> {
        Ok(self.0.act(act).ok_or(Errno::NETWORK_DOWN)??)
    }

    /// As [`Door::ask`], of what must be a socket.
    fn ask_of<T>(&self, socket: Socket, act: impl FnOnce(&mut State, HostNumber) -> Answer<T>) -> io::Result<T> {
        self.ask(|state, host| match state.socket(host, socket.0)?.ends() {
            Some(_) => Err(Errno::NO_SOCKET),
            None => act(state, host),
        })
    }
}

impl Network for Door {
    fn socket(&self, family: Family, kind: SocketKind) -> io::Result<Socket> {
        self.ask(|state, host| state.host(host).table.open(family, kind, Settings::default()).map(Socket))
    }

    fn bind(&self, socket: Socket, address: &Address) -> io::Result<()> {
        self.ask_of(socket, |state, host| state.bind(host, socket.0, address))
    }

    fn listen(&self, socket: Socket, backlog: u32) -> io::Result<()> {
        self.ask_of(socket, |state, host| state.listen(host, socket.0, backlog))
    }

    fn connect(&self, socket: Socket, address: &Address) -> io::Result<bool> {
        self.ask_of(socket, |state, host| state.connect(host, socket.0, address))
    }

    fn local_address(&self, socket: Socket) -> io::Result<Address> {
        self.ask_of(socket, |state, host| state.local_address(host, socket.0))
    }

    fn peer_address(&self, socket: Socket) -> io::Result<Address> {
        self.ask_of(socket, |state, host| state.peer_address(host, socket.0))
    }

    fn set(&self, socket: Socket, setting: Setting) -> io::Result<()> {
        self.ask_of(socket, |state, host| state.set(host, socket.0, setting))
    }

    fn take_error(&self, socket: Socket) -> io::Result<Option<io::Error>> {
        self.ask_of(socket, |state, host| Ok(state.take_error(host, socket.0)?.map(Errno::error)))
    }

    fn shut_down(&self, socket: Socket, direction: Direction) -> io::Result<()> {
        self.ask_of(socket, |state, host| state.shut_down(host, socket.0, direction))
    }

    fn receive_packet(&self, socket: Socket, buffer: &mut [u8]) -> io::Result<Arrival> {
        self.ask_of(socket, |state, host| state.receive_packet(host, socket.0, buffer))
    }

    fn send_packet(&self, socket: Socket, packet: &[u8], to: Option<&Address>) -> io::Result<()> {
        self.ask_of(socket, |state, host| state.send_packet(host, socket.0, packet, to))
    }

    fn receive_descriptors(&self, _: Socket, _: &mut [u8], _: &mut Vec<OwnedFd>) -> io::Result<usize> {
        Err(unsupported())
    }

    fn send_descriptors(&self, _: Socket, _: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        Err(unsupported())
    }

    fn credentials(&self, socket: Socket) -> io::Result<Credentials> {
        self.ask_of(socket, |state, host| match state.socket(host, socket.0)?.family {
            Family::Unix => state.peer_address(host, socket.0).map(|_| NEIGHBOUR),
            Family::V4 | Family::V6 => Err(Errno::NOT_SUPPORTED),
        })
    }

    fn remove_name(&self, address: &Address) -> io::Result<()> {
        self.ask(|state, host| match address {
            Address::Unix(name @ UnixName::Path(_)) => state.host(host).names.remove(name),
            _ => Err(Errno::INVALID),
        })
    }

    fn adopt(&self, _: OwnedFd) -> io::Result<Socket> {
        Err(unsupported())
    }

    fn release(&self, _: Socket) -> io::Result<OwnedFd> {
        Err(unsupported())
    }

    fn has_room_after(&self, _: Socket, descriptors: u32) -> bool {
        self.0.act(|state, host| state.host(host).table.has_room(descriptors as usize)).unwrap_or(false)
    }

    fn known_host(&self, name: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let ips = if name == OWN_NAME {
            [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else {
            addresses_of(self.0.world.host_number(name)?)
        };
        Some(ips.into_iter().map(|ip: IpAddr| SocketAddr::new(ip, port)).collect())
    }

    fn shelf(&self) -> Rc<Shelf> {
        self.0.world.shelf()
    }
}

/// There are no real descriptors in a simulation.
fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a simulated host has no descriptors of the system")
}

impl State {
    fn set(&mut self, host: HostNumber, descriptor: i32, setting: Setting) -> Answer {
        let socket = self.socket(host, descriptor)?;
        let settings = &mut socket.settings;
        match setting {
            Setting::NoDelay(on) => settings.no_delay = on,
            Setting::KeepAlive(keep_alive) => settings.keep_alive = keep_alive,
            Setting::ReuseAddress(on) => settings.reuse_address = on,
            Setting::ReusePort(on) => settings.reuse_port = on,
            Setting::OnlyV6(on) => settings.only_v6 = on,
            Setting::Broadcast(on) => settings.broadcast = on,
            Setting::SendBuffer(bytes) => settings.send_buffer = rounded(bytes),
            Setting::ReceiveBuffer(bytes) => settings.receive_buffer = rounded(bytes),
            Setting::MulticastHops(hops) => settings.multicast_hops = hops,
            Setting::MulticastLoop(on) => settings.multicast_loop = on,
            Setting::MulticastFromV4(from) if !is_own(host, from.into()) => return Err(Errno::ADDRESS_NOT_AVAILABLE),
            Setting::MulticastFromV4(from) => settings.multicast_stays = from.is_loopback(),
            Setting::MulticastFromV6(interface) => settings.multicast_stays = stays(interface)?,
            Setting::Join(group) => return self.join(host, descriptor, group),
            Setting::Leave(group) => return self.leave_group(host, descriptor, group),
            // No router lies between two hosts, so how many a packet may pass changes nothing.
            _ => {}
        }
        let settings = *settings;
        if let Role::Stream(spot) = socket.role {
            self.adjust(spot, settings);
        }
        Ok(())
    }
}
