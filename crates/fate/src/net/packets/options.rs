//! What can be set on UDP sockets before they are bound.

use fate_core::{Network, Setting, Socket};
use std::io;

/// Settings of UDP sockets, for [`Fate::bind_udp_with`](crate::Fate::bind_udp_with).
///
/// ```
/// use fate::{UdpOptions, sim::Sim};
///
/// let fate = Sim::new(1).host("here");
/// let shared = UdpOptions::default().reuse_address(true).receive_buffer(1 << 20);
/// let socket = fate.bind_udp_with("127.0.0.1:0", &shared)?;
/// assert_ne!(socket.local_addr().port(), 0);
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct UdpOptions {
    reuse_address: bool,
    reuse_port: bool,
    only_v6: Option<bool>,
    send_buffer: Option<u32>,
    receive_buffer: Option<u32>,
}

impl UdpOptions {
    /// Whether several sockets may be bound to the address, and each get what is sent to a group (SO_REUSEADDR): for
    /// multicast.
    pub fn reuse_address(self, reuse_address: bool) -> UdpOptions {
        UdpOptions { reuse_address, ..self }
    }

    /// Whether several sockets may be bound to the address, and share what comes (SO_REUSEPORT).
    pub fn reuse_port(self, reuse_port: bool) -> UdpOptions {
        UdpOptions { reuse_port, ..self }
    }

    /// Whether a socket for IPv6 leaves IPv4 alone; the system's own choice if nothing is said.
    pub fn only_v6(self, only_v6: bool) -> UdpOptions {
        UdpOptions { only_v6: Some(only_v6), ..self }
    }

    /// Bytes that the kernel keeps for sending.
    pub fn send_buffer(self, bytes: u32) -> UdpOptions {
        UdpOptions { send_buffer: Some(bytes), ..self }
    }

    /// Bytes that the kernel keeps until they are read: what comes when they are full is lost.
    pub fn receive_buffer(self, bytes: u32) -> UdpOptions {
        UdpOptions { receive_buffer: Some(bytes), ..self }
    }

    /// Sets all this on a socket that is not bound yet.
    pub(super) fn apply(&self, network: &dyn Network, socket: Socket) -> io::Result<()> {
        let settings = [
            self.reuse_address.then_some(Setting::ReuseAddress(true)),
            self.reuse_port.then_some(Setting::ReusePort(true)),
            self.only_v6.map(Setting::OnlyV6),
            self.send_buffer.map(Setting::SendBuffer),
            self.receive_buffer.map(Setting::ReceiveBuffer),
        ];
        settings.into_iter().flatten().try_for_each(|setting| network.set(socket, setting))
    }
}
