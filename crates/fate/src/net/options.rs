//! What can be set on TCP sockets before they are used.

use fate_core::{KeepAlive, Network, Setting, Socket};
use std::io;

/// Settings of TCP sockets, for [`Fate::listen_tcp_with`](crate::Fate::listen_tcp_with) and
/// [`Fate::connect_tcp_with`](crate::Fate::connect_tcp_with).
///
/// ```
/// use fate::{TcpOptions, sim::Sim};
///
/// let fate = Sim::new(1).host("here");
/// let patient = TcpOptions::default().nodelay(false).backlog(16);
/// let listener = fate.listen_tcp_with("127.0.0.1:0", &patient)?;
/// assert_ne!(listener.local_addr().port(), 0);
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct TcpOptions {
    nodelay: bool,
    keepalive: Option<KeepAlive>,
    reuse_port: bool,
    only_v6: Option<bool>,
    backlog: u32,
    send_buffer: Option<u32>,
    receive_buffer: Option<u32>,
}

impl Default for TcpOptions {
    fn default() -> TcpOptions {
        TcpOptions {
            nodelay: true,
            keepalive: None,
            reuse_port: false,
            only_v6: None,
            backlog: 1024,
            send_buffer: None,
            receive_buffer: None,
        }
    }
}

impl TcpOptions {
    /// Whether small writes are sent at once (TCP_NODELAY): yes unless told otherwise. Connections inherit it from the
    /// listener.
    pub fn nodelay(self, nodelay: bool) -> TcpOptions {
        TcpOptions { nodelay, ..self }
    }

    /// When a silent connection is tried and given up. Connections inherit it from the listener.
    pub fn keepalive(self, keepalive: KeepAlive) -> TcpOptions {
        TcpOptions { keepalive: Some(keepalive), ..self }
    }

    /// Whether several sockets may listen on the address, and share what comes (SO_REUSEPORT).
    pub fn reuse_port(self, reuse_port: bool) -> TcpOptions {
        TcpOptions { reuse_port, ..self }
    }

    /// Whether a listener for IPv6 leaves IPv4 alone; the system's own choice if nothing is said.
    pub fn only_v6(self, only_v6: bool) -> TcpOptions {
        TcpOptions { only_v6: Some(only_v6), ..self }
    }

    /// How many connections may wait to be accepted: 1024 unless told otherwise.
    pub fn backlog(self, backlog: u32) -> TcpOptions {
        TcpOptions { backlog, ..self }
    }

    /// Bytes that the kernel keeps for sending.
    pub fn send_buffer(self, bytes: u32) -> TcpOptions {
        TcpOptions { send_buffer: Some(bytes), ..self }
    }

    /// Bytes that the kernel keeps until they are read.
    pub fn receive_buffer(self, bytes: u32) -> TcpOptions {
        TcpOptions { receive_buffer: Some(bytes), ..self }
    }

    pub(super) fn waiting(&self) -> u32 {
        self.backlog
    }

    /// Sets all this on a socket that is not used yet.
    pub(super) fn apply(&self, network: &dyn Network, socket: Socket, is_listener: bool) -> io::Result<()> {
        let set = |setting| network.set(socket, setting);
        if is_listener {
            set(Setting::ReuseAddress(true))?;
            if let Some(only_v6) = self.only_v6 {
                set(Setting::OnlyV6(only_v6))?;
            }
        }
        if self.reuse_port {
            set(Setting::ReusePort(true))?;
        }
        if self.nodelay {
            set(Setting::NoDelay(true))?;
        }
        if self.keepalive.is_some() {
            set(Setting::KeepAlive(self.keepalive))?;
        }
        let sizes = [self.send_buffer.map(Setting::SendBuffer), self.receive_buffer.map(Setting::ReceiveBuffer)];
        sizes.into_iter().flatten().try_for_each(set)
    }
}
