//! Short connections: connect, send one message, read its echo, close. The client closes first.
//!
//! Some are open at any time, so that the server can accept several at once; the oldest is finished before the next comes. Ports
//! of closed connections are not free for a minute, but those of this machine's many addresses are counted separately.

#![allow(unsafe_code, reason = "an option of sockets that only libc has")]

use super::{PATIENCE, check};
use crate::script::Script;
use rustix::net::{AddressFamily, SocketType, ipproto};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

/// So many are open at a time.
const OPEN: usize = 32;

/// So many come from one address.
const EACH: usize = 10_000;

/// Visits so many times; every echo has come back at the end.
pub fn visit(port: u16, visits: usize, message: usize) -> io::Result<()> {
    let script = Script::new(message);
    let mut open = VecDeque::with_capacity(OPEN);
    let mut buffer = vec![0; message];
    for visit in 0..visits {
        if open.len() == OPEN {
            leave(open.pop_front(), &script, &mut buffer)?;
        }
        let mut line = connect(port, visit)?;
        line.write_all(script.at(visit, 0, message))?;
        open.push_back((visit, line));
    }
    while !open.is_empty() {
        leave(open.pop_front(), &script, &mut buffer)?;
    }
    Ok(())
}

fn leave(visit: Option<(usize, TcpStream)>, script: &Script, buffer: &mut [u8]) -> io::Result<()> {
    let Some((visit, mut line)) = visit else { return Ok(()) };
    line.read_exact(buffer)?;
    check(buffer, script.at(visit, 0, buffer.len()))
}

fn connect(port: u16, visit: usize) -> io::Result<TcpStream> {
    let line = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP))?;
    choose_port_late(&line)?;
    let home = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + (visit / EACH) as u32);
    rustix::net::bind(&line, &SocketAddrV4::new(home, 0))?;
    rustix::net::connect(&line, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    let line = TcpStream::from(line);
    line.set_read_timeout(Some(PATIENCE))?;
    Ok(line)
}

/// Lets `bind` fix the address alone, and `connect` look for a port that is free towards this server.
fn choose_port_late(line: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let (value, length) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
    // SAFETY: the kernel reads `length` bytes at `value`, which are there.
    match unsafe { libc::setsockopt(line.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, value, length) }
    {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
