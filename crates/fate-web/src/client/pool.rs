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
//! HTTP/2 there is one token: the others wait for what comes of the first, and share it if it can be shared.
//!
//! # Invariants
//! - C1 Nothing here holds a [`Fate`]: a pool belongs to one.
//! - C2 A connection that rests waits for a request, has nothing unread, and keeps no run going.

use super::bell::Bell;
use super::one::One;
use super::route::{Route, RouteKey};
use super::settings::Settings;
use super::two::Two;
use fate::{DeferredSemaphore, Fate, Instant, Permit};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How often the connections to all hosts are looked at, as long as the client is used.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The connections of one client.
pub(super) struct Pool {
    hosts: RefCell<BTreeMap<RouteKey, Rc<Host>>>,
    keep_idle: Duration,
    /// When all hosts were last looked at.
    looked: Cell<Instant>,
    bell: OnceCell<Bell>,
}

/// The pools of a Fate.
#[derive(Default)]
pub(super) struct Pools(RefCell<Vec<Weak<Pool>>>);

/// The connections to one host.
pub(super) struct Host {
    tokens: DeferredSemaphore,
    /// How many tokens are still to be given out, once it is known that connections cannot be shared.
    more_tokens: Cell<usize>,
    /// Those that rest, the last used one last.
    resting: RefCell<Vec<(One, Instant)>>,
    shared: RefCell<Option<(Rc<Two>, Instant)>>,
}

impl Pools {
    fn add(&self, pool: &Rc<Pool>) {
        let mut pools = self.0.borrow_mut();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Rc::downgrade(pool));
    }

    /// Has each of them look after its connections.
    pub fn look(&self, fate: &Fate) {
        let pools: Vec<_> = self.0.borrow().iter().filter_map(Weak::upgrade).collect();
        pools.iter().for_each(|pool| pool.look(fate));
    }
}

impl Pool {
    pub fn new(fate: &Fate, settings: &Settings) -> Rc<Pool> {
        let pool = Pool {
            hosts: RefCell::default(),
            keep_idle: settings.keep_idle,
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
        let mut hosts = self.hosts.borrow_mut();
        if let Some(host) = hosts.get(&route.key) {
            return host.clone();
        }
        let all = settings.connections_per_host;
        let first = if route.may_be_two(settings) { 1 } else { all };
        let host = Rc::new(Host {
            tokens: DeferredSemaphore::new(fate, first),
            more_tokens: Cell::new(all - first),
            resting: RefCell::default(),
            shared: RefCell::default(),
        });
        hosts.insert(route.key.clone(), host.clone());
        host
    }

    /// Lets a connection rest, if it can.
    pub fn put(&self, fate: &Fate, host: &Host, one: One) {
        if self.keep_idle.is_zero() {
            return;
        }
        if let Some(one) = one.rest(|| self.new_bell()) {
            host.resting.borrow_mut().push((one, fate.now()));
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
        self.hosts.borrow_mut().retain(|_, host| Rc::strong_count(host) > 1 || !host.is_empty());
    }

    /// Closes all that rests.
    pub fn clear(&self) {
        let hosts: Vec<_> = self.hosts.borrow().values().cloned().collect();
        for host in hosts {
            drop(host.resting.take());
            let is_unused = host.shared.borrow().as_ref().is_some_and(|(two, _)| !two.has_users());
            if is_unused {
                drop(host.shared.take());
            }
        }
        self.hosts.borrow_mut().retain(|_, host| Rc::strong_count(host) > 1 || !host.is_empty());
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
    /// A token, at once or after those who came before.
    pub async fn token(&self) -> fate::Result<Permit> {
        match self.tokens.try_acquire() {
            Some(token) => Ok(token),
            None => self.tokens.acquire().await,
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

    /// Connections to this host cannot be shared, or there is none: there may be several.
    pub fn lift(&self) {
        self.tokens.add(self.more_tokens.take());
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
        if two.look() || !is_young(used) {
            drop(self.shared.take());
        }
    }

    fn is_empty(&self) -> bool {
        self.resting.borrow().is_empty() && self.shared.borrow().is_none()
    }
}
