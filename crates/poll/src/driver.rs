//! The exchange with the kernel.
//!
//! A wait ends for a reason: an operation completed, the bell rang, or a moment in `until` came. The kernel may return
//! for less (a notification that came late, a clock that was set, news of a file that is gone); then it is asked again.

use crate::alarm::Alarms;
use crate::bell::Bell;
use crate::poller::{Batch, Patience, Poller};
use crate::receiving::{Budget, KEPT, ROOM};
use crate::registry::Registry;
use crate::released::Released;
use crate::told::Told;
use fate_core::{Completion, Driver, Forked, Network, Op, Ring, Shelf, System, Time, Until};
use fate_unix::{Clocks, Mark, UnixNetwork, UnixSystem, random};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;

/// The driver for every Unix: waits for readiness.
///
/// Making one asks nothing of the system but the time. The poller is made for the first wait, watch, bell or socket that
/// must wait, and the timers for boot and wall time for the first wait on their clocks; so a daemon may fork twice before
/// it runs. From then on it is for its own process: in a forked child every exchange fails with [`Forked`](fate_core::Forked)
/// and touches nothing that is the parent's, though sockets are closed that are to be closed: the child's copies of them.
///
/// ```
/// use fate_core::{Clock, Driver, Until};
/// use std::time::Duration;
///
/// let mut driver = fate_poll::PollDriver::new();
/// let deadline = driver.time().now(Clock::Monotonic) + Duration::from_nanos(1_500_001);
/// let mut until = Until::FOREVER;
/// until.at_most(Clock::Monotonic, deadline);
/// driver.exchange(&mut Vec::new(), &mut Default::default(), &until)?;
/// assert!(driver.time().now(Clock::Monotonic) >= deadline);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct PollDriver {
    clocks: Rc<Clocks>,
    /// Set when there is a kernel.
    mark: Arc<Mark>,
    network: Rc<UnixNetwork>,
    shelf: Rc<Shelf>,
    registry: Registry,
    released: Rc<Released>,
    kernel: Option<Kernel>,
    /// Whether somebody outside may be waiting for the poller, so that it must be emptied in every exchange, and know when
    /// that returns whatever there is to know.
    is_guest: bool,
}

/// What is made at first need.
struct Kernel {
    poller: Arc<Poller>,
    bell: Arc<Bell>,
    alarms: Alarms,
    batch: Batch,
}

impl PollDriver {
    /// A driver that has asked nothing of the system yet.
    pub fn new() -> PollDriver {
        let (shelf, released) = (Shelf::new(ROOM, KEPT), Rc::new(Released::default()));
        let noted = released.clone();
        let mark = Arc::<Mark>::default();
        let network = UnixNetwork::new(shelf.clone()).with_farewell(move |socket| noted.note(socket));
        let network = network.with_mark(mark.clone());
        PollDriver {
            clocks: Rc::new(Clocks::new()),
            mark,
            network: Rc::new(network),
            shelf,
            registry: Registry::default(),
            released,
            kernel: None,
            is_guest: false,
        }
    }

    /// The clocks that it reads, for a driver that may take its place.
    pub fn clocks(&self) -> Rc<Clocks> {
        self.clocks.clone()
    }

    /// The mark that it sets when it begins to have something of the kernel's, for the same.
    pub fn mark(&self) -> Arc<Mark> {
        self.mark.clone()
    }

    /// What was made, or is made now; unless that was in another process.
    fn kernel(&mut self) -> io::Result<&mut Kernel> {
        self.mark.check()?;
        Kernel::open(&mut self.kernel, &self.mark, &self.released)
    }

    #[inline]
    fn submit(&mut self, op: Op, told: &mut Told<'_>) {
        let registry = &mut self.registry;
        match op {
            Op::Watch { key, descriptor, interest } => registry.watch(key, descriptor, interest, told),
            Op::Accept { key, listener } => registry.accept(key, listener, told),
            Op::Receive { key, socket } => registry.receive(key, socket, told),
            Op::Send { key, socket, outgoing, is_awaited } => registry.send(key, socket, outgoing, is_awaited, told),
            Op::Close { socket, is_abort } => registry.close(socket, is_abort, Kernel::poller(&self.kernel)),
            Op::Cancel { key } => registry.cancel(key, told),
        }
    }

    /// Whether the kernel can have nothing to say: then it need not be asked.
    fn is_quiet(&self) -> bool {
        let is_rung = self.kernel.as_ref().is_some_and(|kernel| kernel.bell.is_rung());
        self.registry.is_idle() && !is_rung && !self.is_guest
    }

    /// Has a host that waits in our stead come back at once for what the kernel will not tell it of.
    fn leave_word(&self) {
        if let (true, true, Some(kernel)) = (self.is_guest, self.registry.is_ready(), &self.kernel) {
            kernel.bell.ring();
        }
    }
}

/// What can be done in a forked child: its copy of a socket is closed. It is not even reset, for the parent has it too.
fn let_go(op: Op) {
    if let Op::Close { socket, .. } = op {
        fate_unix::close(socket, false);
    }
}

/// In a forked child the poller must not undo what it did in the parent.
impl Drop for PollDriver {
    fn drop(&mut self) {
        if let (true, Some(kernel)) = (self.mark.is_foreign(), &self.kernel) {
            kernel.poller.let_be();
        }
    }
}

impl Default for PollDriver {
    fn default() -> PollDriver {
        PollDriver::new()
    }
}

impl Driver for PollDriver {
    fn name(&self) -> &'static str {
        "poll"
    }

    fn time(&self) -> Rc<dyn Time> {
        self.clocks.clone()
    }

    fn network(&self) -> Rc<dyn Network> {
        self.network.clone()
    }

    fn system(&self) -> Rc<dyn System> {
        Rc::new(UnixSystem::new().with_mark(self.mark.clone()))
    }

    fn exchange(&mut self, outbox: &mut Vec<Op>, inbox: &mut VecDeque<Completion>, until: &Until) -> io::Result<()> {
        if self.mark.is_foreign() {
            outbox.drain(..).for_each(let_go);
            return Err(Forked.into());
        }
        let mut told = Told::new(inbox);
        self.released.drain(|socket| self.registry.forget(socket));
        outbox.drain(..).for_each(|op| self.submit(op, &mut told));
        let mut over = until.is_now() || self.clocks.has_come(until);
        if over && self.is_quiet() {
            return Ok(());
        }
        let kernel = Kernel::open(&mut self.kernel, &self.mark, &self.released)?;
        loop {
            let mut budget = Budget::whole();
            self.registry.apply(&kernel.poller, &mut told);
            self.registry.serve(&mut budget, &self.shelf, &mut told);
            over |= told.is_news();
            let patience = if over || self.registry.is_ready() {
                Patience::None
            } else {
                kernel.alarms.set(&kernel.poller, &self.clocks, until)?
            };
            let most = self.registry.live();
            kernel.poller.wait(&mut kernel.batch, patience, most, |news| {
                kernel.alarms.hear(news.token);
                self.registry.tell(&news, &mut told);
            })?;
            self.registry.serve(&mut budget, &self.shelf, &mut told);
            over |= kernel.bell.answer() || told.is_news() || self.clocks.has_come(until);
            if over && self.is_guest {
                self.registry.apply(&kernel.poller, &mut told);
            }
            if over {
                self.leave_word();
                return Ok(());
            }
        }
    }

    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>> {
        Ok(self.kernel()?.bell.clone())
    }

    fn pollable(&mut self) -> io::Result<RawFd> {
        let descriptor = self.kernel()?.poller.descriptor();
        self.is_guest = true;
        self.leave_word();
        Ok(descriptor)
    }

    fn random(&mut self) -> u64 {
        random()
    }
}

impl Kernel {
    fn open<'a>(kernel: &'a mut Option<Kernel>, mark: &Arc<Mark>, released: &Released) -> io::Result<&'a mut Kernel> {
        if kernel.is_none() {
            let poller = Arc::new(Poller::open()?);
            let alarms = Alarms::open(&poller)?;
            released.know(poller.clone());
            let bell = Arc::new(Bell::new(poller.clone(), mark.clone()));
            mark.set();
            *kernel = Some(Kernel { poller, bell, alarms, batch: Batch::new() });
        }
        Ok(kernel.as_mut().expect("it was just made"))
    }

    fn poller(kernel: &Option<Kernel>) -> Option<&Poller> {
        kernel.as_ref().map(|kernel| &*kernel.poller)
    }
}
