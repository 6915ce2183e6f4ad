//! What a closure answers with.

use super::outgoing::Outgoing;
use bytes::Bytes;
use fate::Failure;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

/// What a closure of a [`Server`](crate::Server) may answer with: text, bytes, a status, both, a whole [`Response`], or a `Result` of these.
///
/// An error becomes `500 Internal Server Error`, and is told to [`Server::on_error`](crate::Server::on_error); but for a
/// [`IncomingError`](crate::IncomingError), which says itself what it becomes.
///
/// ```
/// use fate_web::{Html, Reply};
/// use http::{StatusCode, header::CONTENT_TYPE};
///
/// let response = (StatusCode::NOT_FOUND, "no such spoon").reply()?;
/// assert_eq!(response.status(), 404);
/// assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
/// assert_eq!(Html("<p>hello").reply()?.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
/// assert!("no number".parse::<u8>().map(|_| "a number").reply().is_err());
/// # Ok::<(), fate::Failure>(())
/// ```
pub trait Reply {
    /// The response.
    ///
    /// # Errors
    /// There is none, and why.
    fn reply(self) -> Result<Response<Outgoing>, Failure>;
}

/// Text that is HTML.
#[derive(Clone, Copy, Debug)]
pub struct Html<T>(pub T);

fn typed(body: Outgoing, kind: &'static str) -> Result<Response<Outgoing>, Failure> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

impl<B: Into<Outgoing>> Reply for Response<B> {
    fn reply(self) -> Result<Response<Outgoing>, Failure> {
        Ok(self.map(Into::into))
    }
}

impl Reply for StatusCode {
    fn reply(self) -> Result<Response<Outgoing>, Failure> {
        (self, ()).reply()
    }
}

impl Reply for () {
    fn reply(self) -> Result<Response<Outgoing>, Failure> {
        Ok(Response::default())
    }
}

impl<R: Reply> Reply for (StatusCode, R) {
    fn reply(self) -> Result<Response<Outgoing>, Failure> {
        let mut response = self.1.reply()?;
        *response.status_mut() = self.0;
        Ok(response)
    }
}

impl<R: Reply, E: Into<Failure>> Reply for Result<R, E> {
    fn reply(self) -> Result<Response<Outgoing>, Failure> {
        self.map_err(Into::into)?.reply()
    }
}

impl<T: Into<Outgoing>> Reply for Html<T> {
    fn reply(self) -> Result<Response<Outgoing>, Failure> {
        typed(self.0.into(), "text/html; charset=utf-8")
    }
}

/// What is answered with as it is, and of which type it is.
macro_rules! replies {
    ($($type:ty: $kind:literal),+) => {$(
        impl Reply for $type {
            fn reply(self) -> Result<Response<Outgoing>, Failure> {
                typed(self.into(), $kind)
            }
        }
    )+};
}

replies!(
    &'static str: "text/plain; charset=utf-8",
    String: "text/plain; charset=utf-8",
    Vec<u8>: "application/octet-stream",
    Bytes: "application/octet-stream"
);
