//! Cookies (RFC 6265), by the clock of the Fate.
//!
//! The store knows domains and paths, and goes by the clock of the system, which a simulated host has not got. So in
//! the store no cookie expires: when each does is noted here, and what has is taken out before anybody asks.

use cookie_store::{Cookie, CookieDomain, CookieStore, RawCookie};
use fate::Fate;
use http::{HeaderMap, HeaderValue, header};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

/// So many bytes may a cookie have, and all of them that one request is sent with.
const LONGEST: usize = 4096;

/// So many are kept.
const MOST: usize = 3000;

/// The cookies of one client.
#[derive(Default)]
pub(super) struct Jar(RefCell<Inside>);

#[derive(Default)]
struct Inside {
    store: CookieStore,
    /// Of those that expire, when.
    expiry: BTreeMap<Name, SystemTime>,
}

/// Domain, path, and name.
type Name = (String, String, String);

impl Jar {
    /// Keeps what a response sets.
    pub fn keep(&self, fate: &Fate, url: &Url, headers: &HeaderMap) {
        let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        for line in lines.filter(|line| line.len() <= LONGEST) {
            self.0.borrow_mut().keep(fate.wall_time(), url, line);
        }
    }

    /// What a request to this address is sent with.
    pub fn find(&self, fate: &Fate, url: &Url) -> Option<HeaderValue> {
        let mut inside = self.0.borrow_mut();
        inside.forget_expired(fate.wall_time());
        let mut words = String::new();
        for (name, value) in inside.store.get_request_values(url) {
            if words.len() + name.len() + value.len() > 4 * LONGEST {
                break;
            }
            words.push_str(if words.is_empty() { "" } else { "; " });
            words.extend([name, "=", value]);
        }
        let mut value = HeaderValue::try_from(words).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Inside {
    fn keep(&mut self, now: SystemTime, url: &Url, line: &str) {
        let Ok(mut raw) = RawCookie::parse(line.to_owned()) else { return };
        let expires = expiry(&raw, now);
        raw.unset_expires();
        raw.set_max_age(None);
        let Ok(cookie) = Cookie::try_from_raw_cookie(&raw, url) else { return };
        let Some(name) = name(&cookie) else { return };
        if expires.is_some_and(|moment| moment <= now) {
            self.store.remove(&name.0, &name.1, &name.2);
            self.expiry.remove(&name);
            return;
        }
        let is_full = self.store.iter_any().take(MOST).count() == MOST;
        if is_full && !self.store.contains_any(&name.0, &name.1, &name.2) {
            return;
        }
        if self.store.insert(cookie.into_owned(), url).is_ok() {
            match expires {
                Some(moment) => drop(self.expiry.insert(name, moment)),
                None => drop(self.expiry.remove(&name)),
            }
        }
    }

    fn forget_expired(&mut self, now: SystemTime) {
        let Inside { store, expiry } = self;
        expiry.retain(|(domain, path, name), moment| {
            let lasts = *moment > now;
            if !lasts {
                store.remove(domain, path, name);
            }
            lasts
        });
    }
}

/// When it expires, if it does: Max-Age goes before Expires (section 5.3).
fn expiry(raw: &RawCookie<'_>, now: SystemTime) -> Option<SystemTime> {
    if let Some(age) = raw.max_age() {
        // A moment that no clock will show is no end (RFC 6265, 5.2.2).
        return std::time::Duration::try_from(age).map_or(Some(UNIX_EPOCH), |age| now.checked_add(age));
    }
    let moment = raw.expires_datetime()?;
    Some(SystemTime::from(moment))
}

/// Under what the store keeps it. Nothing for a domain of one label, under which everybody is.
fn name(cookie: &Cookie<'_>) -> Option<Name> {
    let domain = match &cookie.domain {
        CookieDomain::HostOnly(domain) => domain,
        CookieDomain::Suffix(domain) if domain.contains('.') => domain,
        _ => return None,
    };
    Some((domain.clone(), String::from(&*cookie.path), cookie.name().to_owned()))
}
