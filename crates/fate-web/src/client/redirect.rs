//! Being sent elsewhere (RFC 9110, section 15.4).

use super::error::{Kind, WebError};
use super::phase::Phase;
use super::route::is_same_origin;
use super::trip::Trip;
use http::header::{self, HeaderName};
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// Where to, and what changes.
pub(super) struct Elsewhere {
    pub url: Url,
    /// Whether it is another origin, whom the secrets of this one are none of his business.
    pub is_foreign: bool,
    /// Whether the page is fetched there with GET, and without a body, rather than the same asked again.
    pub becomes_get: bool,
}

/// Headers that are for one origin.
const SECRETS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::WWW_AUTHENTICATE,
    // Whoever has set it meant the host that it was for.
    header::HOST,
];

/// Headers that say what is in the body.
const OF_BODY: [HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::TRANSFER_ENCODING,
    header::EXPECT,
];

/// Where a response sends whoever asks, if it does.
pub(super) fn find(trip: &Trip, method: &Method, head: &Parts, hops: usize) -> Result<Option<Elsewhere>, WebError> {
    let most = trip.settings().redirects;
    let Some(becomes_get) = becomes_get(head.status, method) else { return Ok(None) };
    let Some(location) = head.headers.get(header::LOCATION).filter(|_| most > 0) else { return Ok(None) };
    let refused = |words| Err(WebError::new(Kind::Redirect(words), Phase::Header, &trip.url));
    if hops >= most {
        return refused("it is sent elsewhere too often");
    }
    // As browsers take it: UTF-8, if it is not ASCII as it should be.
    let Ok(mut url) = trip.url.join(&String::from_utf8_lossy(location.as_bytes())) else {
        return refused("it is sent to what is no address");
    };
    match (trip.url.scheme(), url.scheme()) {
        (_, "https") | ("http", "http") => {}
        (_, "http") if trip.settings().allows_downgrade => {}
        (_, "http") => return refused("it is sent from https to http"),
        _ => return refused("it is sent to what is neither http nor https"),
    }
    if url.fragment().is_none() {
        url.set_fragment(trip.url.fragment());
    }
    let is_foreign = !is_same_origin(&trip.url, &url);
    if !is_foreign && url.username().is_empty() {
        // Relative addresses keep what the one before said of who asks; absolute ones of the same origin should as
        // well.
        let _ = url.set_username(trip.url.username());
        let _ = url.set_password(trip.url.password());
    }
    Ok(Some(Elsewhere { url, is_foreign, becomes_get }))
}

/// Nothing for what is no redirect.
fn becomes_get(status: StatusCode, method: &Method) -> Option<bool> {
    match status {
        // As everybody does it, and as is therefore allowed.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => Some(method == Method::POST),
        StatusCode::SEE_OTHER => Some(method != Method::GET && method != Method::HEAD),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => Some(false),
        _ => None,
    }
}

pub(super) fn forget_secrets(headers: &mut HeaderMap) {
    SECRETS.iter().for_each(|name| drop(headers.remove(name)));
}

pub(super) fn forget_body(headers: &mut HeaderMap) {
    OF_BODY.iter().for_each(|name| drop(headers.remove(name)));
}
