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
use std::collections::{BTreeMap, HashMap};
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
        if !keeps_its_promise(&raw, url) {
            return;
        }
        let Ok(mut cookie) = Cookie::try_from_raw_cookie(&raw, url) else { return };
        let Some(domain) = settle(&mut cookie, url) else { return };
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
    /// that is full, or of the site that has most if the jar is. So who fills it does so at his own expense.
    fn make_room(&mut self, now: SystemTime, domain: &str) {
        if self.of_domain.get(domain).is_some_and(|shelf| shelf.len() >= MOST_OF_DOMAIN) {
            return self.clear_one(now, domain);
        }
        if self.count >= MOST {
            self.drop_expired(now);
        }
        if self.count >= MOST {
            let domain = self.least_used().expect("a full jar has shelves");
            self.clear_one(now, &domain);
        }
    }

    /// The shelf with what was of no use for longest, of the site that has most.
    fn least_used(&self) -> Option<Box<str>> {
        let mut sites: HashMap<&str, Site<'_>> = HashMap::new();
        for (domain, shelf) in &self.of_domain {
            sites.entry(site(domain)).or_default().add(domain, shelf);
        }
        let fullest = sites.into_values().max_by_key(|site| (site.count, Reverse(site.last_used)))?;
        Some(fullest.least_used?.1.into())
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

/// What is kept of a site.
#[derive(Default)]
struct Site<'a> {
    count: usize,
    last_used: u64,
    /// When the one was of use that was not for longest, and its domain.
    least_used: Option<(u64, &'a str)>,
}

impl<'a> Site<'a> {
    fn add(&mut self, domain: &'a str, shelf: &[Kept]) {
        self.count += shelf.len();
        for kept in shelf {
            self.last_used = self.last_used.max(kept.used);
            let least = self.least_used.get_or_insert((kept.used, domain));
            *least = (*least).min((kept.used, domain));
        }
    }
}

/// The site that a domain is of: its last two labels, as there is no list of public suffixes; of an address all of it.
fn site(domain: &str) -> &str {
    let name = domain.strip_suffix('.').unwrap_or(domain);
    let mut labels = name.rmatch_indices('.').map(|(place, _)| place);
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_address = last.bytes().all(|byte| byte.is_ascii_digit()) || name.ends_with(']');
    match labels.nth(1) {
        Some(place) if !is_address => &name[place + 1..],
        _ => name,
    }
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

/// Whether it is set as its name promises (RFC 6265bis, section 4.1.3).
fn keeps_its_promise(raw: &RawCookie<'_>, url: &Url) -> bool {
    let beginning = |length| raw.name().get(..length).unwrap_or_default();
    let begins_with = |prefix: &str| beginning(prefix.len()).eq_ignore_ascii_case(prefix);
    let is_secure = raw.secure() == Some(true) && url.scheme() == "https";
    let is_of_host = raw.domain().is_none_or(str::is_empty) && raw.path() == Some("/");
    if begins_with("__Host-") { is_secure && is_of_host } else { is_secure || !begins_with("__Secure-") }
}

/// On which shelf it lies. Under a domain of one label is everybody: there a cookie is for the host alone that has this
/// name, and from others it is none (section 5.3, step 5).
fn settle(cookie: &mut Cookie<'_>, url: &Url) -> Option<Box<str>> {
    let (domain, is_shared) = match &cookie.domain {
        CookieDomain::HostOnly(domain) => (domain.clone(), false),
        CookieDomain::Suffix(domain) => (domain.clone(), true),
        _ => return None,
    };
    if is_shared && !domain.trim_end_matches('.').contains('.') {
        if !cookie.domain.host_is_identical(url) {
            return None;
        }
        cookie.domain = CookieDomain::HostOnly(domain.clone());
    }
    Some(domain.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fate::sim::Sim;

    /// What a jar has for an address, after this was set from another.
    fn found(lines: &[String], from: &str, to: &str) -> String {
        let (fate, jar) = (Sim::new(1).host("here"), Jar::default());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::SET_COOKIE, line.parse().unwrap());
        }
        jar.keep(&fate, &from.parse().unwrap(), &headers);
        let value = jar.find(&fate, &to.parse().unwrap());
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    /// W1: RFC 6265bis, 4.1.3.
    #[test]
    fn a_cookie_that_breaks_what_its_name_promises_is_none() {
        for (line, from, is_kept) in [
            ("__Host-a=1; Secure; Path=/", "https://bank.org/deep/", true),
            ("__Host-a=1; Secure; Path=/", "http://bank.org/", false),
            ("__Host-a=1; Path=/", "https://bank.org/", false),
            ("__Host-a=1; Secure", "https://bank.org/", false),
            ("__Host-a=1; Secure; Path=/deep", "https://bank.org/deep/", false),
            ("__Host-a=1; Secure; Path=/; Domain=bank.org", "https://bank.org/", false),
            ("__hOsT-a=1; Secure; Path=/; Domain=bank.org", "https://bank.org/", false),
            ("__Secure-a=1; Secure; Domain=bank.org", "https://bank.org/deep/", true),
            ("__Secure-a=1; Secure", "http://bank.org/", false),
            ("__Secure-a=1", "https://bank.org/", false),
            ("__sEcUrE-a=1", "https://bank.org/", false),
            ("__Secur", "https://bank.org/", false),
            ("__Secur=1", "https://bank.org/", true),
        ] {
            let found = found(&[line.to_owned()], from, "https://bank.org/deep/");
            assert_eq!(!found.is_empty(), is_kept, "{line} from {from}: {found}");
        }
    }

    /// W1: memory is bounded, and so is what is sent.
    #[test]
    fn a_cookie_is_no_longer_than_may_be_and_neither_are_all_that_are_sent_together() {
        let long = |name: &str, length: usize| format!("{name}={}", "x".repeat(length - name.len() - 1));
        let address = "http://server/";
        assert_eq!(found(&[long("a", LONGEST)], address, address).len(), LONGEST);
        assert_eq!(found(&[long("a", LONGEST + 1)], address, address), "");
        let many: Vec<_> = (0..10).map(|number| long(&number.to_string(), LONGEST / 2)).collect();
        let sent = found(&many, address, address);
        assert!(sent.len() <= LONGEST_LINE && sent.len() > LONGEST_LINE - LONGEST / 2, "{}", sent.len());
        assert!(sent.starts_with("0=x") && sent.contains("; 6=x"), "the oldest go first");
    }

    #[test]
    fn a_site_is_the_last_two_labels_and_an_address_is_one_by_itself() {
        for (domain, expected) in [
            ("a.b.evil.example", "evil.example"),
            ("evil.example", "evil.example"),
            ("a.evil.example.", "evil.example"),
            ("intranet", "intranet"),
            ("a.b.server2", "b.server2"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(site(domain), expected);
        }
    }
}
