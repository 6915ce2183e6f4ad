//! What the handles keep with a reactor: one value of each type.
//!
//! The handles are above the machine, and some of them have something that belongs to one Fate and to all its handles: a
//! pool of threads, a way to look names up. The machine keeps it, from when it is first asked for until the reactor is
//! dropped, and does not know what it is. As M3 has it, what is kept here holds the reactor weakly.

use super::reactor::Reactor;
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

pub(super) type Belongings = RefCell<Vec<Rc<dyn Any>>>;

impl Reactor {
    /// The one `T` that is kept here: made with `make`, when it is first asked for.
    pub fn belonging<T: Any>(self: &Rc<Reactor>, make: impl FnOnce(&Rc<Reactor>) -> T) -> Rc<T> {
        if let Some(kept) = self.find_belonging() {
            return kept;
        }
        let made = Rc::new(make(self));
        self.belongings.borrow_mut().push(made.clone());
        made
    }

    fn find_belonging<T: Any>(&self) -> Option<Rc<T>> {
        let belongings = self.belongings.borrow();
        let found = belongings.iter().find(|kept| kept.is::<T>())?;
        found.clone().downcast().ok()
    }
}
