//! Cancelling an operation at every point, to see that nothing is lost (A4).
//!
//! A scenario is a whole conversation whose operations all go through [`Scissors::retry`]. It is held again and again: the
//! first time the first poll of all is followed by a cut, the second time the second poll, and so on, until one conversation
//! ends before its cut comes. Each cut drops the future where it waits, and the operation is begun anew. So every await point
//! of every operation in it is cancelled once, and the conversation must end as if nothing had happened.
//!
//! A new operation joins by one line in a scenario: `scissors.retry(|| operation()).await`.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Cuts one future of a conversation, after a certain number of polls.
pub struct Scissors {
    left: Cell<Option<u32>>,
}

impl Scissors {
    /// Scissors that cut after so many polls, once.
    pub fn after(polls: u32) -> Scissors {
        Scissors { left: Cell::new(Some(polls)) }
    }

    /// Whether the cut has come.
    pub fn have_cut(&self) -> bool {
        self.left.get().is_none()
    }

    /// Whether the cut comes now.
    fn cut(&self) -> bool {
        match self.left.get() {
            Some(0) => {
                self.left.set(None);
                true
            }
            Some(polls) => {
                self.left.set(Some(polls - 1));
                false
            }
            None => false,
        }
    }

    /// Does an operation; if it is cut off, does it again.
    pub async fn retry<T>(&self, mut operation: impl AsyncFnMut() -> T) -> T {
        loop {
            let mut attempt = pin!(operation());
            let outcome = poll_fn(|context| match attempt.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if self.cut() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(done) = outcome.await {
                return done;
            }
        }
    }
}

/// Holds a conversation with a cut at every point of it. Gives how many points there were.
///
/// # Panics
/// If the conversation has no point at which it waits: then nothing was tried.
pub fn cut_everywhere(mut conversation: impl FnMut(&Scissors)) -> u32 {
    for polls in 0.. {
        let scissors = Scissors::after(polls);
        conversation(&scissors);
        if !scissors.have_cut() {
            assert!(polls > 0, "nothing in it ever waited");
            return polls;
        }
    }
    unreachable!("a conversation comes to an end")
}
