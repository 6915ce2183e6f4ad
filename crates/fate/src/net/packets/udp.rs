//! UDP sockets, to whoever holds them.

use super::handle::{Held, packet_socket};
use super::options::UdpOptions;
use super::packet::{Packet, Peer, Received};
use super::sending::Sent;
use super::socket::PacketSocket;
use crate::{Fate, Fuse, Outcome};
use fate_core::{Address, Setting, SocketKind};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::Location;
use std::rc::Rc;

/// A UDP socket: packets one by one, to and from anybody.
///
/// What comes in can be waited for in three ways, also at the same time: by fuses that burn on the packet that matches
/// ([`UdpSocket::get_fuse`]), by a handler ([`UdpSocket::set_receiver`]), or by tasks that ask ([`UdpSocket::recv_from`]).
/// Fuses only look on; a packet is read by the receiver if there is one, and otherwise by who asks.
///
/// Dropping the handle closes the socket, unless a receiver or a fuse that may still burn needs it.
///
/// ```
/// use fate::sim::Sim;
///
/// let mut sim = Sim::new(1);
/// let (here, there) = (sim.host("here"), sim.host("there"));
/// let socket = here.bind_udp("0.0.0.0:4000")?;
///
/// let bomb = socket.get_fuse(|packet| packet.data == b"detonate");
/// bomb.add_handler(|_| println!("the bomb goes off"));
/// bomb.add_handler(|_| println!("the crowd runs"));
/// socket.set_receiver(|socket, packet| {
///     socket.send_to(b"heard", packet?.from)?;
///     fate::Ok(())
/// });
/// bomb.add_handler(move |_| { socket.stop_receiver(); });
///
/// let far_away = there.bind_udp("0.0.0.0:0")?;
/// there.spawn(async move {
///     let target = ([10, 0, 0, 1], 4000);
///     for words in ["hello", "detonate"] {
///         let sent = far_away.send_to(words.as_bytes(), target)?;
///         assert_eq!(sent, fate::Sent::Taken);
///         assert_eq!(far_away.receive().await?.data, "heard");
///     }
///     fate::Ok(())
/// });
/// sim.run()?;
/// assert!(sim.leaks().is_empty());
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct UdpSocket(Held<SocketAddr>);

packet_socket!(UdpSocket, SocketAddr);

impl UdpSocket {
    /// The address it is bound to, with the port that the system chose if none was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        SocketAddr::named(&self.0.address())
    }

    /// The address it is connected to.
    ///
    /// # Errors
    /// `NotConnected` if it is connected to nobody, or closed.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer().map(|address| SocketAddr::named(&address))
    }

    /// Whether packets may be sent to a broadcast address: no unless told otherwise.
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the socket is closed.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.set(Setting::Broadcast(broadcast))
    }

    /// How many routers a packet may pass (TTL, or hop limit).
    ///
    /// # Errors
    /// As [`UdpSocket::set_broadcast`].
    pub fn set_hops(&self, hops: u32) -> io::Result<()> {
        self.set(Setting::Hops(hops))
    }
}

impl Fate {
    /// A UDP socket with an address; port 0 is any that is free. Answers at once. If the address stands for several, it is
    /// the first of them that can be had. A host's name is looked up on the spot, and may block.
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`, `InvalidInput`, and what else the kernel says.
    ///
    /// ```
    /// use fate::{Fate, Result, sim::Sim};
    ///
    /// async fn ask(fate: Fate) -> Result {
    ///     let server = fate.bind_udp("127.0.0.1:0")?;
    ///     let client = fate.bind_udp("127.0.0.1:0")?;
    ///     client.connect(server.local_addr())?;
    ///     client.send_soon(b"what is the time?").await?;
    ///     let mut question = [0; 64];
    ///     let (length, who) = server.recv_from(&mut question).await?;
    ///     assert_eq!((&question[..length], who), (&b"what is the time?"[..], client.local_addr()));
    ///     Ok(())
    /// }
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// fate.spawn(ask(fate.clone()));
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn bind_udp(&self, address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        self.bind_udp_with(address, &UdpOptions::default())
    }

    /// As [`Fate::bind_udp`], with settings.
    ///
    /// # Errors
    /// As [`Fate::bind_udp`].
    #[track_caller]
    pub fn bind_udp_with(&self, address: impl ToSocketAddrs, options: &UdpOptions) -> io::Result<UdpSocket> {
        let place = Location::caller();
        let mut result = Err(io::Error::new(io::ErrorKind::InvalidInput, "no address"));
        for address in address.to_socket_addrs()? {
            result = self.bind_packets(&address.into(), options);
            if result.is_ok() {
                break;
            }
        }
        let (socket, address) = result?;
        Ok(UdpSocket::of(PacketSocket::new(self.reactor(), socket, address, false, place)))
    }

    /// A socket for packets at an address, and the address that it has got.
    pub(super) fn bind_packets(
        &self,
        address: &Address,
        options: &UdpOptions,
    ) -> io::Result<(fate_core::Socket, Address)> {
        let network = self.reactor().network();
        let socket = network.socket(address.family(), SocketKind::Datagram)?;
        let prepare = || {
            options.apply(&**network, socket)?;
            network.bind(socket, address)?;
            network.local_address(socket)
        };
        prepare().map(|address| (socket, address)).inspect_err(|_| self.reactor().close(socket, false))
    }
}
