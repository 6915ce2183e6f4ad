//! The world: the true time, the hosts that share it, and the history of it all.

use crate::bell::Bell;
use crate::clock::{Clocks, LAST};
use crate::driver::SimDriver;
use crate::history::{Event, History};
use crate::watches::{Descriptor, Watches};
use fate_core::{Clock, Deed, Instant, Place, Readiness, Until};
use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Names a host of a world.
pub type HostNumber = u32;

/// A simulated world. A clonable handle.
#[derive(Clone)]
pub struct World(Rc<RefCell<State>>);

struct State {
    seed: u64,
    truth: u64,
    hosts: Vec<Host>,
    history: Option<History>,
    bell: Arc<Bell>,
}

pub(crate) struct Host {
    name: String,
    clocks: Clocks,
    pub watches: Watches,
    random: u64,
}

impl World {
    /// A world without hosts, at time zero.
    pub fn new(seed: u64) -> World {
        let history = Some(History::default());
        World(Rc::new(RefCell::new(State { seed, truth: 0, hosts: Vec::new(), history, bell: Arc::default() })))
    }

    /// Adds a host and gives its driver. The random numbers of a host depend on the seed and its name alone.
    pub fn host(&self, name: &str) -> SimDriver {
        let state = &mut *self.0.borrow_mut();
        let number = state.hosts.len() as HostNumber;
        let random = name.bytes().fold(mix(state.seed), |random, byte| mix(random ^ u64::from(byte)));
        state.hosts.push(Host { name: name.into(), clocks: Clocks::default(), watches: Watches::default(), random });
        if let Some(history) = &mut state.history {
            history.born(state.truth, number);
        }
        SimDriver::new(self.clone(), number)
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.0.borrow().hosts.len()
    }

    /// The number of the host with this name.
    pub fn host_number(&self, name: &str) -> Option<HostNumber> {
        self.0.borrow().hosts.iter().position(|host| host.name == name).map(|number| number as HostNumber)
    }

    /// The name of a host.
    pub fn name(&self, host: HostNumber) -> String {
        self.0.borrow().hosts[host as usize].name.clone()
    }

    /// True time since the beginning.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.borrow().truth)
    }

    /// The true time at which a host that waits like this is due, or `None` if it waits for ever.
    pub fn due(&self, host: HostNumber, until: &Until) -> Option<Duration> {
        let state = self.0.borrow();
        let host = &state.hosts[host as usize];
        let truth = if until.is_now() || host.watches.has_completions() {
            host.clocks.truth_of(Clock::Boot, Instant::START, state.truth)
        } else {
            Clock::ALL.into_iter().filter_map(|clock| host.clocks.truth_of(clock, until.on(clock), state.truth)).min()
        };
        truth.map(Duration::from_nanos)
    }

    /// Moves true time forward to `moment`; it never goes back.
    pub fn advance(&self, moment: Duration) {
        let mut state = self.0.borrow_mut();
        let nanos = u64::try_from(moment.as_nanos()).unwrap_or(LAST).min(LAST - 1);
        state.truth = state.truth.max(nanos);
    }

    /// Waits until a real thread rings for any host.
    pub fn wait_for_bell(&self) {
        let bell = self.bell();
        bell.wait();
    }

    pub(crate) fn bell(&self) -> Arc<Bell> {
        self.0.borrow().bell.clone()
    }

    /// Suspends a host: for so long it does nothing, and its monotonic clock stands still.
    pub fn suspend(&self, host: HostNumber, duration: Duration) {
        let state = &mut *self.0.borrow_mut();
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        state.hosts[host as usize].clocks.suspend(state.truth, nanos);
        if let Some(history) = &mut state.history {
            history.suspended(state.truth, host, nanos);
        }
    }

    /// Whether a host is suspended.
    pub fn is_suspended(&self, host: HostNumber) -> bool {
        let state = self.0.borrow();
        state.hosts[host as usize].clocks.is_asleep(state.truth)
    }

    /// Sets a host's wall clock forward, or back.
    pub fn step(&self, host: HostNumber, nanos: i64) {
        let state = &mut *self.0.borrow_mut();
        state.hosts[host as usize].clocks.step(nanos);
        if let Some(history) = &mut state.history {
            history.stepped(state.truth, host, nanos);
        }
    }

    /// Makes a scripted descriptor on a host, which is not ready for anything yet.
    pub fn descriptor(&self, host: HostNumber) -> Descriptor {
        self.with_host(host, |host| host.watches.make())
    }

    /// Says what a scripted descriptor is ready for from now on.
    pub fn set_ready(&self, host: HostNumber, descriptor: Descriptor, readiness: Readiness) {
        self.with_host(host, |host| host.watches.set(descriptor, readiness));
    }

    pub(crate) fn with_host<R>(&self, host: HostNumber, act: impl FnOnce(&mut Host) -> R) -> R {
        act(&mut self.0.borrow_mut().hosts[host as usize])
    }

    pub(crate) fn read(&self, host: HostNumber, clock: Clock) -> Instant {
        let state = self.0.borrow();
        state.hosts[host as usize].clocks.read(clock, state.truth)
    }

    /// Stops keeping a history, and forgets what was kept: for simulations that run for years.
    pub fn forget_history(&self) {
        self.0.borrow_mut().history = None;
    }

    /// Whether a history is kept.
    pub fn keeps_history(&self) -> bool {
        self.0.borrow().history.is_some()
    }

    /// Adds an event of a host's machine to the history.
    pub fn saw(&self, host: HostNumber, deed: Deed, place: Option<Place>) {
        let state = &mut *self.0.borrow_mut();
        if let Some(history) = &mut state.history {
            history.did(state.truth, host, deed, place);
        }
    }

    /// The history as text, one line an event.
    pub fn history(&self) -> String {
        let state = self.0.borrow();
        let name = |host: u32| state.hosts[host as usize].name.as_str();
        state.history.as_ref().map(|history| history.text(name)).unwrap_or_default()
    }

    /// The history, event by event.
    pub fn events(&self) -> Vec<Event> {
        let state: Ref<'_, State> = self.0.borrow();
        let name = |host: u32| state.hosts[host as usize].name.as_str();
        state.history.as_ref().map(|history| history.events(name).collect()).unwrap_or_default()
    }
}

impl Host {
    /// The next number of the host's own sequence. The generator is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    pub fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random)
    }
}

fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
