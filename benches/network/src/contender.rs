//! What a peer must be able to do to take part: serve an echo until it is killed. The seam between the workloads, which measure,
//! and the peers, which are measured.
//!
//! A peer runs alone in a process of its own and knows nothing of being measured: the process is read from outside
//! (`meter`), and what it sends back is checked by the load.

use rustix::net::{AddressFamily, SocketType, ipproto, listen, socket, sockopt};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

/// One who serves.
pub struct Contender {
    /// The name on the command line and above its column.
    pub name: &'static str,
    /// Serves until the process is killed; returns only with an error.
    pub serve: fn(Setting) -> io::Result<()>,
    /// The same by TLS, if it can.
    pub serve_tls: Option<fn(Setting) -> io::Result<()>>,
    /// Answers requests of HTTP, if it can.
    pub serve_web: Option<fn(Setting) -> io::Result<()>>,
    /// The driver to be forced by `FATE_DRIVER`.
    pub driver: Option<&'static str>,
    /// Allocates in Rust, where it can be counted.
    pub counted: bool,
    /// Takes part without being asked for by name.
    pub usual: bool,
}

/// What a server may know of the load.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Bytes in one message.
    pub message: usize,
}

impl Setting {
    /// The size of buffer for those who keep one for each connection: 4 KiB, or a whole message.
    pub fn buffer(self) -> usize {
        self.message.max(4096)
    }

    /// Listens as everybody does who does not bring a listener of his own: on a free port, with the long queue, and with
    /// `TCP_NODELAY`, which the connections inherit.
    pub fn listen(self) -> io::Result<TcpListener> {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP))?;
        sockopt::set_tcp_nodelay(&listener, true)?;
        rustix::net::bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        listen(&listener, 4096)?;
        let listener = TcpListener::from(listener);
        self.announce(listener.local_addr()?.port())?;
        Ok(listener)
    }

    /// Tells the load where to connect to.
    pub fn announce(self, port: u16) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "port {port}")?;
        out.flush()
    }
}
