//! What a request must be, beyond what hyper asks of it.
//!
//! Where two programs read a request, one behind the other, and do not agree on whom it asks or where it ends, somebody can slip
//! one past the first (RFC 9112, 11.2). hyper sees to the lengths; this to the host, and to what a body may be packed in.

use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version};
use http_body::Body;

/// What is said against a request: to the other side, and to whoever is told of errors.
pub(super) type Objection = (StatusCode, &'static str);

pub(super) fn objection<B: Body>(request: &Request<B>) -> Option<Objection> {
    let against = against_host(request);
    against.or_else(|| if request.body().is_end_stream() { None } else { against_coding(request.headers()) })
}

/// A request names one host, and with HTTP/1.1 it must (RFC 9112, 3.2). With HTTP/2 it may do so twice (RFC 9113, 8.3.1).
fn against_host<B>(request: &Request<B>) -> Option<Objection> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let words = match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => "it names no host",
        (_, Some(_)) => "it names several hosts",
        (Some(host), None) if !host.as_bytes().iter().all(|byte| OF_HOST[usize::from(*byte)]) => {
            "what it names is no host"
        }
        (Some(host), None) if request.version() == Version::HTTP_2 && is_other(host, request.uri()) => {
            "it names several hosts"
        }
        _ => return None,
    };
    Some((StatusCode::BAD_REQUEST, words))
}

/// For each byte, whether it may stand in a name or an address, with a port or without (RFC 3986, 3.2.2).
static OF_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_of_host(byte as u8);
        byte += 1;
    }
    table
};

const fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']' | b'%')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=')
}

fn is_other(host: &HeaderValue, address: &Uri) -> bool {
    address.authority().is_some_and(|authority| !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()))
}

/// There is one coding that is understood here, and it is not done twice (RFC 9112, 6.1).
fn against_coding(headers: &HeaderMap) -> Option<Objection> {
    let codings =
        headers.get_all(TRANSFER_ENCODING).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    match (codings.next(), codings.next()) {
        (Some(first), _) if !first.eq_ignore_ascii_case(b"chunked") => {
            Some((StatusCode::NOT_IMPLEMENTED, "its body is packed in an unknown way"))
        }
        (_, Some(_)) => Some((StatusCode::BAD_REQUEST, "its body is chunked twice")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(&'static str, &str)], version: Version) -> Option<u16> {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        objection(&request.body("tea".to_string()).unwrap()).map(|(status, _)| status.as_u16())
    }

    /// W2: RFC 9112, 3.2.
    #[test]
    fn a_request_names_one_host() {
        for host in ["alice", "alice:80", "[::1]:80", "x%2Dy", ""] {
            assert_eq!(said(&[("host", host)], Version::HTTP_11), None, "{host}");
        }
        for host in ["a b", "a, b", "a/b", "me@alice", "a?b", "a\tb", "é"] {
            assert_eq!(said(&[("host", host)], Version::HTTP_11), Some(400), "{host}");
        }
        assert_eq!(said(&[], Version::HTTP_11), Some(400));
        assert_eq!(said(&[], Version::HTTP_10), None);
        assert_eq!(said(&[], Version::HTTP_2), None);
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(said(&[("host", "a"), ("host", "a")], version), Some(400));
        }
        for (host, expected) in [("Alice", None), ("bob", Some(400))] {
            let request = Request::get("http://alice/").version(Version::HTTP_2).header("host", host);
            let objection = objection(&request.body("tea".to_string()).unwrap());
            assert_eq!(objection.map(|(status, _)| status.as_u16()), expected, "{host}");
        }
    }

    /// W2: RFC 9112, 6.1.
    #[test]
    fn a_body_is_chunked_once_and_nothing_else() {
        let coded = |coding: &str| said(&[("host", "a"), ("transfer-encoding", coding)], Version::HTTP_11);
        assert_eq!((coded("chunked"), coded(" Chunked ,")), (None, None));
        assert_eq!((coded("gzip, chunked"), coded("chunked, chunked")), (Some(501), Some(400)));
    }
}
