//! What hyper has run beside an HTTP/2 connection, and what holds it: whoever asked for it can have it end.
//!
//! hyper sends a body by a future of its own, which it hands over to be run. It waits for as long as the other side
//! takes no more, also when the response has come whole and nobody wants anything any more. To let go of that future
//! resets its stream (RFC 9113, section 8.1). Whose it is hyper does not say: but it asks the body for the first piece
//! just before.

use hyper::rt::Executor;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub(super) type Job = Pin<Box<dyn Future<Output = ()>>>;

/// Futures that hyper wants to have run.
#[derive(Clone, Default)]
pub(super) struct Jobs {
    queue: Rc<RefCell<Vec<Job>>>,
    /// Holds the one that comes next.
    next: Rc<RefCell<Option<Leash>>>,
}

/// Holds a job until whoever asked for it goes.
#[derive(Clone, Default)]
pub(super) struct Leash(Rc<Held>);

#[derive(Default)]
struct Held {
    job: RefCell<Option<Job>>,
    is_cut: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

/// Says whose the next job is.
pub(super) struct Tag {
    jobs: Jobs,
    leash: Leash,
}

impl Jobs {
    pub fn take(&self) -> Vec<Job> {
        self.queue.take()
    }

    pub fn tag(&self, leash: &Leash) -> Tag {
        Tag { jobs: self.clone(), leash: leash.clone() }
    }
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Jobs {
    fn execute(&self, future: F) {
        let leash = self.next.take();
        let job: Job = Box::pin(future);
        self.queue.borrow_mut().push(match leash {
            Some(leash) => leash.hold(job),
            None => job,
        });
    }
}

impl Tag {
    pub fn show(self) {
        *self.jobs.next.borrow_mut() = Some(self.leash);
    }
}

impl Leash {
    fn hold(self, job: Job) -> Job {
        *self.0.job.borrow_mut() = Some(job);
        Box::pin(poll_fn(move |context| self.poll(context)))
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.waker.set(Some(context.waker().clone()));
        let mut place = self.0.job.borrow_mut();
        let is_over = place.as_mut().is_none_or(|job| job.as_mut().poll(context).is_ready());
        if !is_over && !self.0.is_cut.get() {
            return Poll::Pending;
        }
        let job = place.take();
        drop(place);
        // Whatever goes with it may look here again.
        drop(job);
        Poll::Ready(())
    }

    /// Has the job end, at once unless it is at work.
    pub fn cut(&self) {
        self.0.is_cut.set(true);
        let job = self.0.job.try_borrow_mut().ok().and_then(|mut job| job.take());
        drop(job);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}
