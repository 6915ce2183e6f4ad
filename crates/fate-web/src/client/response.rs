//! What comes back.

use super::error::{Kind, WebError, shown};
use super::phase::Phase;
use super::received::{Received, ResponseBody};
use bytes::{Bytes, BytesMut};
use fate::Deferred;
use http::response::Parts;
use http::{HeaderMap, StatusCode, Version};
use std::fmt;
use url::Url;

/// At most so much memory is asked for before the bytes are there.
const AT_ONCE: u64 = 1024 * 1024;

/// A response: its header, and its body on the way.
///
/// What is not read makes the other side wait: with HTTP/1.1 at once, and it stops what is left of the
/// [request's body](crate::RequestBody::stream) as well; with HTTP/2 after 1 MiB. It takes the place of another request
/// until it is read to its end or dropped: with HTTP/1.1 a connection, with HTTP/2 one of 100 requests at most that share
/// one, whose bodies take 100 MiB of memory at most before they are read.
///
/// ```
/// # use fate::sim::Sim;
/// # use fate_web::Client;
/// # use futures_lite::io::AsyncWriteExt;
/// # let mut sim = Sim::new(1);
/// # let (server, fate) = (sim.host("server"), sim.host("here"));
/// # let listener = server.listen_tcp("0.0.0.0:80")?;
/// # server.spawn(async move {
/// #     let (mut stream, _) = listener.accept().await?;
/// #     let header = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n";
/// #     stream.write_all(header).await?;
/// #     stream.write_all(b"7\r\ntwinkle\r\n0\r\n\r\n").await?;
/// #     fate::Ok(())
/// # });
/// # let client = Client::new(&fate);
/// fate.spawn(async move {
///     let mut response = client.get("http://server/song").send().await?.ok()?;
///     assert_eq!(response.headers()["content-type"], "text/plain");
///     let mut length = 0;
///     while let Some(piece) = response.piece().await? {
///         length += piece.len(); // the next piece is received when it is asked for
///     }
///     assert_eq!(length, 7);
///     fate::Ok(())
/// });
/// # sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct Response {
    head: Parts,
    url: Url,
    body: Received,
    page_limit: usize,
}

impl Response {
    pub(super) fn new(head: Parts, url: Url, body: Received, page_limit: usize) -> Response {
        Response { head, url, body, page_limit }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Its headers. Of a body that is unpacked here they do not say that it was packed, nor how long it was.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The version of HTTP that was spoken.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Where it came from in the end, without a password.
    pub fn url(&self) -> String {
        shown(&self.url)
    }

    /// How many bytes of the body are still to come, if that was said and it does not come packed.
    pub fn length(&self) -> Option<u64> {
        self.body.length()
    }

    /// The response, if its status says that all went well (2xx).
    ///
    /// # Errors
    /// [`WebError`], of which [`status`](WebError::status) says what the response said.
    pub fn ok(self) -> Result<Response, WebError> {
        match self.status() {
            status if status.is_success() => Ok(self),
            status => {
                self.body.discard();
                Err(WebError::new(Kind::Status(status), Phase::Header, &self.url))
            }
        }
    }

    /// The next piece of the body, once it is there; nothing at the end.
    ///
    /// # Errors
    /// [`WebError`], after which nothing more comes.
    ///
    /// # Cancellation
    /// Dropping the future half way loses nothing.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, WebError> {
        self.body.piece().await
    }

    /// The whole body, if it is no longer than the [limit](crate::ClientBuilder::page_limit).
    ///
    /// # Errors
    /// [`WebError`]; it [is too long](WebError::is_too_long) if there is more.
    ///
    /// # Cancellation
    /// Closes the connection.
    #[track_caller]
    pub fn bytes(self) -> Deferred<Bytes> {
        let fate = self.body.fate().clone();
        fate.spawn(self.collect()).and_then(|bytes| bytes)
    }

    /// The whole body as text: UTF-8, with replacement characters for what is none.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    #[track_caller]
    pub fn text(self) -> Deferred<String> {
        self.bytes().add_callback(|bytes| match String::from_utf8_lossy(&bytes) {
            std::borrow::Cow::Borrowed(text) => text.to_owned(),
            std::borrow::Cow::Owned(text) => text,
        })
    }

    /// The body as a stream.
    pub fn into_body(self) -> ResponseBody {
        self.body.into_body()
    }

    /// The same in the types of the crate `http`.
    pub fn into_http(self) -> http::Response<ResponseBody> {
        http::Response::from_parts(self.head, self.body.into_body())
    }

    #[cfg(feature = "json")]
    pub(super) fn fate(&self) -> &fate::Fate {
        self.body.fate()
    }

    #[cfg(feature = "json")]
    pub(super) fn body_error(&self, kind: Kind) -> WebError {
        self.body.error(kind)
    }

    /// As [`Response::bytes`], without a Deferred.
    pub(super) async fn collect(mut self) -> Result<Bytes, WebError> {
        let too_long = |body: &Received| Err(body.error(Kind::TooLong("it is longer than is allowed")));
        let length = self.length();
        if length.is_some_and(|length| length > self.page_limit as u64) {
            return too_long(&self.body);
        }
        let Some(first) = self.piece().await? else { return Ok(Bytes::new()) };
        let mut next = self.piece().await?;
        if next.is_none() {
            return if first.len() > self.page_limit { too_long(&self.body) } else { Ok(first) };
        }
        // What the other side says is to come is believed within bounds: memory is for what has come.
        let expected = length.unwrap_or(0).min(AT_ONCE) as usize;
        let mut all = BytesMut::with_capacity(expected.max(first.len() * 2));
        all.extend_from_slice(&first);
        while let Some(piece) = next {
            if all.len() + piece.len() > self.page_limit {
                return too_long(&self.body);
            }
            all.extend_from_slice(&piece);
            next = self.piece().await?;
        }
        Ok(all.freeze())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).field("url", &self.url()).finish_non_exhaustive()
    }
}
