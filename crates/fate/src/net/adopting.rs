//! Sockets of others: taken over as if they had been made here.
//!
//! What a descriptor is, is asked of the kernel before it is taken: who errs gets it back.

use super::accepting::Listener;
use super::connection::Connection;
use super::listener::{TcpListener, UnixListener};
use super::packets::socket::PacketSocket;
use super::packets::udp::UdpSocket;
use super::packets::unix::UnixDatagram;
use super::stream::{TcpStream, UnixStream};
use crate::{Fate, Place};
use fate_core::{Setting, Socket};
use std::error::Error;
use std::fmt;
use std::io;
use std::net;
use std::os::fd::OwnedFd;
use std::os::unix;
use std::panic::Location;
use std::rc::Rc;

/// A descriptor that was not adopted, and why. Gives it back.
#[derive(Debug)]
pub struct NotAdopted {
    descriptor: Option<OwnedFd>,
    wanted: Wanted,
    error: io::Error,
}

impl NotAdopted {
    /// The descriptor, as it was; nothing if the driver had taken it already.
    pub fn into_descriptor(self) -> Option<OwnedFd> {
        self.descriptor
    }

    /// Whether it is not what it was said to be.
    pub fn is_misfit(&self) -> bool {
        self.descriptor.is_some()
    }

    /// What the kernel said.
    pub fn error(&self) -> &io::Error {
        &self.error
    }
}

impl fmt::Display for NotAdopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_misfit() {
            true => write!(f, "the descriptor is no {}", self.wanted),
            false => write!(f, "a {} could not be adopted", self.wanted),
        }
    }
}

impl Error for NotAdopted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// What a descriptor is said to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    TcpListener,
    TcpStream,
    UdpSocket,
    UnixListener,
    UnixStream,
    UnixDatagram,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wanted::TcpListener => "TCP socket that listens",
            Wanted::TcpStream => "TCP connection",
            Wanted::UdpSocket => "UDP socket",
            Wanted::UnixListener => "Unix socket that listens",
            Wanted::UnixStream => "Unix connection",
            Wanted::UnixDatagram => "Unix socket for packets",
        })
    }
}

impl Wanted {
    /// Whether a descriptor is that, as far as the kernel can be asked.
    fn fits(self, descriptor: OwnedFd) -> (OwnedFd, io::Result<()>) {
        match self {
            Wanted::TcpListener | Wanted::TcpStream | Wanted::UdpSocket => {
                let socket = net::TcpStream::from(descriptor);
                let answer = self.fits_inet(&socket);
                (socket.into(), answer)
            }
            Wanted::UnixListener | Wanted::UnixStream => {
                let socket = unix::net::UnixStream::from(descriptor);
                let answer = socket.local_addr().and_then(|_| self.fits_peer(socket.peer_addr().map(|_| ())));
                (socket.into(), answer)
            }
            Wanted::UnixDatagram => {
                let socket = unix::net::UnixDatagram::from(descriptor);
                let answer = socket.local_addr().map(|_| ());
                (socket.into(), answer)
            }
        }
    }

    fn fits_inet(self, socket: &net::TcpStream) -> io::Result<()> {
        socket.local_addr()?;
        // Only TCP has this setting.
        match (self, socket.nodelay()) {
            (Wanted::UdpSocket, Ok(_)) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is TCP")),
            (Wanted::UdpSocket, Err(_)) => Ok(()),
            (_, nodelay) => nodelay.and_then(|_| self.fits_peer(socket.peer_addr().map(|_| ()))),
        }
    }

    /// One that is connected has a peer, one that listens has none.
    fn fits_peer(self, peer: io::Result<()>) -> io::Result<()> {
        let is_listener = matches!(self, Wanted::TcpListener | Wanted::UnixListener);
        match peer {
            Ok(()) if is_listener => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is connected")),
            Err(error) if is_listener && error.kind() == io::ErrorKind::NotConnected => Ok(()),
            peer => peer,
        }
    }
}

impl Fate {
    /// Takes over a TCP socket that listens already. Connections from it are as if it had been made here.
    ///
    /// # Errors
    /// [`NotAdopted`], which gives the descriptor back, if it is something else.
    ///
    /// # Examples
    /// On a real kernel, for a simulated one has no descriptors:
    /// ```
    /// use fate::Fate;
    /// use std::io::Write;
    ///
    /// let fate = Fate::new()?;
    /// let foreign = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = std::net::TcpStream::connect(foreign.local_addr()?)?;
    /// client.write_all(b"hello\n")?;
    /// let listener = fate.adopt_tcp_listener(foreign.into())?;
    /// fate.run_until(async {
    ///     let (stream, _) = listener.accept().await?;
    ///     assert_eq!(stream.read_line(100).await?.as_deref(), Some("hello"));
    ///     fate::Ok(())
    /// })?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn adopt_tcp_listener(&self, descriptor: OwnedFd) -> Result<TcpListener, NotAdopted> {
        let place = Location::caller();
        self.adopt(Wanted::TcpListener, descriptor, |socket| {
            self.reactor().network().set(socket, Setting::NoDelay(true))?;
            Listener::adopt(self.reactor(), socket, place).map(TcpListener::of)
        })
    }

    /// Takes over a TCP connection.
    ///
    /// # Errors
    /// As [`Fate::adopt_tcp_listener`].
    #[track_caller]
    pub fn adopt_tcp_stream(&self, descriptor: OwnedFd) -> Result<TcpStream, NotAdopted> {
        let place = Location::caller();
        self.adopt(Wanted::TcpStream, descriptor, |socket| {
            self.reactor().network().set(socket, Setting::NoDelay(true))?;
            self.connection(socket, place).map(TcpStream::of)
        })
    }

    /// Takes over a UDP socket.
    ///
    /// # Errors
    /// As [`Fate::adopt_tcp_listener`].
    #[track_caller]
    pub fn adopt_udp(&self, descriptor: OwnedFd) -> Result<UdpSocket, NotAdopted> {
        let place = Location::caller();
        self.adopt(Wanted::UdpSocket, descriptor, |socket| {
            let address = self.reactor().network().local_address(socket)?;
            Ok(UdpSocket::of(PacketSocket::new(self.reactor(), socket, address, false, place)))
        })
    }

    /// Takes over a Unix socket that listens already. Its file, if it has one, stays whose it was.
    ///
    /// # Errors
    /// As [`Fate::adopt_tcp_listener`].
    #[track_caller]
    pub fn adopt_unix_listener(&self, descriptor: OwnedFd) -> Result<UnixListener, NotAdopted> {
        let place = Location::caller();
        self.adopt(Wanted::UnixListener, descriptor, |socket| {
            Listener::adopt(self.reactor(), socket, place).map(UnixListener::of)
        })
    }

    /// Takes over a Unix connection, such as one end of a pair.
    ///
    /// # Errors
    /// As [`Fate::adopt_tcp_listener`].
    #[track_caller]
    pub fn adopt_unix_stream(&self, descriptor: OwnedFd) -> Result<UnixStream, NotAdopted> {
        let place = Location::caller();
        self.adopt(Wanted::UnixStream, descriptor, |socket| self.connection(socket, place).map(UnixStream::of))
    }

    /// Takes over a Unix socket for packets. Its file, if it has one, stays whose it was.
    ///
    /// # Errors
    /// As [`Fate::adopt_tcp_listener`].
    #[track_caller]
    pub fn adopt_unix_datagram(&self, descriptor: OwnedFd) -> Result<UnixDatagram, NotAdopted> {
        let place = Location::caller();
        self.adopt(Wanted::UnixDatagram, descriptor, |socket| {
            let address = self.reactor().network().local_address(socket)?;
            Ok(UnixDatagram::of(PacketSocket::new(self.reactor(), socket, address, false, place)))
        })
    }

    fn connection(&self, socket: Socket, place: Place) -> io::Result<Rc<Connection>> {
        let peer = self.reactor().network().peer_address(socket)?;
        Ok(Connection::new(self.reactor(), socket, peer, place))
    }

    fn adopt<S>(
        &self,
        wanted: Wanted,
        descriptor: OwnedFd,
        make: impl FnOnce(Socket) -> io::Result<S>,
    ) -> Result<S, NotAdopted> {
        let network = self.reactor().network();
        let (descriptor, answer) = wanted.fits(descriptor);
        if let Err(error) = answer {
            return Err(NotAdopted { descriptor: Some(descriptor), wanted, error });
        }
        let adopted = network
            .adopt(descriptor)
            .and_then(|socket| make(socket).inspect_err(|_| self.reactor().close(socket, false)));
        adopted.map_err(|error| NotAdopted { descriptor: None, wanted, error })
    }
}
