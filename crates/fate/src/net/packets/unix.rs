//! Unix sockets for packets, to whoever holds them.

use super::handle::{Held, packet_socket};
use super::options::UdpOptions;
use super::packet::{Packet, Peer, Received};
use super::sending::Sent;
use super::socket::PacketSocket;
use crate::{Fate, Fuse, Outcome};
use fate_core::{Address, Setting, SocketKind, UnixName};
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::Rc;

/// A Unix socket for packets: to and from others on this machine, in order, and none is lost on the way; who sends too
/// fast is told that there is no room. Those at the other end have names, or none. All else is as in
/// [`UdpSocket`](crate::UdpSocket).
///
/// ```
/// use fate::{UnixName, sim::Sim};
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let log = fate.bind_unix_datagram("@log")?;
/// let program = fate.unix_datagram()?;
/// assert_eq!(program.send_to(b"it is always six o'clock", "@log")?, fate::Sent::Taken);
/// fate.spawn(async move {
///     let line = log.receive().await?;
///     assert_eq!((&line.data[..], line.from), (&b"it is always six o'clock"[..], UnixName::Unnamed));
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct UnixDatagram(Held<UnixName>);

packet_socket!(UnixDatagram, UnixName);

impl UnixDatagram {
    /// What it is called.
    pub fn local_name(&self) -> UnixName {
        UnixName::named(&self.0.address())
    }

    /// What the one is called that it is connected to.
    ///
    /// # Errors
    /// `NotConnected` if it is connected to nobody, or closed.
    pub fn peer_name(&self) -> io::Result<UnixName> {
        self.0.peer().map(|address| UnixName::named(&address))
    }
}

impl Fate {
    /// A Unix socket for packets with a name: a path, or a name that begins with `@` and is no file (Linux). A file that an
    /// earlier socket has left behind is replaced; it is removed when this one closes.
    ///
    /// # Errors
    /// `AddrInUse` if another socket has that name, or something that is no socket lies there; what else the kernel says.
    #[track_caller]
    pub fn bind_unix_datagram<N: Into<UnixName>>(&self, name: N) -> io::Result<UnixDatagram> {
        let (place, address) = (Location::caller(), Address::Unix(name.into()));
        let has_file = matches!(address, Address::Unix(UnixName::Path(_)));
        let options = UdpOptions::default();
        let bound = self.bind_packets(&address, &options).or_else(|error| {
            let is_stale = error.kind() == io::ErrorKind::AddrInUse && has_file && self.is_left_behind(&address);
            if is_stale && self.reactor().network().remove_name(&address).is_ok() {
                self.bind_packets(&address, &options)
            } else {
                Err(error)
            }
        });
        let (socket, address) = bound?;
        Ok(UnixDatagram::of(PacketSocket::new(self.reactor(), socket, address, has_file, place)))
    }

    /// A Unix socket for packets without a name: it can send, and be answered once it is
    /// [connected](UnixDatagram::connect) to one that is connected to it.
    ///
    /// # Errors
    /// What the kernel says.
    #[track_caller]
    pub fn unix_datagram(&self) -> io::Result<UnixDatagram> {
        let place = Location::caller();
        let unnamed = Address::Unix(UnixName::Unnamed);
        let socket = self.reactor().network().socket(unnamed.family(), SocketKind::Datagram)?;
        Ok(UnixDatagram::of(PacketSocket::new(self.reactor(), socket, unnamed, false, place)))
    }

    /// Whether a name is a file that no socket has any more.
    fn is_left_behind(&self, address: &Address) -> bool {
        let (reactor, network) = (self.reactor(), self.reactor().network());
        let Ok(socket) = network.socket(address.family(), SocketKind::Datagram) else { return false };
        let answer = network.connect(socket, address);
        reactor.close(socket, false);
        answer.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }
}
