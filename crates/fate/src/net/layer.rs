//! What lies between the bytes of a connection and whoever speaks over it: encryption, above all.

use crate::Fate;
use std::io;

/// What lies between the bytes of a connection and whoever speaks over it. Set on a connection
/// ([`Transport::set_layer`](crate::Transport::set_layer), [`TcpStream::set_layer`](crate::TcpStream::set_layer)) it changes
/// nothing for these: streams, protocols, framing, marks and ends are what they were.
///
/// ```text
///   whoever speaks ──write──▶ Layer::write ──▶ the wire
///                  ◀──────── Layer::received ◀──
/// ```
///
/// A layer is plain: it is handed bytes and gives bytes, never waits and knows no connection. It is lent the Fate for the time that
/// its clocks show, for certificates have one. None of its functions is called from within another.
///
/// ```
/// use fate::{Fate, Flow, Layer, sim::Sim};
/// use futures_lite::io::AsyncWriteExt;
/// use std::io;
///
/// /// The cipher of Caesar, by thirteen.
/// struct Rot13;
///
/// fn rotate(byte: u8) -> u8 {
///     match byte {
///         b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
///         other => other,
///     }
/// }
///
/// impl Layer for Rot13 {
///     fn received(&mut self, _: &Fate, wire: &[u8], flow: &mut Flow) -> io::Result<()> {
///         flow.plain.extend(wire.iter().copied().map(rotate));
///         Ok(())
///     }
///
///     fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
///         wire.extend(plain.iter().copied().map(rotate));
///         Ok(())
///     }
/// }
///
/// let mut sim = Sim::new(1);
/// let (server, client) = (sim.host("server"), sim.host("client"));
/// let listener = server.listen_tcp("0.0.0.0:7")?;
/// server.spawn(async move {
///     let (stream, _) = listener.accept().await?;
///     assert_eq!(stream.read_line(80).await?.as_deref(), Some("gjvaxyr")); // twinkle
///     fate::Ok(())
/// });
/// client.clone().spawn(async move {
///     let mut stream = client.connect_tcp("server:7").await?;
///     stream.set_layer(Rot13).await?;
///     stream.write_all(b"twinkle\n").await?;
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub trait Layer: 'static {
    /// The first thing said, if this side has to say something.
    ///
    /// # Errors
    /// End the connection.
    fn begin(&mut self, fate: &Fate, wire: &mut Vec<u8>) -> io::Result<()> {
        let _ = (fate, wire);
        Ok(())
    }

    /// Whether the two sides have agreed, so that bytes may be sent. Until then what is written is held.
    fn is_ready(&self) -> bool {
        true
    }

    /// Bytes came in: takes all of them.
    ///
    /// # Errors
    /// End the connection, after what was put on the wire was sent.
    fn received(&mut self, fate: &Fate, wire: &[u8], flow: &mut Flow) -> io::Result<()>;

    /// Puts bytes on the wire. Called only while it is ready.
    ///
    /// # Errors
    /// End the connection.
    fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> io::Result<()>;

    /// The last thing said: this side will send no more. Called once at most.
    fn finish(&mut self, wire: &mut Vec<u8>) {
        let _ = wire;
    }

    /// The wire has come to its end. An error if the other side should have said so before, and has not.
    ///
    /// # Errors
    /// `UnexpectedEof`, as a rule.
    fn cut_off(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What comes of bytes that came in.
#[derive(Default, Debug)]
pub struct Flow {
    /// What whoever speaks is told.
    pub plain: Vec<u8>,
    /// What is answered.
    pub wire: Vec<u8>,
    /// The other side has said that it will send no more.
    pub is_ended: bool,
}

impl Flow {
    /// Empty again, with the memory that it has.
    pub(super) fn reset(&mut self) {
        self.plain.clear();
        self.wire.clear();
        self.is_ended = false;
    }
}
