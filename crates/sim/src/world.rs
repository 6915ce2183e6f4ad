//! The world: the true time, the hosts that share it, what lies between them, and the history of it all.

use crate::arrivals::{Arrivals, What};
use crate::bell::Bell;
use crate::chance::Chance;
use crate::clock::LAST;
use crate::conduits::Conduit;
use crate::connection::{Connection, Spot};
use crate::driver::SimDriver;
use crate::errno::{Answer, Errno};
use crate::history::{Event, Happening, History};
use crate::host::Host;
use crate::links::{LinkNumber, Links};
use crate::orders::shelf;
use crate::sockets::Socket;
use crate::watches::Descriptor;
use fate_core::parts::slots::Slots;
use fate_core::{Clock, Deed, Instant, Place, Readiness, Shelf, Until};
use std::cell::{Ref, RefCell};
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Names a host of a world.
pub type HostNumber = u32;

/// A simulated world. A clonable handle.
#[derive(Clone)]
pub struct World(Rc<RefCell<State>>);

/// All there is in a world. Other files say what it can do.
pub(crate) struct State {
    pub seed: u64,
    pub truth: u64,
    pub hosts: Vec<Host>,
    pub links: Links,
    pub connections: Slots<Connection, 64>,
    pub conduits: Slots<Conduit, 64>,
    pub arrivals: Arrivals,
    pub history: Option<History>,
    pub shelf: Rc<Shelf>,
    bell: Arc<Bell>,
}

/// A place in a world: one host, from when it was started until it crashes.
#[derive(Clone)]
pub(crate) struct Seat {
    pub world: World,
    pub host: HostNumber,
    crashes: u32,
}

impl World {
    /// The last moment of true time.
    pub const END: Duration = Duration::from_nanos(LAST - 1);

    /// A world without hosts, at time zero.
    pub fn new(seed: u64) -> World {
        World(Rc::new(RefCell::new(State {
            seed,
            truth: 0,
            hosts: Vec::new(),
            links: Links::default(),
            connections: Slots::new(),
            conduits: Slots::new(),
            arrivals: Arrivals::default(),
            history: Some(History::default()),
            shelf: shelf(),
            bell: Arc::default(),
        })))
    }

    /// Adds a host, or starts one again whose program has crashed or ended, and gives its driver. The random numbers of a host depend on the
    /// seed and its name alone.
    pub fn host(&self, name: &str) -> SimDriver {
        let vacant = self.host_number(name).filter(|&number| self.with_host(number, |host| host.is_vacant));
        let number = self.with(|state| {
            let number = vacant.unwrap_or(state.hosts.len() as HostNumber);
            match state.hosts.get_mut(number as usize) {
                Some(host) => host.start(),
                None => state.hosts.push(Host::new(name, Chance::new(state.seed, &[name]))),
            }
            state.note(number, Happening::Born, 0, 0);
            number
        });
        let crashes = self.with_host(number, |host| host.crashes);
        SimDriver::new(Seat { world: self.clone(), host: number, crashes })
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.0.borrow().hosts.len()
    }

    /// How many connections there are, with those that one end alone still knows of.
    pub fn connections(&self) -> usize {
        self.0.borrow().connections.len()
    }

    /// How many directions of pipes and terminals there are, with those that one end alone still knows of.
    pub fn conduits(&self) -> usize {
        self.0.borrow().conduits.len()
    }

    /// How many children of a host there are that its program, or whoever runs theirs, still knows of.
    pub fn children(&self, host: HostNumber) -> usize {
        self.0.borrow().hosts[host as usize].processes.len()
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

    /// The true time at which a host that waits like this is due, or `None` if it waits for ever, or for the network.
    pub fn due(&self, host: HostNumber, until: &Until) -> Option<Duration> {
        let state = self.0.borrow();
        let host = &state.hosts[host as usize];
        let truth = if until.is_now() || host.has_completions() {
            host.clocks.truth_of(Clock::Boot, Instant::START, state.truth)
        } else {
            Clock::ALL.into_iter().filter_map(|clock| host.clocks.truth_of(clock, until.on(clock), state.truth)).min()
        };
        truth.map(Duration::from_nanos)
    }

    /// Moves true time forward to `moment`; it never goes back. What the network does until then, it does.
    pub fn advance(&self, moment: Duration) {
        self.with(|state| {
            let nanos = u64::try_from(moment.as_nanos()).unwrap_or(LAST).min(LAST - 1);
            state.let_network_go_on(nanos);
            state.truth = state.truth.max(nanos);
        });
    }

    /// Moves true time forward until the network has something to tell to some host, but at most until `limit`. Says no if there
    /// is neither a limit nor anything on its way.
    pub fn go_on(&self, limit: Option<Duration>) -> bool {
        let limit = limit.unwrap_or(Duration::MAX);
        loop {
            let next = self.with(State::next_arrival).map(Duration::from_nanos);
            match next.filter(|&next| next <= limit) {
                None if limit == Duration::MAX => return false,
                None => {
                    self.advance(limit);
                    return true;
                }
                Some(next) => self.advance(next),
            }
            if self.0.borrow().hosts.iter().any(Host::has_completions) {
                return true;
            }
        }
    }

    /// Has everything handed over that nobody waits for. Says whether there was something.
    pub fn flush(&self) -> bool {
        self.with(|state| state.hosts.iter_mut().filter_map(|host| host.desk.flush().then_some(())).count() > 0)
    }

    /// Waits until a real thread rings for any host.
    pub fn wait_for_bell(&self) {
        let bell = self.bell();
        bell.wait();
    }

    pub(crate) fn bell(&self) -> Arc<Bell> {
        self.0.borrow().bell.clone()
    }

    pub(crate) fn shelf(&self) -> Rc<Shelf> {
        self.0.borrow().shelf.clone()
    }

    /// Suspends a host: for so long it does nothing, its monotonic clock stands still, and nothing reaches it.
    pub fn suspend(&self, host: HostNumber, duration: Duration) {
        self.with(|state| {
            let (truth, nanos) = (state.truth, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
            state.host(host).clocks.suspend(truth, nanos);
            if let Some(history) = &mut state.history {
                history.suspended(truth, host, nanos);
            }
            state.disturb(|connection| connection.is_on(host));
        });
    }

    /// Whether a host is suspended.
    pub fn is_suspended(&self, host: HostNumber) -> bool {
        let state = self.0.borrow();
        state.hosts[host as usize].clocks.is_asleep(state.truth)
    }

    /// Sets a host's wall clock forward, or back.
    pub fn step(&self, host: HostNumber, nanos: i64) {
        self.with(|state| {
            state.host(host).clocks.step(nanos);
            if let Some(history) = &mut state.history {
                history.stepped(state.truth, host, nanos);
            }
        });
    }

    /// Makes a scripted descriptor on a host, which is not ready for anything yet.
    pub fn descriptor(&self, host: HostNumber) -> Descriptor {
        self.with_host(host, |host| host.watches.make())
    }

    /// Says what a scripted descriptor is ready for from now on.
    pub fn set_ready(&self, host: HostNumber, descriptor: Descriptor, readiness: Readiness) {
        self.with_host(host, |host| host.watches.set(descriptor, readiness));
    }

    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.0.borrow_mut())
    }

    pub(crate) fn with_host<R>(&self, host: HostNumber, act: impl FnOnce(&mut Host) -> R) -> R {
        self.with(|state| act(state.host(host)))
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
        self.with(|state| {
            if let Some(history) = &mut state.history {
                history.did(state.truth, host, deed, place);
            }
        });
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

impl State {
    pub fn host(&mut self, host: HostNumber) -> &mut Host {
        &mut self.hosts[host as usize]
    }

    /// A socket of a host.
    pub fn socket(&mut self, host: HostNumber, descriptor: RawFd) -> Answer<&mut Socket> {
        self.host(host).table.get_mut(descriptor).ok_or(Errno::BAD_DESCRIPTOR)
    }

    /// The link between two hosts.
    pub fn link(&mut self, one: HostNumber, other: HostNumber) -> LinkNumber {
        let hosts = &self.hosts;
        self.links.between((one, other), self.seed, |host| &hosts[host as usize].name)
    }

    /// Everything that happens in the network until `truth` happens, one after another, each at its time.
    pub fn let_network_go_on(&mut self, truth: u64) {
        while let Some((moment, what)) = self.arrivals.pop_until(truth) {
            self.truth = self.truth.max(moment);
            self.happen(what);
        }
    }

    /// When the next event happens that anybody still waits for. For others no time passes: they are forgotten.
    fn next_arrival(&mut self) -> Option<u64> {
        while let Some((moment, what)) = self.arrivals.next() {
            if self.is_awaited(what) {
                return Some(moment);
            }
            self.arrivals.pop_until(moment);
        }
        None
    }

    fn is_awaited(&self, what: &What) -> bool {
        let end = |spot: &Spot| Some(&self.connections.get_key(spot.connection)?.ends[spot.side]);
        match what {
            What::Segment(spot, _) => end(spot).is_some(),
            What::Retry(spot, number) => end(spot).is_some_and(|end| end.retry.is_for(*number)),
            What::Silence(spot, number) => end(spot).is_some_and(|end| end.silence.is_for(*number)),
            What::Flow(key) => self.conduits.get_key(*key).is_some_and(Conduit::is_read),
            What::Errand(host, errand, _) => self.hosts[*host as usize].watches.is_made(*errand),
            What::Packet(_) | What::Left(..) | What::Refusal(_) => true,
        }
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Segment(from, segment) => self.arrive(from, segment),
            What::Retry(spot, number) => self.retry(spot, number),
            What::Silence(spot, number) => self.break_silence(spot, number),
            What::Packet(packet) => self.packet_arrives(*packet),
            What::Left(origin, length) => self.packet_left(origin, length),
            What::Refusal(origin) => self.packet_refused(origin),
            What::Flow(key) => self.flow(key),
            What::Errand(host, errand, due) => self.finish_errand(host, errand, due),
        }
    }

    /// Adds an event of the network to the history.
    pub fn note(&mut self, host: HostNumber, happening: Happening, flow: u32, bytes: u32) {
        if let Some(history) = &mut self.history {
            history.happened(self.truth, host, happening, flow, bytes);
        }
    }

    /// As [`State::note`], of an end of a connection.
    pub fn note_end(&mut self, spot: Spot, happening: Happening) {
        let Some(connection) = self.connections.get_key(spot.connection) else { return };
        let end = &connection.ends[spot.side];
        self.note(end.host, happening, end.flow, 0);
    }

    /// As [`State::note`], of a socket with a name.
    pub fn note_at(&mut self, host: HostNumber, descriptor: RawFd, happening: Happening) {
        let Some(history) = &mut self.history else { return };
        if let Some(name) = self.hosts[host as usize].table.get(descriptor).and_then(|socket| socket.name.as_ref()) {
            let flow = history.flow(name, name);
            history.happened(self.truth, host, happening, flow, 0);
        }
    }

    /// As [`State::note`], of something within a host that has this label; the bytes are told if there are some.
    pub fn tell(&mut self, host: HostNumber, happening: Happening, label: u32, bytes: u32) {
        if let Some(history) = &mut self.history {
            history.told(self.truth, host, happening, label, bytes);
        }
    }

    /// As [`State::tell`], of something that is in these words.
    pub fn tell_of(&mut self, host: HostNumber, happening: Happening, words: &str) {
        if let Some(history) = &mut self.history {
            let label = history.label(words);
            history.told(self.truth, host, happening, label, 0);
        }
    }

    /// As [`State::note`], of the link between two hosts.
    pub fn note_link(&mut self, host: HostNumber, happening: Happening, other: HostNumber) {
        if let Some(history) = &mut self.history {
            history.happened(self.truth, host, happening, other, 0);
        }
    }
}

impl Seat {
    /// Acts as the host; `None` if it has crashed since.
    pub fn act<R>(&self, act: impl FnOnce(&mut State, HostNumber) -> R) -> Option<R> {
        self.world.with(|state| (state.host(self.host).crashes == self.crashes).then(|| act(state, self.host)))
    }

    /// Whether the host has crashed since.
    pub fn is_lost(&self) -> bool {
        self.act(|_, _| ()).is_none()
    }
}
