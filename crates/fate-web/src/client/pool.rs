//! Connections that are open, or may be.
//!
//! ```text
//!   request ──▶ one that rests? ──yes──▶ use it
//!                    │ no
//!                    ▼
//!               a token ──▶ connect ──▶ use it ──▶ let it rest, give the token back
//! ```
//!
//! Each host has so many tokens, and who uses a connection to it has one. As who has a token takes a connection that
//! rests before it opens one, there are never more connections than tokens. While nobody knows whether a host speaks
//! HTTP/2 there is one token: the others wait for what comes of the first connection, and share it if it can be shared.
//! If there is none they share the failure: to have each find out by himself, one after another, could take for ever.
//! Whoever comes later tries anew. A connection that is shared is given up for another one when nothing comes over it;
//! as long as some still wait on it, it counts as one of those that there may be.
//!
//! # Invariants
//! - C1 Nothing here holds a [`Fate`]: a pool belongs to one.
//! - C2 A connection that rests waits for a request, has nothing unread, and keeps no run going.
//! - C4 When something has come to rest, and been looked at, no more than `most_idle` rest.
//!
//! # Cost
//! To let a connection rest costs a look at all hosts, if there are so many that too many could rest.

use super::bell::Bell;
use super::error::WebError;
use super::one::One;
use super::phase::Phase;
use super::route::{Route, RouteKey};
use super::settings::Settings;
use super::two::Two;
use fate::{DeferredSemaphore, Fate, Instant, Permit};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;
use url::Url;

/// How often the connections to all hosts are looked at, as long as the client is used.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// So many hosts may be known without anybody asking whether something leads to them.
const FEW: usize = 32;

/// The connections of one client.
pub(super) struct Pool {
    hosts: RefCell<BTreeMap<RouteKey, Rc<Host>>>,
    /// As many hosts are to be known when it is asked next to which of them nothing leads.
    many: Cell<usize>,
    keep_idle: Duration,
    most_idle: usize,
    /// How many connections to a host there may be.
    most_per_host: usize,
    /// When all hosts were last looked at.
    looked: Cell<Instant>,
    bell: OnceCell<Bell>,
}

/// The pools of a Fate.
#[derive(Default)]
pub(super) struct Pools {
    all: RefCell<Vec<Weak<Pool>>>,
    /// Whether a shutdown is going to tell them.
    are_told: Rc<Cell<bool>>,
}

/// As long as this is there, a shutdown is going to tell the pools.
struct Notice(Rc<Cell<bool>>);

impl Drop for Notice {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The connections to one host.
pub(super) struct Host {
    tokens: DeferredSemaphore,
    /// For each connection that is shared, or was and still has users.
    permits: DeferredSemaphore,
    /// How many tokens are to be given out once it is known that connections cannot be shared. Nothing once it is.
    more_tokens: Cell<Option<usize>>,
    /// How often nothing came of trying to find that out, and why, the last time.
    failures: Cell<u64>,
    failure: RefCell<Option<WebError>>,
    /// Those that rest, the last used one last.
    resting: RefCell<Vec<(One, Instant)>>,
    shared: RefCell<Option<(Rc<Two>, Instant)>>,
}

impl Pools {
    fn add(&self, pool: &Rc<Pool>) {
        let mut pools = self.all.borrow_mut();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Rc::downgrade(pool));
    }

    /// Has each of them look after its connections.
    pub fn look(&self, fate: &Fate) {
        self.heed_shutdown(fate);
        self.each().for_each(|pool| pool.look(fate));
    }

    /// Something rests: when a shutdown begins, it is to be closed.
    fn heed_shutdown(&self, fate: &Fate) {
        if self.are_told.replace(true) {
            return;
        }
        let notice = Notice(self.are_told.clone());
        fate.before_shutdown(move |fate| {
            drop(notice);
            fate.belonging(|_| Pools::default()).clear();
        });
        // If one has begun it is too late for the notice.
        if !self.are_told.get() {
            self.clear();
        }
    }

    /// Closes all that rests. Says whether there was something.
    pub fn clear(&self) -> bool {
        self.each().filter(|pool| pool.clear()).count() > 0
    }

    fn each(&self) -> impl Iterator<Item = Rc<Pool>> + use<> {
        let pools: Vec<_> = self.all.borrow().iter().filter_map(Weak::upgrade).collect();
        pools.into_iter()
    }
}

impl Pool {
    pub fn new(fate: &Fate, settings: &Settings) -> Rc<Pool> {
        let pool = Pool {
            hosts: RefCell::default(),
            many: Cell::new(FEW),
            keep_idle: settings.keep_idle,
            most_idle: settings.most_idle,
            most_per_host: settings.connections_per_host,
            looked: Cell::new(fate.now()),
            bell: OnceCell::new(),
        };
        let pool = Rc::new(pool);
        let _ = pool.bell.set(Bell::new(fate, Rc::downgrade(&pool)));
        fate.belonging(|_| Pools::default()).add(&pool);
        pool
    }

    /// The host at the end of a route.
    pub fn host(&self, fate: &Fate, route: &Route, settings: &Settings) -> Rc<Host> {
        if fate.now() - self.looked.get() >= BETWEEN_LOOKS {
            self.look(fate);
        }
        if let Some(host) = self.hosts.borrow().get(&route.key) {
            return host.clone();
        }
        if self.hosts.borrow().len() >= self.many.get() {
            self.forget();
        }
        let (all, may_be_two) = (settings.connections_per_host, route.may_be_two(settings));
        let host = Rc::new(Host {
            tokens: DeferredSemaphore::new(fate, if may_be_two { 1 } else { all }),
            permits: DeferredSemaphore::new(fate, all),
            more_tokens: Cell::new(may_be_two.then(|| all - 1)),
            failures: Cell::new(0),
            failure: RefCell::default(),
            resting: RefCell::default(),
            shared: RefCell::default(),
        });
        self.hosts.borrow_mut().insert(route.key.clone(), host.clone());
        host
    }

    /// Forgets hosts to which nothing leads.
    fn forget(&self) {
        let mut hosts = self.hosts.borrow_mut();
        hosts.retain(|_, host| Rc::strong_count(host) > 1 || !host.is_empty());
        self.many.set((hosts.len() * 2).max(FEW));
    }

    /// Lets a connection rest, if it can.
    pub fn put(&self, fate: &Fate, host: &Host, one: One) {
        if self.keep_idle.is_zero() {
            return;
        }
        if let Some(one) = one.rest(|| self.new_bell()) {
            host.resting.borrow_mut().push((one, fate.now()));
            fate.belonging(|_| Pools::default()).heed_shutdown(fate);
            self.bound();
        }
    }

    /// Closes what is closed at the other end, or has rested for too long, and forgets hosts to which nothing leads.
    pub fn look(&self, fate: &Fate) {
        let now = fate.now();
        self.looked.set(now);
        let hosts: Vec<_> = self.hosts.borrow().values().cloned().collect();
        for host in hosts {
            host.look(|since| now - since <= self.keep_idle);
        }
        self.bound();
        self.forget();
    }

    /// Closes what was not used for longest, if more rests than may.
    fn bound(&self) {
        if self.hosts.borrow().len().saturating_mul(self.most_per_host) <= self.most_idle {
            return;
        }
        let hosts: Vec<_> = self.hosts.borrow().values().cloned().collect();
        let surplus = hosts.iter().map(|host| host.count_idle()).sum::<usize>().saturating_sub(self.most_idle);
        if surplus == 0 {
            return;
        }
        let since = |host: usize| hosts[host].idle_since().into_iter().map(move |since| (since, host));
        let mut idle: Vec<_> = (0..hosts.len()).flat_map(since).collect();
        idle.sort_unstable();
        idle[..surplus].iter().for_each(|(_, host)| hosts[*host].close_oldest());
    }

    /// Closes all that rests. Says whether there was something.
    pub fn clear(&self) -> bool {
        let hosts: Vec<_> = self.hosts.borrow().values().cloned().collect();
        let count = hosts.iter().map(|host| host.count_idle()).sum::<usize>();
        for host in hosts {
            drop(host.resting.take());
            drop(host.take_idle());
        }
        self.forget();
        count > 0
    }

    /// What calls this pool.
    pub fn new_bell(&self) -> Bell {
        self.bell.get().expect("a pool is made with its bell").another()
    }

    /// A connection that rests, and still can be used.
    pub fn take(&self, host: &Host, now: Instant) -> Option<One> {
        loop {
            let (mut one, since) = host.resting.borrow_mut().pop()?;
            if now - since <= self.keep_idle && one.is_fresh() {
                one.rouse();
                return Some(one);
            }
        }
    }
}

impl Host {
    /// A token, at once or after those who came before; or the failure of the connection that all of them waited for.
    pub async fn token(&self, url: &Url) -> Result<Permit, WebError> {
        if let Some(token) = self.tokens.try_acquire() {
            return Ok(token);
        }
        let failures = self.failures.get();
        let token = self.tokens.acquire().await;
        match &*self.failure.borrow() {
            Some(failure) if self.failures.get() > failures => Err(failure.again_for(url)),
            _ => token.map_err(|failure| WebError::of_failure(failure, Phase::Queue, url)),
        }
    }

    /// What a connection needs to be made that may turn out to be for all, once there are not too many such; nothing if
    /// none can be.
    pub async fn permit(&self, url: &Url) -> Result<Option<Permit>, WebError> {
        if self.more_tokens.get().is_none() {
            return Ok(None);
        }
        let permit = self.permits.acquire().await;
        permit.map(Some).map_err(|failure| WebError::of_failure(failure, Phase::Queue, url))
    }

    /// There is no connection: tells all who wait for what comes of it, if they do.
    pub fn fail(&self, failure: &WebError) {
        if self.more_tokens.get().is_some() {
            self.failures.set(self.failures.get() + 1);
            *self.failure.borrow_mut() = Some(failure.again());
        }
    }

    /// The connection that all can share, if there is one.
    pub fn shared(&self, now: Instant) -> Option<Rc<Two>> {
        let mut shared = self.shared.borrow_mut();
        let (two, used) = shared.as_mut().filter(|(two, _)| two.is_fresh())?;
        *used = now;
        Some(two.clone())
    }

    pub fn share(&self, two: &Rc<Two>, now: Instant) {
        *self.shared.borrow_mut() = Some((two.clone(), now));
    }

    /// Connections to this host cannot be shared: there may be several.
    pub fn lift(&self) {
        self.tokens.add(self.more_tokens.take().unwrap_or(0));
    }

    fn look(&self, is_young: impl Fn(Instant) -> bool) {
        // Out of its place while it is polled: what hyper does may come back here.
        let mut resting = self.resting.take();
        resting.retain_mut(|(one, since)| is_young(*since) && one.look());
        let mut place = self.resting.borrow_mut();
        resting.append(&mut place);
        *place = resting;
        drop(place);
        let shared = self.shared.borrow().clone();
        let Some((two, used)) = shared.filter(|(two, _)| !two.has_users()) else { return };
        if two.look() || !two.is_fresh() || !is_young(used) {
            drop(self.shared.take());
        }
    }

    fn count_idle(&self) -> usize {
        self.resting.borrow().len() + usize::from(self.shared_since().is_some())
    }

    /// Since when they rest.
    fn idle_since(&self) -> Vec<Instant> {
        let resting = self.resting.borrow();
        resting.iter().map(|(_, since)| *since).chain(self.shared_since()).collect()
    }

    /// Since when nobody uses the connection that all can share.
    fn shared_since(&self) -> Option<Instant> {
        self.shared.borrow().as_ref().filter(|(two, _)| !two.has_users()).map(|(_, used)| *used)
    }

    /// Closes one that rests. Who has both kinds has those of the one from before he changed his mind.
    fn close_oldest(&self) {
        let oldest = |resting: &mut Vec<(One, Instant)>| (!resting.is_empty()).then(|| resting.remove(0));
        let oldest = oldest(&mut self.resting.borrow_mut());
        if oldest.is_none() {
            drop(self.take_idle());
        }
    }

    /// Takes the connection that all can share, if nobody uses it.
    fn take_idle(&self) -> Option<Rc<Two>> {
        self.shared_since().and_then(|_| self.shared.take()).map(|(two, _)| two)
    }

    fn is_empty(&self) -> bool {
        self.resting.borrow().is_empty() && self.shared.borrow().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::proxies::Proxies;
    use fate::sim::Sim;

    /// W1: memory is bounded, however many names are tried at once that nobody has.
    #[test]
    fn hosts_to_which_nothing_leads_are_forgotten_before_there_are_many() {
        let (mut sim, settings) = (Sim::new(1), Settings::default());
        let fate = sim.host("here");
        let pool = Pool::new(&fate, &settings);
        let host = |number: usize| {
            let url = format!("http://nobody{number}/").parse().unwrap();
            pool.host(&fate, &Route::to(&url, &Proxies::default()).unwrap(), &settings)
        };
        let of_use: Vec<_> = (0..100).map(host).collect();
        (100..10_000).for_each(|number| drop(host(number)));
        assert!(pool.hosts.borrow().len() <= 2 * of_use.len());
        assert!(of_use.iter().enumerate().all(|(number, known)| Rc::ptr_eq(known, &host(number))));
    }
}
