//! What ties a run to a connection.

use super::TcpStream;
use crate::net::connection::Connection;
use std::fmt;
use std::rc::{Rc, Weak};

/// Says whether [`Fate::run`](crate::Fate::run) goes on because something may still come over a connection. Made by
/// [`TcpStream::tether`], and lasts when the stream is given away.
///
/// It does, as a rule: whoever reads waits for something. But one who keeps a connection only in case it is needed
/// again, as a pool does, should not keep the program going. While the tether is loose everything is as ever, and what
/// comes is told as long as the run goes on for other reasons.
///
/// ```
/// use fate::{Fate, Protocol, Transport};
///
/// struct Silent;
///
/// impl Protocol for Silent {
///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
/// }
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?; // which says nothing, and closes nothing
/// let fate = Fate::new()?;
/// let stream = fate.run_until(fate.connect_tcp(&server.local_addr()?.to_string()).into_future())?;
/// stream.tether().loosen();
/// stream.drive(Silent);
/// fate.run()?; // ends, though something might still come
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct Tether(Weak<Connection>);

impl TcpStream {
    /// What ties a run to this connection.
    pub fn tether(&self) -> Tether {
        Tether(Rc::downgrade(self.connection()))
    }
}

impl Tether {
    /// From here on a run does not go on for what may come.
    pub fn loosen(&self) {
        self.set(true);
    }

    /// From here on it does again.
    pub fn fasten(&self) {
        self.set(false);
    }

    fn set(&self, is_loose: bool) {
        if let Some(connection) = self.0.upgrade()
            && let Some(reactor) = connection.reactor()
        {
            connection.set_loose(&reactor, is_loose);
        }
    }
}

impl fmt::Debug for Tether {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tether")
    }
}
