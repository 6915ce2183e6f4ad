//! How long something may take.

use fate::{Fate, Instant, Sleep};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// Waits for `work`, but not past the limit; nothing if that was over first. What is ready at once lights no fuse.
pub(super) async fn within<T>(fate: &Fate, limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut alarm = Alarm::after(fate, limit);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => alarm.poll(fate, context).map(|()| None),
    })
    .await
}

/// A moment that is waited for, from when somebody first has to wait.
pub(super) struct Alarm {
    /// Nothing if it is never.
    moment: Option<Instant>,
    sleep: Option<Sleep>,
}

impl Alarm {
    pub fn after(fate: &Fate, limit: Option<Duration>) -> Alarm {
        Alarm::at(limit.map(|limit| fate.now() + limit))
    }

    pub fn at(moment: Option<Instant>) -> Alarm {
        Alarm { moment, sleep: None }
    }

    pub fn moment(&self) -> Option<Instant> {
        self.moment
    }

    /// Ready once the moment has come.
    pub fn poll(&mut self, fate: &Fate, context: &mut Context<'_>) -> Poll<()> {
        let Some(moment) = self.moment else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| fate.sleep(moment - fate.now()));
        Pin::new(sleep).poll(context)
    }
}

/// How long nothing may come, while somebody waits for it.
pub(super) struct Silence {
    limit: Option<Duration>,
    /// How much longer it may last.
    left: Option<Duration>,
    /// Nothing while nobody waits.
    alarm: Option<Alarm>,
}

impl Silence {
    pub fn of(limit: Option<Duration>) -> Silence {
        Silence { limit, left: limit, alarm: None }
    }

    /// Somebody waits: when he has waited for too long.
    pub fn alarm(&mut self, fate: &Fate) -> &mut Alarm {
        self.alarm.get_or_insert_with(|| Alarm::after(fate, self.left))
    }

    /// Nobody waits any more, though nothing came. Whoever waits next has the rest of the time.
    pub fn pause(&mut self, fate: &Fate) {
        if let Some(moment) = self.alarm.take().and_then(|alarm| alarm.moment()) {
            self.left = Some(moment - fate.now());
        }
    }

    /// Something came.
    pub fn end(&mut self) {
        *self = Silence::of(self.limit);
    }
}
