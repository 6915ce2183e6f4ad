//! The clients: what is asked of a server, thriftily, from the other core. Each checks every byte that comes back.

mod crowd;
mod echo;
mod pages;
mod ping;
mod secret;
mod visits;

pub use crowd::Crowd;
pub use echo::Load;
pub use pages::{Pages, visit_all};
pub use ping::Ping;
pub use secret::SecretLoad;
pub use visits::visit;

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A server that says nothing for so long does not do its work.
const PATIENCE: Duration = Duration::from_secs(10);

fn connect(port: u16) -> io::Result<TcpStream> {
    let line = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    line.set_nodelay(true)?;
    line.set_read_timeout(Some(PATIENCE))?;
    line.set_write_timeout(Some(PATIENCE))?;
    Ok(line)
}

/// Compares what came back with what was sent.
fn check(came: &[u8], sent: &[u8]) -> io::Result<()> {
    if came == sent { Ok(()) } else { Err(io::Error::other("other bytes came back than were sent")) }
}
