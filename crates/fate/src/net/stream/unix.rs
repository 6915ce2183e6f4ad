//! A Unix connection in the hand of a task.

use super::held::Held;
use fate_core::Credentials;
use std::io;

/// A Unix connection, to be read from and written to by a task. All else is as in [`TcpStream`](crate::TcpStream).
pub struct UnixStream(pub(super) Held);

impl UnixStream {
    /// Who is at the other end.
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn peer_credentials(&self) -> io::Result<Credentials> {
        self.0.with_socket(|network, socket| network.credentials(socket))
    }
}
