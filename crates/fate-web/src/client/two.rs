//! A connection that speaks HTTP/2, which many requests share.
//!
//! hyper's machine for it is a handful of futures. One task polls them as long as some request is under way; each
//! request adds a task of its own. While nobody uses it no task runs: it is polled when it stirs, so that it answers
//! the other side's pings, and is noticed when it is closed.

use super::bell::Bell;
use super::one::LONGEST_HEADER;
use super::sent::Outgoing;
use super::wire::{Watch, Wire};
use fate::{Fate, TcpStream, Tether};
use fate_tls::TlsError;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A connection that speaks HTTP/2.
pub(super) struct Two {
    sender: SendRequest<Outgoing>,
    machine: RefCell<Machine>,
    /// Of each request.
    jobs: Jobs,
    tether: Tether,
    watch: Watch,
    bell: Bell,
    users: Cell<usize>,
    is_driven: Cell<bool>,
    has_ended: Cell<bool>,
    /// Whether somebody has waited on it in vain.
    is_doubted: Cell<bool>,
    /// Wakes the task that drives it.
    driver: Cell<Option<Waker>>,
}

type Job = Pin<Box<dyn Future<Output = ()>>>;

/// The futures that are the connection.
struct Machine(Vec<Job>);

/// Futures that hyper wants to have run.
#[derive(Clone, Default)]
struct Jobs(Rc<RefCell<Vec<Job>>>);

impl<F: Future<Output = ()> + 'static> Executor<F> for Jobs {
    fn execute(&self, future: F) {
        self.0.borrow_mut().push(Box::pin(future));
    }
}

impl Two {
    pub async fn begin(stream: TcpStream, bell: Bell) -> hyper::Result<Rc<Two>> {
        let (tether, watch, jobs) = (stream.tether(), Watch::default(), Jobs::default());
        let mut builder = http2::Builder::new(jobs.clone());
        builder.adaptive_window(false).max_header_list_size(LONGEST_HEADER as u32);
        let (sender, connection) = builder.handshake(Wire::new(stream, &watch)).await?;
        // What went wrong is told to whoever waits for a response, or reads a body.
        let connection: Job = Box::pin(async move { drop(connection.await) });
        let mut machine = jobs.0.take();
        machine.push(connection);
        Ok(Rc::new(Two {
            sender,
            machine: RefCell::new(Machine(machine)),
            jobs,
            tether,
            watch,
            bell,
            users: Cell::new(0),
            is_driven: Cell::new(false),
            has_ended: Cell::new(false),
            is_doubted: Cell::new(false),
            driver: Cell::new(None),
        }))
    }

    /// Whether more can be asked.
    pub fn is_fresh(&self) -> bool {
        !self.has_ended.get() && !self.is_doubted.get() && !self.sender.is_closed()
    }

    pub fn has_users(&self) -> bool {
        self.users.get() > 0
    }

    /// Has it driven until the use is dropped.
    pub fn begin_use(self: &Rc<Two>, fate: &Fate) -> Use {
        self.users.set(self.users.get() + 1);
        self.tether.fasten();
        self.bell.turn(false);
        if !self.is_driven.replace(true) {
            drop(fate.spawn(drive(self.clone(), fate.clone())));
        }
        Use { two: self.clone() }
    }

    /// Has hyper do what there is to do while nobody uses it. Says whether it is over.
    pub fn look(&self) -> bool {
        self.poll(&mut Context::from_waker(&self.bell.waker()))
    }

    /// Has hyper do what there is to do. Says whether it is over.
    fn poll(&self, context: &mut Context<'_>) -> bool {
        let Ok(mut machine) = self.machine.try_borrow_mut() else { return false };
        machine.0.retain_mut(|part| part.as_mut().poll(context).is_pending());
        if machine.0.is_empty() || self.sender.is_closed() && self.users.get() == 0 {
            self.has_ended.set(true);
        }
        self.has_ended.get()
    }

    /// Nobody uses it: no run goes on for it.
    fn rest(&self) {
        self.is_driven.set(false);
        self.driver.take();
        self.tether.loosen();
        self.bell.turn(true);
        self.look();
    }
}

/// Somebody uses it.
pub(super) struct Use {
    two: Rc<Two>,
}

impl Use {
    pub fn sender(&self) -> SendRequest<Outgoing> {
        self.two.sender.clone()
    }

    /// Why encryption has failed, if it has.
    pub fn refusal(&self) -> Option<TlsError> {
        self.two.watch.refusal()
    }

    /// Nothing came in time. It may be that nothing ever will, so those who come later had better use another one.
    pub fn doubt(&self) {
        self.two.is_doubted.set(true);
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.two.users.set(self.two.users.get() - 1);
        if let Some(driver) = self.two.driver.take() {
            driver.wake();
        }
    }
}

/// Drives the connection as long as somebody uses it.
async fn drive(two: Rc<Two>, fate: Fate) {
    poll_fn(|context| {
        two.driver.set(Some(context.waker().clone()));
        let is_over = two.poll(context);
        for job in two.jobs.0.take() {
            drop(fate.spawn(job));
        }
        if is_over || two.users.get() == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    two.rest();
    fate.belonging(|_| super::pool::Pools::default()).look(&fate);
}
