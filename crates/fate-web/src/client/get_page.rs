//! A page, in one call.

use super::Client;
use bytes::Bytes;
use fate::{Deferred, Fate};

/// Fetches a page: fires with its body. Small pieces come as the network brings them, and everything else goes on
/// meanwhile.
///
/// `https` and `http`; redirects are followed, packed bodies unpacked, and no body is kept that is longer than 64 MiB.
/// There is one [`Client`] for each Fate behind it, [`Client::usual`], with the deadlines that
/// [`ClientBuilder`](crate::ClientBuilder) lists; [`Deferred::add_timeout`] sets a shorter one.
///
/// ```
/// use fate::sim::Sim;
/// use fate_web::get_page;
/// # use futures_lite::io::AsyncWriteExt;
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1); // on the network: `Fate::new()?`
/// let (server, fate) = (sim.host("example.org"), sim.host("here"));
/// # let listener = server.listen_tcp("0.0.0.0:80")?;
/// # server.spawn(async move {
/// #     let (mut stream, _) = listener.accept().await?;
/// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, Alice!").await?;
/// #     fate::Ok(())
/// # });
/// get_page(&fate, "http://example.org/")
///     .add_timeout(Duration::from_secs(3))
///     .add_callback(|page| assert_eq!(&page[..], b"Hello, Alice!"))
///     .add_errback(|failure| panic!("{failure}"));
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
///
/// # Errors
/// [`WebError`](crate::WebError), also for a page that is not there: its [`status`](crate::WebError::status) says so.
///
/// # Cancellation
/// Closes the connection.
#[track_caller]
pub fn get_page(fate: &Fate, url: &str) -> Deferred<Bytes> {
    Client::usual(fate).get(url).page()
}
