//! A TCP connection in the hand of a task.

use super::held::Held;
use fate_core::{Address, KeepAlive, Setting};
use std::io;
use std::net::SocketAddr;

/// A TCP connection, to be read from and written to by a task, with the traits of `futures-io`.
///
/// A shared reference can do both as well, so two tasks or two branches of one may read and write at the same time.
///
/// # Cancellation
/// Dropping a read or a write half way loses nothing: what was not handed out is there for the next read, also after
/// [`TcpStream::read_exact`], [`TcpStream::read_line`] and [`TcpStream::read_until`]. (A `read_exact` of an extension trait on
/// something wrapped around the stream cannot promise that.) Dropping the stream closes it: what was written before is still
/// sent.
///
/// ```
/// use fate::sim::Sim;
/// use futures_lite::io::AsyncWriteExt;
///
/// let mut sim = Sim::new(1);
/// let (server, client) = (sim.host("server"), sim.host("client"));
/// let listener = server.listen_tcp("0.0.0.0:7000")?;
/// server.spawn(async move {
///     let (mut stream, _peer) = listener.accept().await?;
///     let name = stream.read_line(100).await?.unwrap_or_default();
///     stream.write_all(format!("Why is {name} like a writing desk?").as_bytes()).await?;
///     fate::Ok(())
/// });
/// client.clone().spawn(async move {
///     let mut stream = client.connect_tcp("server:7000").await?;
///     stream.write_all(b"a raven\n").await?;
///     let mut answer = [0; 34];
///     stream.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"Why is a raven like a writing desk");
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct TcpStream(pub(super) Held);

impl TcpStream {
    /// The address of the other side.
    ///
    /// # Errors
    /// None for a connection that was made or accepted here; `InvalidInput` for one that was adopted and is no TCP.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(self.peer_address())
    }

    /// The address of this side.
    ///
    /// # Errors
    /// `NotConnected` once the connection is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(&self.local_address()?)
    }

    /// Whether small writes are sent at once: yes unless told otherwise (TCP_NODELAY).
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.set(Setting::NoDelay(nodelay))
    }

    /// When a silent connection is tried and given up; never, unless told otherwise.
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn set_keepalive(&self, keepalive: Option<KeepAlive>) -> io::Result<()> {
        self.set(Setting::KeepAlive(keepalive))
    }
}

pub(in crate::net) fn inet(address: &Address) -> io::Result<SocketAddr> {
    address.inet().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an internet address"))
}
