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

use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
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

const NONE: Event = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };

/// Waits for lines on which something has come, and has each of them `received`, until nothing is `missing`.
fn until_all<L>(
    load: &mut L,
    epoll: impl Fn(&L) -> &OwnedFd,
    missing: impl Fn(&L) -> usize,
    received: impl Fn(&mut L, usize) -> io::Result<()>,
) -> io::Result<()> {
    let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let mut events = [NONE; 1024];
    while missing(load) > 0 {
        let ready = epoll::wait(epoll(load), &mut events, Some(&patience))?;
        if ready == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{} answers missing", missing(load))));
        }
        for event in &events[..ready] {
            received(load, event.data.u64() as usize)?;
        }
    }
    Ok(())
}

/// What has come on a line; none if that was nothing.
fn receive(line: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    match recv(line, buffer, RecvFlags::DONTWAIT) {
        Err(Errno::AGAIN) => Ok(0),
        Ok((0, _)) => Err(io::ErrorKind::UnexpectedEof.into()),
        got => Ok(got?.0),
    }
}

/// Compares what came back with what was sent.
fn check(came: &[u8], sent: &[u8]) -> io::Result<()> {
    if came == sent { Ok(()) } else { Err(io::Error::other("other bytes came back than were sent")) }
}
