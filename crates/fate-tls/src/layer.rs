//! rustls as the layer of a connection.
//!
//! ```text
//!   wire ─▶ read_tls ─▶ process_new_packets ─▶ reader ─▶ flow.plain
//!   wire ◀─ write_tls ◀──────────────────────── writer ◀─ plain
//! ```
//!
//! # Invariants
//! - T1 What rustls wants to send is on the wire when a call returns, also when it returns an error: that is the alert by which
//!   the other side learns why.
//! - T2 Nothing that was decrypted stays in rustls when a call returns.
//!
//! # Cost
//! Of a message that comes: copied once to where it is decrypted, once out of there, and once to `flow`. Of one that goes:
//! encrypted into memory of its own, and copied once to `wire`.

use crate::error::{Cause, Peer};
use crate::time::LastTime;
use crate::{Phase, Session, TlsError};
use fate::{Fate, Flow, Layer};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use std::cell::OnceCell;
use std::io::{self, BufRead, ErrorKind, Write};
use std::rc::Rc;
use std::sync::Arc;

/// rustls as a layer.
pub(crate) struct TlsLayer {
    side: Side,
    /// There once it has begun.
    connection: Option<Connection>,
    peer: Peer,
    time: LastTime,
    /// Where whoever waits for the agreement finds it.
    agreed: Rc<OnceCell<Session>>,
    is_ended: bool,
}

/// Which of the two this is. A client asks for the peer's name.
pub(crate) enum Side {
    Client(Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

impl TlsLayer {
    pub fn new(side: Side, peer: Peer, agreed: &Rc<OnceCell<Session>>) -> TlsLayer {
        let time = LastTime::default();
        TlsLayer { side, connection: None, peer, time, agreed: agreed.clone(), is_ended: false }
    }

    fn connect(&self) -> Result<Connection, Cause> {
        let mut connection = match &self.side {
            Side::Client(config) => ClientConnection::new(config.clone(), self.server_name()?)?.into(),
            Side::Server(config) => Connection::from(ServerConnection::new(config.clone())?),
        };
        // What it holds is handed on before a call returns, and is marked there.
        connection.set_buffer_limit(None);
        Ok(connection)
    }

    fn server_name(&self) -> Result<ServerName<'static>, Cause> {
        let name = self.peer.name.as_deref().unwrap_or_default();
        let name = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        ServerName::try_from(name.to_string()).map_err(|_| format!("{name:?} cannot be the name of a host").into())
    }

    fn error(&self, cause: impl Into<Cause>) -> io::Error {
        let phase = if self.is_ready() { Phase::Session } else { Phase::Handshake };
        TlsError::new(phase, Some(self.peer.clone()), cause.into()).into()
    }

    fn take_in(&mut self, mut wire: &[u8], plain: &mut Vec<u8>) -> Result<(), Cause> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        while !wire.is_empty() && !self.is_ended {
            connection.read_tls(&mut wire)?;
            let outcome = connection.process_new_packets();
            take_plain(connection, plain);
            self.is_ended = outcome?.peer_has_closed();
        }
        Ok(())
    }

    /// Notes what was agreed upon, once it is.
    fn look_for_agreement(&mut self) {
        if let Some(connection) = self.connection.as_ref().filter(|it| !it.is_handshaking()) {
            self.agreed.get_or_init(|| Session::of(connection, self.peer.name.as_deref()));
        }
    }

    /// T1.
    fn put_on(&mut self, wire: &mut Vec<u8>) {
        let Some(connection) = &mut self.connection else { return };
        while connection.wants_write() {
            connection.write_tls(wire).expect("memory takes what is written to it");
        }
    }
}

/// T2.
fn take_plain(connection: &mut Connection, plain: &mut Vec<u8>) {
    let mut reader = connection.reader();
    // An error says that nothing is there now, and none that nothing will be.
    while let Some(bytes) = reader.fill_buf().ok().filter(|bytes| !bytes.is_empty()) {
        let count = bytes.len();
        plain.extend_from_slice(bytes);
        reader.consume(count);
    }
}

impl Layer for TlsLayer {
    fn begin(&mut self, fate: &Fate, wire: &mut Vec<u8>) -> io::Result<()> {
        let _moment = self.time.exactly(fate);
        self.connection = Some(self.connect().map_err(|cause| self.error(cause))?);
        self.put_on(wire);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.agreed.get().is_some()
    }

    fn received(&mut self, fate: &Fate, wire: &[u8], flow: &mut Flow) -> io::Result<()> {
        let _moment = if self.is_ready() { self.time.about(fate) } else { self.time.exactly(fate) };
        let outcome = self.take_in(wire, &mut flow.plain);
        self.put_on(&mut flow.wire);
        flow.is_ended = self.is_ended;
        // Also if something was wrong after it, in the same piece.
        self.look_for_agreement();
        outcome.map_err(|cause| self.error(cause))
    }

    fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
        let connection = self.connection.as_mut().ok_or(ErrorKind::NotConnected)?;
        connection.writer().write_all(plain)?;
        self.put_on(wire);
        Ok(())
    }

    fn finish(&mut self, wire: &mut Vec<u8>) {
        if let Some(connection) = &mut self.connection {
            connection.send_close_notify();
        }
        self.put_on(wire);
    }

    fn cut_off(&mut self) -> io::Result<()> {
        if self.is_ended { Ok(()) } else { Err(self.error(Cause::Truncated)) }
    }
}
