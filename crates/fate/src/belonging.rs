//! What a library keeps with an event manager: one value of each type.

use crate::Fate;
use std::any::Any;
use std::rc::Rc;

impl Fate {
    /// The one `T` that belongs to this event manager: made with `make` when it is first asked for, and kept until the
    /// event manager goes. For what a library has once, and all who use it share: a pool of connections, a cache.
    ///
    /// It must not hold the [`Fate`], or neither of the two would ever go; `make` is lent one, and so is whoever uses
    /// it.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::cell::Cell;
    ///
    /// #[derive(Default)]
    /// struct Visits(Cell<u32>);
    ///
    /// let mut sim = Sim::new(1);
    /// let (here, there) = (sim.host("here"), sim.host("there"));
    /// for fate in [&here, &here, &there] {
    ///     let visits = fate.belonging(|_| Visits::default());
    ///     visits.0.set(visits.0.get() + 1);
    /// }
    /// assert_eq!(here.belonging(|_| Visits::default()).0.get(), 2);
    /// ```
    pub fn belonging<T: Any>(&self, make: impl FnOnce(&Fate) -> T) -> Rc<T> {
        self.reactor().belonging(|reactor| make(Fate::of(reactor)))
    }
}
