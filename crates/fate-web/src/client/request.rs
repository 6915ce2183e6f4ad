//! What is asked for, put together.

use super::Client;
use super::error::{Kind, WebError};
use super::phase::Phase;
use super::response::Response;
use super::sent::RequestBody;
use super::trip::{Trip, Wish};
use bytes::Bytes;
use fate::Deferred;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::fmt;
use url::Url;

/// A request, put together and then [sent](Request::send). Made by [`Client::get`] and its kin.
///
/// What makes no sense in it is told when it is sent, by the Deferred.
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
/// #     stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await?;
/// #     fate::Ok(())
/// # });
/// let client = Client::new(&fate);
/// client
///     .post("http://server/poems")
///     .header("content-type", "text/plain")
///     .body("twinkle, twinkle, little bat")
///     .send()
///     .add_callback(|response| assert_eq!(response.status(), 201));
/// # sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    client: Client,
    url: Result<Url, WebError>,
    pub(super) wish: Wish,
    /// The first thing that made no sense.
    mistake: Option<WebError>,
}

impl Request {
    pub(super) fn new(client: &Client, method: Method, url: &str) -> Request {
        let wish = Wish { method, headers: HeaderMap::new(), body: RequestBody::default() };
        Request { client: client.clone(), url: parse(url), wish, mistake: None }
    }

    /// Sets a header, in place of what the client would say.
    pub fn header<N, V>(mut self, name: N, value: V) -> Request
    where
        HeaderName: TryFrom<N>,
        HeaderValue: TryFrom<V>,
    {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(self.wish.headers.insert(name, value)),
            _ => self.note("no header is like that"),
        }
        self
    }

    /// Sets many, each in place of what there is of its name.
    pub fn headers(mut self, headers: HeaderMap) -> Request {
        self.wish.headers.extend(headers);
        self
    }

    /// Says who asks, as a password in the address does.
    pub fn basic_auth(mut self, name: &str, password: &str) -> Request {
        if let Ok(url) = &mut self.url
            && (url.set_username(name).is_err() || url.set_password(Some(password)).is_err())
        {
            self.note("there is nobody to tell who asks");
        }
        self
    }

    /// Says who asks, by what somebody has given him.
    pub fn bearer_auth(mut self, token: &str) -> Request {
        match HeaderValue::try_from(format!("Bearer {token}")) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.wish.headers.insert(http::header::AUTHORIZATION, value);
            }
            Err(_) => self.note("no header is like that"),
        }
        self
    }

    /// Adds to what is asked in the address, `?name=value`.
    pub fn query(mut self, name: &str, value: &str) -> Request {
        if let Ok(url) = &mut self.url {
            url.query_pairs_mut().append_pair(name, value);
        }
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<RequestBody>) -> Request {
        self.wish.body = body.into();
        self
    }

    pub(super) fn note(&mut self, words: &'static str) {
        let url = self.url.as_ref().map_or_else(|error| error.url().to_owned(), super::error::shown);
        self.mistake.get_or_insert_with(|| WebError::of_place(Kind::Unfit(words), Phase::Address, &url));
    }

    /// Sends it. Fires with the header of the response; the body is received as it is asked for.
    ///
    /// A status such as 404 is a response like others: see [`Response::ok`].
    ///
    /// # Errors
    /// [`WebError`].
    ///
    /// # Cancellation
    /// Closes the connection, if the request was sent on one; with HTTP/2 it tells the other side to stop.
    #[track_caller]
    pub fn send(self) -> Deferred<Response> {
        let fate = self.client.fate().clone();
        fate.spawn(self.go()).and_then(|response| response)
    }

    /// Sends it. Fires with the body of the response, if that says that all went well (2xx), and is no longer than the
    /// [limit](crate::ClientBuilder::page_limit): as [`get_page`](crate::get_page), with a client of one's own.
    ///
    /// # Errors
    /// [`WebError`].
    ///
    /// # Cancellation
    /// As [`Request::send`].
    #[track_caller]
    pub fn page(self) -> Deferred<Bytes> {
        let fate = self.client.fate().clone();
        fate.spawn(async move { self.go().await?.ok()?.collect().await }).and_then(|page| page)
    }

    /// As [`Request::send`], without a Deferred.
    async fn go(self) -> Result<Response, WebError> {
        let Request { client, url, wish, mistake } = self;
        let url = url?;
        match mistake.map_or(Ok(()), Err).and_then(|()| client.mistake()) {
            Ok(()) => Trip::new(client.fate(), client.shared(), url).go(wish).await,
            Err(mistake) => Err(mistake),
        }
    }
}

/// The address that a text is.
fn parse(text: &str) -> Result<Url, WebError> {
    let words = match Url::parse(text.trim()) {
        Ok(url) if url.has_host() => return Ok(url),
        Ok(_) => "neither http nor https",
        Err(url::ParseError::RelativeUrlWithoutBase) => "an address begins with https:// or http://",
        Err(_) => "that is no address",
    };
    // What may be a password is not shown.
    let place = text.rsplit('@').next().unwrap_or_default();
    Err(WebError::of_place(Kind::Unfit(words), Phase::Address, place))
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(super::error::shown);
        f.debug_struct("Request").field("method", &self.wish.method).field("url", &url).finish_non_exhaustive()
    }
}
