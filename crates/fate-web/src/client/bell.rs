//! Who is told when something happens on a connection that nobody uses.
//!
//! A waker that is kept by a task keeps a run going, and a connection that is kept in case it is needed again must not.
//! So nobody waits for it; the pool is called when it stirs, and looks.

use super::pool::Pool;
use fate::{Fate, Homebound, Remote};
use std::rc::Weak;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

/// Calls the pool, while it is on.
pub(super) struct Bell(Arc<Wire>);

struct Wire {
    pool: Homebound<Weak<Pool>>,
    remote: Remote,
    /// Whoever uses the connection hears for himself what comes, and what the bell is still told of then is not for the
    /// pool.
    is_on: AtomicBool,
    /// Whether something has happened since it was turned on.
    has_rung: AtomicBool,
}

impl Bell {
    pub fn new(fate: &Fate, pool: Weak<Pool>) -> Bell {
        let wire = Wire {
            pool: fate.keep_home(pool),
            remote: fate.remote(),
            is_on: AtomicBool::new(false),
            has_rung: AtomicBool::new(false),
        };
        Bell(Arc::new(wire))
    }

    /// Another one for the same pool.
    pub fn another(&self) -> Bell {
        let Wire { pool, remote, .. } = &*self.0;
        Bell(Arc::new(Wire {
            pool: pool.clone(),
            remote: remote.clone(),
            is_on: AtomicBool::new(false),
            has_rung: AtomicBool::new(false),
        }))
    }

    pub fn turn(&self, is_on: bool) {
        self.0.has_rung.store(false, Ordering::Relaxed);
        self.0.is_on.store(is_on, Ordering::Relaxed);
    }

    /// Whether something has happened since it was turned on.
    pub fn has_rung(&self) -> bool {
        self.0.has_rung.load(Ordering::Relaxed)
    }

    pub fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }
}

impl Wake for Wire {
    fn wake(self: Arc<Self>) {
        if !self.is_on.load(Ordering::Relaxed) {
            return;
        }
        self.has_rung.store(true, Ordering::Relaxed);
        let wire = self.clone();
        self.remote.call(move |fate| {
            if let Some(pool) = wire.pool.get().and_then(Weak::upgrade) {
                pool.look(fate);
            }
        });
    }
}
