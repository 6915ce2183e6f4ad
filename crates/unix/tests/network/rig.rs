//! A door, and sockets that are closed when the test is over.

use fate_core::{Address, Family, Network, Outgoing, Shelf, Socket, SocketKind};
use fate_unix::UnixNetwork;
use rustix::event::{PollFd, PollFlags, poll};
use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::os::fd::BorrowedFd;

pub struct Rig {
    network: UnixNetwork,
    open: RefCell<Vec<Socket>>,
}

impl Default for Rig {
    fn default() -> Rig {
        Rig { network: UnixNetwork::new(Shelf::new(4096, 4)), open: RefCell::default() }
    }
}

impl Deref for Rig {
    type Target = UnixNetwork;

    fn deref(&self) -> &UnixNetwork {
        &self.network
    }
}

impl Rig {
    pub fn keep(&self, socket: Socket) -> Socket {
        self.open.borrow_mut().push(socket);
        socket
    }

    pub fn close(&self, socket: Socket, is_abort: bool) {
        self.open.borrow_mut().retain(|open| *open != socket);
        fate_unix::close(socket, is_abort);
    }

    /// A socket that is bound to an address of the loopback, on any port.
    pub fn bound(&self, family: Family, kind: SocketKind) -> (Socket, Address) {
        let socket = self.keep(self.socket(family, kind).unwrap());
        self.bind(socket, &loopback(family)).unwrap();
        (socket, self.local_address(socket).unwrap())
    }

    pub fn listener(&self, family: Family) -> (Socket, Address) {
        let (socket, address) = self.bound(family, SocketKind::Stream);
        self.listen(socket, 128).unwrap();
        (socket, address)
    }

    /// The two ends of a connection, the one that connected first.
    pub fn pair(&self, family: Family) -> (Socket, Socket) {
        let (listener, address) = self.listener(family);
        let here = self.keep(self.socket(family, SocketKind::Stream).unwrap());
        self.network.connect(here, &address).unwrap();
        wait(here, PollFlags::OUT);
        assert!(self.take_error(here).unwrap().is_none());
        wait(listener, PollFlags::IN);
        let there = self.keep(fate_unix::accept(listener).unwrap());
        self.close(listener, false);
        (here, there)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.open.take().into_iter().for_each(|socket| fate_unix::close(socket, false));
    }
}

pub fn loopback(family: Family) -> Address {
    match family {
        Family::V4 => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
        Family::V6 => SocketAddr::from((Ipv6Addr::LOCALHOST, 0)).into(),
        Family::Unix => Address::Unix(fate_core::UnixName::Unnamed),
    }
}

pub fn borrow<'a>(socket: Socket) -> BorrowedFd<'a> {
    #[allow(unsafe_code, reason = "the test owns the socket")]
    // SAFETY: the test keeps it open while it looks.
    unsafe {
        BorrowedFd::borrow_raw(socket.0)
    }
}

pub fn wait(socket: Socket, flags: PollFlags) {
    poll(&mut [PollFd::from_borrowed_fd(borrow(socket), flags)], None).unwrap();
}

pub fn outgoing(pieces: &[&[u8]]) -> Outgoing {
    let mut outgoing = Outgoing::default();
    for piece in pieces {
        outgoing.push_shared(piece.to_vec().into());
    }
    outgoing
}

/// The bytes that have come in, after waiting for some; none at the end of the stream.
pub fn receive(socket: Socket) -> io::Result<Vec<u8>> {
    wait(socket, PollFlags::IN);
    let mut buffer = [0; 4096];
    let count = fate_unix::receive(socket, &mut buffer)?;
    Ok(buffer[..count].to_vec())
}
