//! The exchange with the kernel.
//!
//! A wait ends for a reason: an operation completed, the bell rang, or a moment in `until` came. The kernel may return
//! for less (a notification that came late, a clock that was set, news of a file that is gone); then it is asked again.

use crate::alarm::Alarms;
use crate::bell::Bell;
use crate::clock::Clocks;
use crate::poller::Poller;
use crate::random::random;
use crate::token::Token;
use crate::watches::Watches;
use fate_core::{Completion, Driver, Instant, Op, Ring, Time, Until};
use polling::Events;
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;

/// How many descriptors the kernel may tell of at a time. If more are ready it is asked again.
const BATCH: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The driver for every Unix: waits for readiness.
///
/// Making one asks nothing of the system but the time. The poller is made for the first wait, watch or bell, and the
/// timers for the first wait on their clocks; so a daemon may fork twice before it runs.
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
    watches: Watches,
    alarms: Alarms,
    kernel: Option<Kernel>,
    /// Whether somebody outside may be waiting for the poller, so that it must be emptied in every exchange.
    is_guest: bool,
}

/// What is made at first need.
struct Kernel {
    poller: Arc<Poller>,
    bell: Arc<Bell>,
    told: Events,
}

impl PollDriver {
    /// A driver that has asked nothing of the system yet.
    pub fn new() -> PollDriver {
        PollDriver {
            clocks: Rc::new(Clocks::new()),
            watches: Watches::default(),
            alarms: Alarms::default(),
            kernel: None,
            is_guest: false,
        }
    }

    fn submit(&mut self, op: Op, inbox: &mut VecDeque<Completion>) {
        match op {
            Op::Watch { key, descriptor, interest } => self.watches.watch(key, descriptor, interest, inbox),
            Op::Cancel { key } => self.watches.cancel(key),
        }
    }

    /// Whether the kernel can have nothing to say: then it need not be asked.
    fn is_quiet(&self) -> bool {
        let is_rung = self.kernel.as_ref().is_some_and(|kernel| kernel.bell.is_rung());
        self.watches.is_idle() && !is_rung && !self.is_guest
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

    fn exchange(&mut self, outbox: &mut Vec<Op>, inbox: &mut VecDeque<Completion>, until: &Until) -> io::Result<()> {
        let before = inbox.len();
        outbox.drain(..).for_each(|op| self.submit(op, inbox));
        let mut over = until.is_now() || self.clocks.has_come(until);
        if over && self.is_quiet() {
            return Ok(());
        }
        let kernel = Kernel::open(&mut self.kernel)?;
        loop {
            self.watches.apply(&kernel.poller, inbox);
            over |= inbox.len() > before;
            let limit = if over { Instant::START } else { self.alarms.limit(&kernel.poller, &self.clocks, until)? };
            kernel.wait(self.clocks.in_system_time(limit), |event| match Token(event.key) {
                Token::ALARM => self.alarms.hear(),
                _ => self.watches.tell(&event, inbox),
            })?;
            over |= kernel.bell.answer() || inbox.len() > before || self.clocks.has_come(until);
            if over {
                return Ok(());
            }
        }
    }

    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>> {
        Ok(Kernel::open(&mut self.kernel)?.bell.clone())
    }

    fn pollable(&mut self) -> io::Result<RawFd> {
        let descriptor = Kernel::open(&mut self.kernel)?.poller.descriptor();
        self.is_guest = true;
        Ok(descriptor)
    }

    fn random(&mut self) -> u64 {
        random()
    }
}

impl Kernel {
    fn open(kernel: &mut Option<Kernel>) -> io::Result<&mut Kernel> {
        if kernel.is_none() {
            let poller = Arc::new(Poller::open()?);
            let bell = Arc::new(Bell::new(poller.clone()));
            *kernel = Some(Kernel { poller, bell, told: Events::with_capacity(BATCH) });
        }
        Ok(kernel.as_mut().expect("it was just made"))
    }

    /// Waits once, and hands on everything that is ready. A one-shot is told once, so this comes to an end.
    fn wait(
        &mut self,
        mut deadline: Option<std::time::Instant>,
        mut hear: impl FnMut(polling::Event),
    ) -> io::Result<()> {
        loop {
            self.poller.wait(&mut self.told, deadline)?;
            self.told.iter().for_each(&mut hear);
            // A full batch may not be the last. Some of it may be the poller's own, which are not counted here.
            if self.told.len() <= BATCH.get() / 2 {
                return Ok(());
            }
            deadline = Some(std::time::Instant::now());
        }
    }
}
