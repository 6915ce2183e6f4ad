//! Many connections that have nothing to say.

use super::{check, connect};
use crate::script::Script;
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Connections that are open; they close when this is dropped.
pub struct Crowd {
    _lines: Vec<TcpStream>,
}

impl Crowd {
    /// Opens so many. Each sends one message and gets it back, so that its server has had every reason to make room for it.
    pub fn gather(port: u16, lines: usize, message: usize) -> io::Result<Crowd> {
        let script = Script::new(message);
        let line = |number: usize| {
            let mut socket = connect(port)?;
            let (sent, mut came) = (script.at(number, 0, message), vec![0; message]);
            socket.write_all(sent)?;
            socket.read_exact(&mut came)?;
            check(&came, sent).map(|()| socket)
        };
        Ok(Crowd { _lines: (0..lines).map(line).collect::<io::Result<_>>()? })
    }
}
