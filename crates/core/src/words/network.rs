//! The synchronous door to the network: what never waits.
//!
//! Making, binding, configuring and naming a socket cost no time, so they need no operation: a [`Network`] answers at
//! once. What may wait goes through the outbox as an [`Op`](super::op::Op). A driver has both, so that a program under
//! simulation never touches the real kernel.

use super::address::{Address, Family};
use super::buffer::Shelf;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

/// A socket of a driver, by its number. It does not close itself: whoever made or was given it sends an
/// [`Op::Close`](super::op::Op::Close) when it is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Socket(pub RawFd);

/// What travels through a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A stream of bytes in both directions.
    Stream,
    /// Packets, each by itself.
    Datagram,
}

/// A direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// What comes in.
    Read,
    /// What goes out.
    Write,
}

/// Something that can be set on a socket.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// Small writes are sent at once (TCP_NODELAY). Set on a listener, it is inherited.
    NoDelay(bool),
    /// A silent connection is tried now and then.
    KeepAlive(Option<KeepAlive>),
    /// The address may be bound although connections of an earlier socket linger on it.
    ReuseAddress(bool),
    /// Several sockets may be bound to the address, and share what comes.
    ReusePort(bool),
    /// A socket for IPv6 does not take IPv4 as well.
    OnlyV6(bool),
    /// Packets may be sent to a broadcast address.
    Broadcast(bool),
    /// Bytes that the kernel keeps for sending, which it may round.
    SendBuffer(u32),
    /// Bytes that the kernel keeps until they are read, which it may round.
    ReceiveBuffer(u32),
    /// How many routers a packet may pass; for multicast, how far it reaches.
    Hops(u32),
    /// How many routers a packet to a group may pass.
    MulticastHops(u32),
    /// Whether packets to a group reach members on this machine.
    MulticastLoop(bool),
    /// Where packets to a group leave: the address of an interface, of version 4.
    MulticastFromV4(Ipv4Addr),
    /// Where packets to a group leave: the number of an interface, of version 6.
    MulticastFromV6(u32),
    /// Become a member of a group.
    Join(Group),
    /// Leave a group.
    Leave(Group),
}

/// When a silent connection is tried, and given up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeepAlive {
    /// Silence before the first probe; to the second.
    pub idle: Duration,
    /// Time between probes; to the second.
    pub interval: Duration,
    /// Probes without an answer before the connection is lost.
    pub probes: u32,
}

/// A multicast group, and on which interface: 0 lets the system choose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Group {
    /// The group's address.
    pub address: IpAddr,
    /// The number of the interface.
    pub interface: u32,
}

/// A packet that has arrived, but for its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// How many bytes of it are in the buffer.
    pub length: usize,
    /// Who sent it; nobody, if that socket has no name.
    pub from: Address,
    /// Whether it was longer than the buffer.
    pub is_truncated: bool,
}

/// Who is at the other end of a Unix socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The process, where the system tells it.
    pub process: Option<u32>,
    /// The user.
    pub user: u32,
    /// The group.
    pub group: u32,
}

/// What never waits. Every call answers at once; what a socket cannot do now is `WouldBlock`.
pub trait Network {
    /// Makes a socket, non-blocking, and closed when another program is executed.
    ///
    /// # Errors
    /// What the kernel says: no descriptors, a family that it does not have.
    fn socket(&self, family: Family, kind: Kind) -> io::Result<Socket>;

    /// Gives a socket an address. Port 0 is any that is free.
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`, and what else the kernel says.
    fn bind(&self, socket: Socket, address: &Address) -> io::Result<()>;

    /// Lets connections come, of which so many may wait to be accepted.
    ///
    /// # Errors
    /// What the kernel says.
    fn listen(&self, socket: Socket, backlog: u32) -> io::Result<()>;

    /// Begins to connect, and says whether that is done already. If not, the socket is ready for writing once it is decided,
    /// and [`Network::take_error`] tells how. For packets: those that come from elsewhere are not told from here on.
    ///
    /// # Errors
    /// What the kernel says at once: no route, no such name, nobody listens.
    fn connect(&self, socket: Socket, address: &Address) -> io::Result<bool>;

    /// The socket's own address.
    ///
    /// # Errors
    /// What the kernel says.
    fn local_address(&self, socket: Socket) -> io::Result<Address>;

    /// The address at the other end.
    ///
    /// # Errors
    /// `NotConnected`, and what else the kernel says.
    fn peer_address(&self, socket: Socket) -> io::Result<Address>;

    /// Sets something.
    ///
    /// # Errors
    /// What the kernel says.
    fn set(&self, socket: Socket, setting: Setting) -> io::Result<()>;

    /// The error that is pending on a socket, which is then forgotten.
    ///
    /// # Errors
    /// What the kernel says to the question.
    fn take_error(&self, socket: Socket) -> io::Result<Option<io::Error>>;

    /// Ends one direction of a connection; the other end reads to the end of what was sent.
    ///
    /// # Errors
    /// `NotConnected` if the connection is gone.
    fn shut_down(&self, socket: Socket, direction: Direction) -> io::Result<()>;

    /// Takes the next packet that has arrived.
    ///
    /// # Errors
    /// `WouldBlock`; `ConnectionRefused` if an earlier packet found nobody (ICMP), after which the socket is as good as
    /// before.
    fn receive_packet(&self, socket: Socket, buffer: &mut [u8]) -> io::Result<Arrival>;

    /// Sends a packet, to where the socket is connected if no address is given.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; what else the kernel says: too long, no route.
    fn send_packet(&self, socket: Socket, packet: &[u8], to: Option<&Address>) -> io::Result<()>;

    /// Reads bytes of a Unix stream together with the descriptors that were sent with them, which are added to `passed`.
    ///
    /// # Errors
    /// `WouldBlock`; `Unsupported` under simulation.
    fn receive_descriptors(&self, socket: Socket, buffer: &mut [u8], passed: &mut Vec<OwnedFd>) -> io::Result<usize>;

    /// Sends bytes on a Unix stream and descriptors with the first of them.
    ///
    /// # Errors
    /// `WouldBlock`; `Unsupported` under simulation.
    fn send_descriptors(&self, socket: Socket, bytes: &[u8], passed: &[BorrowedFd<'_>]) -> io::Result<usize>;

    /// Who is at the other end of a Unix stream.
    ///
    /// # Errors
    /// What the kernel says.
    fn credentials(&self, socket: Socket) -> io::Result<Credentials>;

    /// Removes the file that a Unix socket was bound to.
    ///
    /// # Errors
    /// What the kernel says.
    fn remove_name(&self, address: &Address) -> io::Result<()>;

    /// Takes over a descriptor that is a socket, and makes it non-blocking.
    ///
    /// # Errors
    /// `Unsupported` under simulation; what the kernel says if it is no socket.
    fn adopt(&self, descriptor: OwnedFd) -> io::Result<Socket>;

    /// Hands a socket back as a descriptor. It stays non-blocking.
    ///
    /// # Errors
    /// `Unsupported` under simulation.
    fn release(&self, socket: Socket) -> io::Result<OwnedFd>;

    /// Whether so many descriptors can still be had after this one, which is the latest.
    fn has_room_after(&self, latest: Socket, descriptors: u32) -> bool;

    /// The addresses of a host, if this network knows it by name without asking anybody; a simulated one knows its hosts.
    fn known_host(&self, name: &str, port: u16) -> Option<Vec<SocketAddr>>;

    /// Spare memory to receive into.
    fn shelf(&self) -> Rc<Shelf>;
}
