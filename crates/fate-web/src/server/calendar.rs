//! The date of a response, in a simulation.

use fate::Fate;
use http::HeaderValue;
use std::cell::RefCell;
use std::time::UNIX_EPOCH;

/// Which date it is, in the words of HTTP (RFC 9110, 5.6.7).
pub(super) struct Calendar {
    fate: Fate,
    /// The last date, and its second.
    last: RefCell<(u64, HeaderValue)>,
}

impl Calendar {
    pub fn new(fate: &Fate) -> Calendar {
        Calendar { fate: fate.clone(), last: RefCell::new((u64::MAX, HeaderValue::from_static(""))) }
    }

    pub fn date(&self) -> HeaderValue {
        let now = self.fate.wall_time();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut last = self.last.borrow_mut();
        if last.0 != second
            && let Ok(words) = HeaderValue::try_from(httpdate::fmt_http_date(now))
        {
            *last = (second, words);
        }
        last.1.clone()
    }
}
