//! Watches: descriptors that somebody else owns, and who is told when they are ready.
//!
//! Level-triggered to the one who watches: as long as the descriptor is ready the handler is called once a turn. At the
//! seam each call is one `Op::Watch`, asked anew after the handler ran, so every driver can do it and none keeps state that
//! could go stale.

use super::operations::Operation;
use super::reactor::Reactor;
use crate::words::failure::Place;
use crate::words::key::Key;
use crate::words::op::{Event, Interest, Op};
use std::os::fd::RawFd;
use std::rc::Rc;

/// Told what happened to the descriptor; says whether to go on watching.
pub type WatchHandler = Box<dyn FnMut(&Rc<Reactor>, Event) -> bool>;

pub(super) struct WatchCell {
    descriptor: RawFd,
    interest: Interest,
    place: Place,
    /// Out of its place while it runs.
    handler: Option<WatchHandler>,
}

impl Reactor {
    /// Calls `handler` in each turn in which the descriptor is ready. The descriptor must stay open until the handler has
    /// said no, or [`Reactor::unwatch`] was called and a turn has begun since. A refusal ends the watch after it was told.
    pub fn watch(&self, descriptor: RawFd, interest: Interest, place: Place, handler: WatchHandler) -> Key {
        let cell = WatchCell { descriptor, interest, place, handler: Some(handler) };
        let key = self.traffic.operations.borrow_mut().insert(Operation::Watch(cell));
        self.outbox.borrow_mut().push(Op::Watch { key, descriptor, interest });
        key
    }

    /// Ends a watch: its handler is dropped and not called again. Says whether there was one.
    pub fn unwatch(&self, key: Key) -> bool {
        let removed = self.traffic.operations.borrow_mut().remove_key(key);
        if removed.is_some() {
            self.outbox.borrow_mut().push(Op::Cancel { key });
        }
        removed.is_some()
    }

    /// Ends all watches; says whether there was one. For the end of all things.
    pub(super) fn unwatch_all(&self) -> bool {
        let operations = self.traffic.operations.borrow();
        let watches = operations.iter().filter(|(_, operation)| matches!(operation, Operation::Watch(_)));
        let keys: Vec<Key> = watches.map(|(key, _)| key).collect();
        drop(operations);
        for key in &keys {
            self.unwatch(*key);
        }
        !keys.is_empty()
    }

    /// Every descriptor that is watched, for what, and who asked.
    pub fn watch_sights(&self) -> Vec<(RawFd, Interest, Place)> {
        let operations = self.traffic.operations.borrow();
        let sights = operations.iter().filter_map(|(_, operation)| match operation {
            Operation::Watch(cell) => Some((cell.descriptor, cell.interest, cell.place)),
            Operation::Of(_) | Operation::Aside(_) => None,
        });
        sights.collect()
    }

    pub(super) fn tell_watch(self: &Rc<Reactor>, key: Key, event: Event) {
        let Some((mut handler, place)) = self.take_watch_handler(key) else { return };
        self.enter(place);
        let refused = matches!(event, Event::Failed(_));
        let telling = Telling { reactor: self, key };
        let again = handler(self, event) && !refused;
        std::mem::forget(telling);
        let mut operations = self.traffic.operations.borrow_mut();
        let Some(Operation::Watch(cell)) = operations.get_key_mut(key) else {
            drop(operations);
            return drop(handler);
        };
        if again {
            cell.handler = Some(handler);
            let (descriptor, interest) = (cell.descriptor, cell.interest);
            self.outbox.borrow_mut().push(Op::Watch { key, descriptor, interest });
        } else {
            operations.discard(key.index);
            drop(operations);
        }
    }

    fn take_watch_handler(&self, key: Key) -> Option<(WatchHandler, Place)> {
        let mut operations = self.traffic.operations.borrow_mut();
        let Operation::Watch(cell) = operations.get_key_mut(key)? else { return None };
        Some((cell.handler.take()?, cell.place))
    }
}

/// A handler that was called. If it panics it is gone, and its watch with it.
struct Telling<'a> {
    reactor: &'a Reactor,
    key: Key,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let removed = self.reactor.traffic.operations.borrow_mut().remove_key(self.key);
        drop(removed);
    }
}
