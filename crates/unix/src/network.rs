//! The synchronous door of every driver for a real Unix.
//!
//! In a forked child it is shut if its driver had anything of the kernel's before the fork: what a connection still has to
//! send, or the name of a listener, is the parent's business. If the driver had nothing yet, whatever sockets there are can
//! be used by both, each on a driver of its own from then on. The one rule is that of [`Mark`].

use crate::address::{family, from_system, from_system_if_any, to_system};
use crate::connection::{is_begun, make, number, prepare};
use crate::limits::Limits;
use crate::mark::Mark;
use crate::{descriptors, packets, raw, settings};
use fate_core::{
    Address, Arrival, Credentials, Direction, Family, Network, Setting, Shelf, Socket, SocketKind, UnixName,
};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, Shutdown, SocketType, sockopt};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::rc::Rc;
use std::sync::Arc;

/// What never waits, of the system's own network.
///
/// ```
/// use fate_core::{Address, Family, Network, Shelf, SocketKind};
///
/// let network = fate_unix::UnixNetwork::new(Shelf::new(4096, 1));
/// let any_port: Address = std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into();
/// let listener = network.socket(Family::V4, SocketKind::Stream)?;
/// network.bind(listener, &any_port)?;
/// network.listen(listener, 16)?;
/// let there = network.local_address(listener)?;
///
/// let client = network.socket(Family::V4, SocketKind::Stream)?;
/// network.connect(client, &there)?;
/// assert_eq!(network.peer_address(client)?, there);
/// fate_unix::close(client, false);
/// fate_unix::close(listener, false);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixNetwork {
    limits: Limits,
    shelf: Rc<Shelf>,
    farewell: Box<dyn Fn(Socket)>,
    mark: Arc<Mark>,
}

impl UnixNetwork {
    /// A door to the system's network, with this memory to receive into.
    pub fn new(shelf: Rc<Shelf>) -> UnixNetwork {
        UnixNetwork { limits: Limits::default(), shelf, farewell: Box::new(|_| {}), mark: Arc::default() }
    }

    /// The same, for a driver that sets this mark when it begins to have something of the kernel's.
    pub fn with_mark(self, mark: Arc<Mark>) -> UnixNetwork {
        UnixNetwork { mark, ..self }
    }

    /// The same, but `farewell` is called with each socket that is about to be released: a driver that keeps something
    /// of a socket forgets it there.
    pub fn with_farewell(self, farewell: impl Fn(Socket) + 'static) -> UnixNetwork {
        UnixNetwork { farewell: Box::new(farewell), ..self }
    }

    /// Borrows a socket for one call, in the process where it may be used.
    #[inline]
    fn borrow<'a>(&self, socket: Socket) -> io::Result<BorrowedFd<'a>> {
        self.mark.check()?;
        raw::borrow(socket)
    }
}

/// Every call fails with [`Forked`](fate_core::Forked) in a forked child, as said above.
impl Network for UnixNetwork {
    fn socket(&self, domain: Family, kind: SocketKind) -> io::Result<Socket> {
        self.mark.check()?;
        let kind = match kind {
            SocketKind::Stream => SocketType::STREAM,
            SocketKind::Datagram => SocketType::DGRAM,
        };
        Ok(number(make(family(domain), kind)?))
    }

    fn bind(&self, socket: Socket, address: &Address) -> io::Result<()> {
        Ok(net::bind(self.borrow(socket)?, &to_system(address)?)?)
    }

    fn listen(&self, socket: Socket, backlog: u32) -> io::Result<()> {
        Ok(net::listen(self.borrow(socket)?, i32::try_from(backlog).unwrap_or(i32::MAX))?)
    }

    fn connect(&self, socket: Socket, address: &Address) -> io::Result<bool> {
        is_begun(net::connect(self.borrow(socket)?, &to_system(address)?))
    }

    fn local_address(&self, socket: Socket) -> io::Result<Address> {
        from_system(&net::getsockname(self.borrow(socket)?)?)
    }

    fn peer_address(&self, socket: Socket) -> io::Result<Address> {
        from_system_if_any(net::getpeername(self.borrow(socket)?)?.as_ref())
    }

    fn set(&self, socket: Socket, setting: Setting) -> io::Result<()> {
        settings::set(self.borrow(socket)?, setting)
    }

    fn take_error(&self, socket: Socket) -> io::Result<Option<io::Error>> {
        Ok(sockopt::socket_error(self.borrow(socket)?)?.err().map(io::Error::from))
    }

    fn shut_down(&self, socket: Socket, direction: Direction) -> io::Result<()> {
        let direction = match direction {
            Direction::Read => Shutdown::Read,
            Direction::Write => Shutdown::Write,
        };
        Ok(net::shutdown(self.borrow(socket)?, direction)?)
    }

    fn receive_packet(&self, socket: Socket, buffer: &mut [u8]) -> io::Result<Arrival> {
        packets::receive(self.borrow(socket)?, buffer)
    }

    fn send_packet(&self, socket: Socket, packet: &[u8], to: Option<&Address>) -> io::Result<()> {
        packets::send(self.borrow(socket)?, packet, to)
    }

    fn receive_descriptors(&self, socket: Socket, buffer: &mut [u8], passed: &mut Vec<OwnedFd>) -> io::Result<usize> {
        descriptors::receive(self.borrow(socket)?, buffer, passed)
    }

    fn send_descriptors(&self, socket: Socket, bytes: &[u8], passed: &[BorrowedFd<'_>]) -> io::Result<usize> {
        descriptors::send(self.borrow(socket)?, bytes, passed)
    }

    /// `EOPNOTSUPP` if it is no Unix socket: some systems tell something all the same.
    fn credentials(&self, socket: Socket) -> io::Result<Credentials> {
        let socket = self.borrow(socket)?;
        if net::getsockname(socket)?.address_family() != AddressFamily::UNIX {
            return Err(Errno::OPNOTSUPP.into());
        }
        raw::credentials(socket)
    }

    /// `ENOTSOCK` if something else lies there: that is nobody's to remove.
    fn remove_name(&self, address: &Address) -> io::Result<()> {
        self.mark.check()?;
        match address {
            Address::Unix(UnixName::Path(path)) if std::fs::symlink_metadata(path)?.file_type().is_socket() => {
                std::fs::remove_file(path)
            }
            Address::Unix(UnixName::Path(_)) => Err(Errno::NOTSOCK.into()),
            _ => Ok(()),
        }
    }

    fn adopt(&self, descriptor: OwnedFd) -> io::Result<Socket> {
        self.mark.check()?;
        sockopt::socket_type(&descriptor)?;
        Ok(number(prepare(descriptor)?))
    }

    fn release(&self, socket: Socket) -> io::Result<OwnedFd> {
        rustix::io::fcntl_getfd(self.borrow(socket)?)?;
        (self.farewell)(socket);
        raw::take(socket)
    }

    fn has_room_after(&self, latest: Socket, descriptors: u32) -> bool {
        self.limits.has_room_after(latest, descriptors)
    }

    fn known_host(&self, _: &str, _: u16) -> Option<Vec<SocketAddr>> {
        None
    }

    fn shelf(&self) -> Rc<Shelf> {
        self.shelf.clone()
    }
}
