//! Making a Fate that differs from what [`Fate::new`] gives.

use crate::drivers;
use crate::names::{Names, Resolve};
use crate::signals::Ear;
use crate::threads::{self, Threads};
use crate::{Driver, Fate, Fault, Verdict};
use fate_core::Reactor;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

/// Which kernel interface a Fate stands on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum DriverChoice {
    /// The best there is, unless the environment variable `FATE_DRIVER` names one (`uring`, `poll`). Where it turns out that the
    /// kernel will not have the best, another stands in, and the report says so.
    #[default]
    Best,
    /// io_uring. If the kernel will not have it, what needs the kernel first fails, and says why: `run`, as a rule.
    Uring,
    /// epoll, kqueue, or what else the system has for readiness.
    Poll,
}

type OnFault = Box<dyn Fn(&Fate, &Fault) -> Verdict>;
type AroundWait = Box<dyn Fn(&mut dyn FnMut())>;

/// Settings for a new [`Fate`], made by [`Fate::builder`].
///
/// ```
/// use fate::{Fate, Verdict};
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// let faults = Rc::new(Cell::new(0));
/// let count = faults.clone();
/// let fate = Fate::builder()
///     .grace(Duration::from_secs(1))
///     .on_fault(move |_, _| { count.set(count.get() + 1); Verdict::GoOn })
///     .build()?;
/// fate.call_soon(|_| Err("a spoon is missing".into()));
/// fate.call_soon(|_| assert!(false, "the dormouse is in the teapot"));
/// fate.run()?;
/// assert_eq!(faults.get(), 2);
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    driver: DriverChoice,
    grace: Option<Duration>,
    on_fault: Option<OnFault>,
    around_wait: Option<AroundWait>,
    threads: threads::Settings,
    names: Names,
    leaves_signals: bool,
}

impl Builder {
    /// Chooses the driver.
    pub fn driver(mut self, driver: DriverChoice) -> Builder {
        self.driver = driver;
        self
    }

    /// How long what was set with [`Fate::before_shutdown`] may delay a shutdown: ten seconds unless said otherwise.
    pub fn grace(mut self, grace: Duration) -> Builder {
        self.grace = Some(grace);
        self
    }

    /// Chooses what is done when a handler fails or panics, and when a failure is dropped unheard. Called from the turn,
    /// between handlers.
    ///
    /// [`Verdict::GoOn`] keeps the loop going, [`Verdict::Stop`] ends `run` with the failure, or carries the panic out.
    /// [`Fault::print`] is what happens otherwise: everything is printed to standard error, and a panic is carried out.
    pub fn on_fault(mut self, handler: impl Fn(&Fate, &Fault) -> Verdict + 'static) -> Builder {
        self.on_fault = Some(Box::new(handler));
        self
    }

    /// Takes no signal but those that the program asks for, with [`Fate::on_signal`] or [`Fate::signals`]: what ends programs
    /// ends this one, as if it had no loop. See [`Fate::run`] for what happens otherwise.
    ///
    /// ```
    /// use fate::Fate;
    ///
    /// let fate = Fate::builder().leave_signals().build()?;
    /// fate.call_soon(|_| println!("a Ctrl-C from here on is not heard, but kills"));
    /// fate.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn leave_signals(mut self) -> Builder {
        self.leaves_signals = true;
        self
    }

    /// Puts a hook around the one wait that blocks: it is given the wait, and must call it once. A host that has to let go
    /// of something while the loop sleeps does it here.
    pub fn around_wait(mut self, hook: impl Fn(&mut dyn FnMut()) + 'static) -> Builder {
        self.around_wait = Some(Box::new(hook));
        self
    }

    /// How many threads there may be for [`Fate::defer_to_thread`]: 64 unless said otherwise. Zero counts as one.
    pub fn threads(mut self, most: usize) -> Builder {
        self.threads.most = NonZeroUsize::new(most.max(1));
        self
    }

    /// Chooses who finds the addresses of a name: the system (`getaddrinfo`, on threads) unless said otherwise. A resolver is
    /// not asked for what is an address already.
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Builder {
        self.names.set_resolver(Rc::new(resolver));
        self
    }

    /// Chooses a function that finds the addresses of a name and port and may take its time: it is called on the threads
    /// that are for names alone.
    pub fn look_up_with<F>(mut self, look_up: F) -> Builder
    where
        F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    {
        self.names.set_look_up(look_up);
        self
    }

    /// The Fate will be a host of a simulation: one seed, one history, and nothing of this machine.
    pub(crate) fn simulated(mut self) -> Builder {
        self.threads.is_simulated = true;
        self.names.simulate();
        self
    }

    /// Makes the Fate.
    ///
    /// # Errors
    /// `InvalidInput` if `FATE_DRIVER` names a driver that does not exist, `Unsupported` if it does not exist on this system.
    pub fn build(self) -> io::Result<Fate> {
        let driver = drivers::open(self.driver)?;
        Ok(self.build_on(driver))
    }

    /// Makes a Fate on a driver of your own.
    pub fn build_on(self, driver: Box<dyn Driver>) -> Fate {
        let reactor = Reactor::new(driver);
        Threads::set_up(&reactor, self.threads);
        self.names.set_up(&reactor);
        if self.leaves_signals {
            Ear::of(&reactor).leave_signals();
        }
        if let Some(grace) = self.grace {
            reactor.set_grace(grace);
        }
        if let Some(handler) = self.on_fault {
            reactor.set_fault_handler(move |reactor, fault| handler(Fate::of(reactor), fault));
        }
        if let Some(hook) = self.around_wait {
            reactor.set_around_wait(Rc::from(hook));
        }
        Fate::from_reactor(reactor)
    }
}
