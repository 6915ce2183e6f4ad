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

    /// From here on it is so long from now.
    pub fn reset(&mut self, fate: &Fate, limit: Option<Duration>) {
        *self = Alarm::after(fate, limit);
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
