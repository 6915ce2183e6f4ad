//! A connection that speaks something else from now on.

use fate::Result;
use futures_io::{AsyncRead, AsyncWrite};
use http::Request;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper::upgrade;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Waits until the response to this request is sent, and gives the connection: for WebSockets and whatever else begins
/// with `101 Switching Protocols` (RFC 9110, 7.8).
///
/// Take it before the response is given, and await it in a task of its own.
///
/// # Errors
/// The request did not ask for it, or the response was another.
///
/// ```
/// use fate::sim::Sim;
/// use fate_web::{Incoming, Outgoing, Server};
/// use futures_lite::AsyncWriteExt;
/// use http::{Request, Response};
///
/// let mut sim = Sim::new(1);
/// let (fate, client) = (sim.host("server"), sim.host("client"));
/// let here = fate.clone();
/// let listener = fate.listen_tcp("0.0.0.0:80")?;
/// let server = Server::new().serve(&fate, listener, move |mut request: Request<Incoming>| {
///     let upgrade = fate_web::upgrade(&mut request);
///     here.spawn(async {
///         upgrade.await?.write_all(b"jabber\n").await?;
///         fate::Ok(())
///     });
///     let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "jabberwock");
///     async { response.body(Outgoing::default()) }
/// });
/// client.clone().spawn(async move {
///     let stream = client.connect_tcp("server:80").await?;
///     let request = "GET / HTTP/1.1\r\nhost: server\r\nconnection: upgrade\r\nupgrade: jabberwock\r\n\r\n";
///     stream.write_bytes(request.into()).await?;
///     while let Some(line) = stream.read_line(100).await? {
///         if line.is_empty() { break }
///     }
///     assert_eq!(stream.read_line(100).await?.as_deref(), Some("jabber"));
///     server.stop();
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub fn upgrade<B>(request: &mut Request<B>) -> impl Future<Output = Result<Upgraded>> + use<B> {
    let upgrade = upgrade::on(request);
    async move { fate::Ok(Upgraded(upgrade.await?)) }
}

/// A connection that is none of the server's any more, with the traits of `futures-io` and of hyper. Dropping it closes it.
pub struct Upgraded(upgrade::Upgraded);

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        let result = Pin::new(&mut self.0).poll_read(context, into.unfilled());
        result.map_ok(|()| into.filled().len())
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, pieces)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Read for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl Write for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgraded")
    }
}
