//! Having something called from another thread.

use crate::Fate;
use fate_core::Reactor;
use fate_core::parts::door::Door;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

pub use fate_core::parts::door::Refused;

/// A handle by which any thread can have a closure called on the loop. `Send`, `Sync` and cheap to clone.
///
/// Calls of one thread run in the order in which they were made, from the ready queue; none is lost, and however many come while the
/// loop sleeps, it is woken once. An unused Remote does not keep [`Fate::run`] going; one made with
/// [`Remote::keep_alive`] does.
///
/// ```
/// use fate::Fate;
///
/// let fate = Fate::new()?;
/// let remote = fate.remote().keep_alive();
/// let thread = std::thread::spawn(move || remote.call(|fate| fate.shutdown()));
/// fate.run()?; // sleeps in the kernel until the thread calls
/// thread.join().unwrap();
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct Remote {
    door: Arc<Door<Reactor>>,
    limit: usize,
    hold: Option<Arc<KeepAlive>>,
}

struct KeepAlive(Arc<Door<Reactor>>);

impl Drop for KeepAlive {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Remote {
    pub(crate) fn new(fate: &Fate) -> Remote {
        Remote { door: fate.reactor().door().clone(), limit: usize::MAX, hold: None }
    }

    /// The same, but it lets no more than `limit` calls wait, its own and others' together. A limit of zero counts as one.
    pub fn bounded(mut self, limit: usize) -> Remote {
        self.limit = limit.max(1);
        self
    }

    /// The same, but [`Fate::run`] goes on as long as this, or a clone of it, exists.
    pub fn keep_alive(mut self) -> Remote {
        self.hold.get_or_insert_with(|| {
            self.door.hold();
            Arc::new(KeepAlive(self.door.clone()))
        });
        self
    }

    /// Has `call` called on the loop. If this Remote is bounded and full it waits for room, except on the loop's own thread, where it
    /// lets the call in. If the Fate is gone the call is dropped; [`Remote::try_call`] tells.
    #[track_caller]
    pub fn call(&self, call: impl FnOnce(&Fate) + Send + 'static) {
        drop(self.door.call_waiting(self.limit, entering(Location::caller(), call)));
    }

    /// Has `call` called on the loop, if that can be promised at once.
    ///
    /// # Errors
    /// The closure, if this Remote is bounded and full, or the Fate is gone.
    #[track_caller]
    pub fn try_call<F: FnOnce(&Fate) + Send + 'static>(&self, call: F) -> Result<(), Refused<F>> {
        let place = Location::caller();
        self.door.call_as(self.limit, call, |call| entering(place, call))
    }
}

fn entering(
    place: crate::Place,
    call: impl FnOnce(&Fate) + Send + 'static,
) -> impl FnOnce(&Rc<Reactor>) + Send + 'static {
    move |reactor| {
        reactor.enter(place);
        call(Fate::of(reactor));
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("keeps_alive", &self.hold.is_some()).finish_non_exhaustive()
    }
}
