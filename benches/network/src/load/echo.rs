//! Many connections, so many messages in flight on each; whoever gets one back sends the next.
//!
//! Level-triggered epoll, one receive an event and one send for all the messages that it completed. Sends may block: what is in
//! flight is little enough for the sockets to take.

use super::{check, connect, receive, until_all};
use crate::script::Script;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

/// Connections that are open, with nothing in flight between two `run`s.
pub struct Load {
    epoll: OwnedFd,
    lines: Vec<Line>,
    script: Script,
    buffer: Vec<u8>,
    message: usize,
    in_flight: usize,
    /// Messages that may still be sent, and those that are still to come back.
    allowance: usize,
    awaited: usize,
}

struct Line {
    socket: TcpStream,
    sent: usize,
    received: usize,
}

impl Load {
    pub fn connect(port: u16, lines: usize, in_flight: usize, message: usize) -> io::Result<Load> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let line = |number: usize| {
            let socket = connect(port)?;
            epoll::add(&epoll, &socket, EventData::new_u64(number as u64), EventFlags::IN)?;
            Ok(Line { socket, sent: 0, received: 0 })
        };
        let lines = (0..lines).map(line).collect::<io::Result<_>>()?;
        let buffer = vec![0; 64 * 1024];
        let script = Script::new(buffer.len().max(message * in_flight));
        Ok(Load { epoll, lines, script, buffer, message, in_flight, allowance: 0, awaited: 0 })
    }

    /// Sends `messages` and gets them all back.
    pub fn run(&mut self, messages: usize) -> io::Result<()> {
        (self.allowance, self.awaited) = (messages, messages);
        for line in 0..self.lines.len() {
            self.send(line, self.in_flight)?;
        }
        until_all(self, |load| &load.epoll, |load| load.awaited, Self::receive)
    }

    fn receive(&mut self, number: usize) -> io::Result<()> {
        let line = &mut self.lines[number];
        let got = receive(&line.socket, &mut self.buffer)?;
        if got == 0 {
            return Ok(());
        }
        check(&self.buffer[..got], self.script.at(number, line.received, got))?;
        let complete = (line.received + got) / self.message - line.received / self.message;
        line.received += got;
        self.awaited -= complete;
        self.send(number, complete)
    }

    /// Sends so many messages, or as many as may still be sent.
    fn send(&mut self, number: usize, messages: usize) -> io::Result<()> {
        let messages = messages.min(self.allowance);
        if messages == 0 {
            return Ok(());
        }
        self.allowance -= messages;
        let line = &mut self.lines[number];
        let length = messages * self.message;
        (&line.socket).write_all(self.script.at(number, line.sent, length))?;
        line.sent += length;
        Ok(())
    }
}
