//! One connection, one message in flight: how long is it away?

use super::{check, connect};
use crate::script::Script;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub struct Ping {
    socket: TcpStream,
    script: Script,
    buffer: Vec<u8>,
    sent: usize,
}

impl Ping {
    pub fn connect(port: u16, message: usize) -> io::Result<Ping> {
        Ok(Ping { socket: connect(port)?, script: Script::new(message), buffer: vec![0; message], sent: 0 })
    }

    /// Sends so many messages, each when the one before has come back, and tells how long each was away.
    pub fn run(&mut self, messages: usize) -> io::Result<Vec<Duration>> {
        (0..messages).map(|_| self.round_trip()).collect()
    }

    fn round_trip(&mut self) -> io::Result<Duration> {
        let message = self.script.at(0, self.sent, self.buffer.len());
        let start = Instant::now();
        self.socket.write_all(message)?;
        self.socket.read_exact(&mut self.buffer)?;
        let away = start.elapsed();
        check(&self.buffer, message)?;
        self.sent += message.len();
        Ok(away)
    }
}
