//! Cookies (RFC 6265), by the clock of the Fate.
//!
//! The crate that reads them knows domains and paths, and goes by the clock of the system, which a simulated host has
//! not got. So to it no cookie expires: when each does is noted here.
//!
//! They lie on shelves, one for each domain. A host may be given those of its own shelf and of the shelves of the
//! domains above it, and nobody looks at others.
//!
//! # Invariants
//! - C3 On no shelf are more than [`MOST_OF_DOMAIN`], in the jar are no more than [`MOST`], and no shelf is empty.
//!
//! # Cost
//! To find what goes with a request costs as much as there are labels in the name of the host, and cookies on these
//! shelves. To keep one in a full jar costs a look at all of them, unless its own shelf is full as well.

use cookie_store::{Cookie, CookieDomain, RawCookie};
use fate::Fate;
use http::{HeaderMap, HeaderValue, header};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

/// So many bytes may a cookie have.
const LONGEST: usize = 4096;

/// So many bytes of them is one request sent with.
const LONGEST_LINE: usize = 4 * LONGEST;

/// So many are kept of one domain, and in all (section 6.1).
const MOST_OF_DOMAIN: usize = 50;
const MOST: usize = 3000;

/// The cookies of one client.
#[derive(Default)]
pub(super) struct Jar(RefCell<Shelves>);

#[derive(Default)]
struct Shelves {
    of_domain: BTreeMap<Box<str>, Vec<Kept>>,
    /// How many there are on all of them.
    count: usize,
    /// Goes up with each cookie that comes, and each request that takes some.
    clock: u64,
}

struct Kept {
    cookie: Cookie<'static>,
    expires: Option<SystemTime>,
    /// When it first came, and when it was last of use.
    born: u64,
    used: u64,
}

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
        let mut shelves = self.0.borrow_mut();
        let mut words = String::new();
        for (name, value) in shelves.find(fate.wall_time(), url) {
            if words.len() + name.len() + value.len() > LONGEST_LINE {
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

impl Shelves {
    fn keep(&mut self, now: SystemTime, url: &Url, line: &str) {
        let Ok(mut raw) = RawCookie::parse(line.to_owned()) else { return };
        let expires = expiry(&raw, now);
        raw.unset_expires();
        raw.set_max_age(None);
        let Ok(cookie) = Cookie::try_from_raw_cookie(&raw, url) else { return };
        let Some(domain) = domain(&cookie) else { return };
        self.clock += 1;
        let born = self.take(&domain, &cookie).map_or(self.clock, |old| old.born);
        if expires.is_some_and(|moment| moment <= now) {
            return;
        }
        self.make_room(now, &domain);
        let kept = Kept { cookie: cookie.into_owned(), expires, born, used: self.clock };
        self.of_domain.entry(domain).or_default().push(kept);
        self.count += 1;
    }

    /// Takes out the one in whose place this one comes.
    fn take(&mut self, domain: &str, cookie: &Cookie<'_>) -> Option<Kept> {
        let shelf = self.of_domain.get_mut(domain)?;
        let is_same = |kept: &Kept| kept.cookie.name() == cookie.name() && *kept.cookie.path == *cookie.path;
        let place = shelf.iter().position(is_same)?;
        let old = shelf.swap_remove(place);
        self.count -= 1;
        self.drop_empty(domain);
        Some(old)
    }

    /// Takes out what has expired, or else what was of no use for longest: on the shelf that is to have one more, if
    /// that is full, or on the fullest if the jar is. So who fills it does so at his own expense.
    fn make_room(&mut self, now: SystemTime, domain: &str) {
        if self.of_domain.get(domain).is_some_and(|shelf| shelf.len() >= MOST_OF_DOMAIN) {
            return self.clear_one(now, domain);
        }
        if self.count >= MOST {
            self.drop_expired(now);
        }
        if self.count >= MOST {
            let fullest = self.of_domain.iter().max_by_key(|(_, shelf)| (shelf.len(), Reverse(last_used(shelf))));
            let domain = fullest.expect("a full jar has shelves").0.clone();
            self.clear_one(now, &domain);
        }
    }

    fn clear_one(&mut self, now: SystemTime, domain: &str) {
        let Some(shelf) = self.of_domain.get_mut(domain) else { return };
        let before = shelf.len();
        shelf.retain(|kept| kept.lasts(now));
        if shelf.len() == before
            && let Some(place) = (0..before).min_by_key(|&place| shelf[place].used)
        {
            shelf.swap_remove(place);
        }
        self.count -= before - shelf.len();
        self.drop_empty(domain);
    }

    fn drop_expired(&mut self, now: SystemTime) {
        self.of_domain.retain(|_, shelf| {
            shelf.retain(|kept| kept.lasts(now));
            !shelf.is_empty()
        });
        self.count = self.of_domain.values().map(Vec::len).sum();
    }

    fn drop_empty(&mut self, domain: &str) {
        if self.of_domain.get(domain).is_some_and(Vec::is_empty) {
            self.of_domain.remove(domain);
        }
    }

    /// Names and values, in the order in which they are sent: longer paths first, and then as they came (section 5.4).
    fn find(&mut self, now: SystemTime, url: &Url) -> impl Iterator<Item = (&str, &str)> {
        self.clock += 1;
        let clock = self.clock;
        for domain in domains_of(url) {
            let Some(shelf) = self.of_domain.get_mut(domain) else { continue };
            let fitting = shelf.iter_mut().filter(|kept| kept.lasts(now) && kept.cookie.matches(url));
            fitting.for_each(|kept| kept.used = clock);
        }
        let shelves = domains_of(url).filter_map(|domain| self.of_domain.get(domain));
        let mut found: Vec<_> = shelves.flatten().filter(|kept| kept.used == clock).collect();
        found.sort_by_key(|kept| (Reverse(kept.cookie.path.len()), kept.born));
        found.into_iter().map(|kept| kept.cookie.name_value())
    }
}

impl Kept {
    fn lasts(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|moment| moment > now)
    }
}

fn last_used(shelf: &[Kept]) -> Option<u64> {
    shelf.iter().map(|kept| kept.used).max()
}

/// The host, and all above it.
fn domains_of(url: &Url) -> impl Iterator<Item = &str> {
    std::iter::successors(url.host_str(), |domain| domain.split_once('.').map(|(_, above)| above))
}

/// When it expires, if it does: Max-Age goes before Expires (section 5.3).
fn expiry(raw: &RawCookie<'_>, now: SystemTime) -> Option<SystemTime> {
    if let Some(age) = raw.max_age() {
        // A moment that no clock will show is no end (section 5.2.2).
        return Duration::try_from(age).map_or(Some(UNIX_EPOCH), |age| now.checked_add(age));
    }
    let moment = raw.expires_datetime()?;
    Some(SystemTime::from(moment))
}

/// On which shelf it lies. Nothing for a domain of one label, under which everybody is.
fn domain(cookie: &Cookie<'_>) -> Option<Box<str>> {
    match &cookie.domain {
        CookieDomain::HostOnly(domain) => Some(domain.as_str().into()),
        CookieDomain::Suffix(domain) if domain.contains('.') => Some(domain.as_str().into()),
        _ => None,
    }
}
