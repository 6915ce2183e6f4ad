//! Keeping threads together.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// While it is there, this thread and those that it starts run on one processor.
pub struct OneProcessor {
    before: CpuSet,
}

impl OneProcessor {
    /// Binds this thread to one of the processors that it may run on.
    pub fn bind() -> OneProcessor {
        let before = sched_getaffinity(None).expect("the system tells");
        let first = (0..CpuSet::MAX_CPU).find(|processor| before.is_set(*processor)).expect("it runs somewhere");
        let mut only = CpuSet::new();
        only.set(first);
        sched_setaffinity(None, &only).expect("it may run there");
        OneProcessor { before }
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        sched_setaffinity(None, &self.before).expect("it could run there before");
    }
}
