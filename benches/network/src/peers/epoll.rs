//! Bare epoll: the least that a readiness loop can do. Level-triggered, one buffer for all, one receive and one send a message.
//!
//! It remembers nothing of a connection but its descriptor. If a socket does not take the whole echo, everybody waits until it
//! does: a server would have to queue, and none of the loads here makes a socket full.

use crate::contender::Setting;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The listener's event; a connection's is its place.
const LISTENER: u64 = u64::MAX;

const NONE: Event = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };

pub fn serve(setting: Setting) -> io::Result<()> {
    let listener = setting.listen()?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut lines = Lines { epoll, open: Vec::new() };
    let mut buffer = vec![0; 16 * 1024];
    let mut events = [NONE; 1024];
    loop {
        let ready = epoll::wait(&lines.epoll, &mut events, None)?;
        for event in &events[..ready] {
            match event.data.u64() {
                LISTENER => lines.accept(&listener)?,
                place => lines.echo(place as usize, &mut buffer)?,
            }
        }
    }
}

/// The connections, each in the place of its descriptor's number.
struct Lines {
    epoll: OwnedFd,
    open: Vec<Option<OwnedFd>>,
}

impl Lines {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let line = match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Err(Errno::AGAIN) => return Ok(()),
                line => line?,
            };
            let place = line.as_raw_fd() as usize;
            epoll::add(&self.epoll, &line, EventData::new_u64(place as u64), EventFlags::IN)?;
            self.open.resize_with(self.open.len().max(place + 1), || None);
            self.open[place] = Some(line);
        }
    }

    fn echo(&mut self, place: usize, buffer: &mut [u8]) -> io::Result<()> {
        let Some(line) = &self.open[place] else { return Ok(()) };
        match recv(line, &mut *buffer, RecvFlags::empty()) {
            Err(Errno::AGAIN) => Ok(()),
            Ok((1.., got)) => send_all(line.as_fd(), &buffer[..got]),
            // Closing takes it out of the epoll set too.
            Ok((0, _)) | Err(_) => {
                self.open[place] = None;
                Ok(())
            }
        }
    }
}

fn send_all(line: BorrowedFd, mut bytes: &[u8]) -> io::Result<()> {
    loop {
        match send(line, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) if sent == bytes.len() => return Ok(()),
            Ok(sent) => bytes = &bytes[sent..],
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&line, PollFlags::OUT)], None)?),
            // The peer is gone; the next receive says so.
            Err(_) => return Ok(()),
        }
    }
}
