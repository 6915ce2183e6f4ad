//! What wakes a task: a flag, a key, and the way back to the loop.
//!
//! A [`TaskBell`] is what a `std::task::Waker` made here points to, so it may be cloned to and rung from any thread. On the
//! loop's own thread it tells the loop at once; from elsewhere it goes through the [`Door`]. Ringing for a task that is
//! gone finds nobody: keys have generations.

use super::door::{AtomicBool, AtomicU64, Door, Loop, Ordering};
use crate::words::key::Key;
use std::sync::Arc;
use std::task::Wake;

/// Wakes one task at a time.
pub struct TaskBell<L: Loop> {
    door: Arc<Door<L>>,
    key: AtomicU64,
    rung: AtomicBool,
}

impl<L: Loop> TaskBell<L> {
    /// A bell for the task `key` of the loop behind `door`.
    pub fn new(door: Arc<Door<L>>, key: Key) -> TaskBell<L> {
        TaskBell { door, key: AtomicU64::new(pack(key)), rung: AtomicBool::new(false) }
    }

    /// Hands the bell to another task. Only sensible while nobody else holds a waker made of it.
    pub fn assign(&self, key: Key) {
        self.key.store(pack(key), Ordering::Relaxed);
        self.rung.store(false, Ordering::Relaxed);
    }

    /// The task is about to be polled: what rings from now on counts anew, and what was written before an earlier ring is
    /// seen by the poll, also if that ring found the bell rung already. Hence the swap: a store would not acquire.
    pub fn answer(&self) {
        self.rung.swap(false, Ordering::Acquire);
    }
}

fn pack(key: Key) -> u64 {
    u64::from(key.generation) << 32 | u64::from(key.index)
}

fn unpack(bits: u64) -> Key {
    Key { index: bits as u32, generation: (bits >> 32) as u32 }
}

impl<L: Loop> Wake for TaskBell<L> {
    fn wake(self: Arc<TaskBell<L>>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<TaskBell<L>>) {
        if !self.rung.swap(true, Ordering::Release) {
            self.door.wake(unpack(self.key.load(Ordering::Relaxed)));
        }
    }
}
