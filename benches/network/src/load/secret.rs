//! Many connections by TLS, one message in flight on each: all of them ask, then all of them are answered.

use super::{check, connect};
use crate::script::Script;
use fate_tls::TlsClient;
use fate_tls::rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;

pub struct SecretLoad {
    lines: Vec<StreamOwned<ClientConnection, TcpStream>>,
    script: Script,
    buffer: Vec<u8>,
    sent: usize,
}

impl SecretLoad {
    pub fn connect(port: u16, lines: usize, message: usize) -> io::Result<SecretLoad> {
        let client = TlsClient::builder().dangerous_believe_everybody_because("the server is a child of this process");
        let config = client.build()?.config().clone();
        let line = |_| {
            let name = "localhost".try_into().map_err(io::Error::other)?;
            let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
            Ok(StreamOwned::new(session, connect(port)?))
        };
        let lines = (0..lines).map(line).collect::<io::Result<_>>()?;
        Ok(SecretLoad { lines, script: Script::new(message), buffer: vec![0; message], sent: 0 })
    }

    /// Sends `messages`, or a few more, and gets them all back. Gives how many.
    pub fn run(&mut self, messages: usize) -> io::Result<usize> {
        let rounds = messages.div_ceil(self.lines.len());
        for _ in 0..rounds {
            self.round()?;
        }
        Ok(rounds * self.lines.len())
    }

    fn round(&mut self) -> io::Result<()> {
        let length = self.buffer.len();
        for (number, line) in self.lines.iter_mut().enumerate() {
            line.write_all(self.script.at(number, self.sent, length))?;
            line.flush()?;
        }
        for (number, line) in self.lines.iter_mut().enumerate() {
            line.read_exact(&mut self.buffer)?;
            check(&self.buffer, self.script.at(number, self.sent, length))?;
        }
        self.sent += length;
        Ok(())
    }
}
