//! Names and passwords in addresses (RFC 7617).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// What an address says of who asks, as the value of a header.
pub(super) fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut words: Vec<u8> = percent_decode_str(url.username()).collect();
    words.push(b':');
    words.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(words))).ok()?;
    value.set_sensitive(true);
    Some(value)
}
