//! Who looks at packets on behalf of a fuse, and burns it on the first that it waits for.
//!
//! A packet fuse is a fuse like any other, without a deadline unless it is given one. Its lookout is told by the fuse of what
//! happens to that: so the socket receives exactly as long as somebody would notice.
//!
//! ```text
//!   the handle ──holds──▶ Lookout ──looks at packets of──▶ PacketSocket
//!   each handler ─post──▶    └──burns──▶ the fuse
//! ```
//!
//! # Invariants
//! - O1 A lookout is over as soon as its fuse has burned, was cut, or can be reached by nobody any more; the number of
//!   its fuse is used only while it is not over. So it never burns a fuse that has come to have the same number.
//! - O2 A lookout that is not over is in its socket's list; while it also has a post, the socket receives.
//! - O3 A predicate is called from the turn alone, and never while it is being called already.

use super::packet::Lent;
use super::socket::PacketSocket;
use crate::{Fuse, Place};
use fate_core::Reactor;
use fate_core::parts::fuses::FuseIndex;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::{Rc, Weak};

/// Says whether a packet is the one. User code.
pub(super) type Predicate = Box<dyn FnMut(Lent<'_>) -> bool>;

/// Who looks at packets on behalf of a fuse.
pub(crate) struct Lookout {
    socket: Weak<PacketSocket>,
    number: u64,
    fuse: FuseIndex,
    place: Place,
    /// Out of its place while it is called.
    predicate: RefCell<Option<Predicate>>,
    posts: Cell<u32>,
    is_held: Cell<bool>,
    is_over: Cell<bool>,
}

/// What the handle of a fuse knows of its lookout.
pub(crate) struct Watched(Rc<Lookout>);

/// What a handler of a fuse knows of its lookout: that somebody would notice.
pub(crate) struct Post(Rc<Lookout>);

/// All lookouts of one socket, by number.
#[derive(Default)]
pub(super) struct Lookouts {
    list: RefCell<BTreeMap<u64, Weak<Lookout>>>,
    next: Cell<u64>,
    /// How many have a post.
    listening: Cell<u32>,
}

impl Lookouts {
    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.borrow().len()
    }

    /// Whether somebody would notice that one of the fuses burns.
    pub fn are_listening(&self) -> bool {
        self.listening.get() > 0
    }

    /// The number of the next lookout.
    pub fn next_number(&self) -> u64 {
        self.next.get()
    }

    /// The first with a number in this range.
    pub fn first_in(&self, range: Range<u64>) -> Option<Rc<Lookout>> {
        self.list.borrow().range(range).find_map(|(_, lookout)| lookout.upgrade())
    }

    fn count_listening(&self, begins: bool) {
        let count = self.listening.get();
        self.listening.set(if begins { count + 1 } else { count - 1 });
    }
}

impl PacketSocket {
    /// A fuse that burns on the first packet, from the next to be delivered on, of which the predicate says yes.
    pub(super) fn get_fuse(self: &Rc<Self>, reactor: &Rc<Reactor>, place: Place, predicate: Predicate) -> Fuse {
        self.try_again();
        let number = self.lookouts.next.replace(self.lookouts.next.get() + 1);
        Fuse::light_watched(reactor, place, |fuse| {
            let lookout = Rc::new(Lookout {
                socket: Rc::downgrade(self),
                number,
                fuse,
                place,
                predicate: RefCell::new(Some(predicate)),
                posts: Cell::new(0),
                is_held: Cell::new(true),
                is_over: Cell::new(false),
            });
            self.lookouts.list.borrow_mut().insert(number, Rc::downgrade(&lookout));
            if !self.is_open() {
                lookout.end();
            }
            Watched(lookout)
        })
    }

    /// No fuse of this socket burns any more.
    pub(super) fn end_lookouts(&self) {
        while let Some(lookout) = self.lookouts.first_in(0..u64::MAX) {
            lookout.end();
        }
    }
}

impl Lookout {
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Looks at a packet, and burns the fuse if it is the one. Calls user code.
    pub(super) fn look(self: &Rc<Self>, reactor: &Rc<Reactor>, packet: Lent<'_>) {
        let Some(predicate) = self.predicate.borrow_mut().take() else { return };
        reactor.enter(self.place);
        let mut looking = Looking { lookout: self, predicate: Some(predicate) };
        let is_the_one = looking.predicate.as_mut().is_some_and(|predicate| predicate(packet));
        drop(looking);
        if is_the_one && !self.is_over.get() {
            self.end();
            crate::fuse::burn(reactor, self.fuse, self.is_held.get());
        }
    }

    /// O1.
    fn end(&self) {
        if self.is_over.replace(true) {
            return;
        }
        let predicate = self.predicate.borrow_mut().take();
        drop(predicate);
        if let Some(socket) = self.socket.upgrade() {
            socket.lookouts.list.borrow_mut().remove(&self.number);
            if self.posts.get() > 0 {
                socket.lookouts.count_listening(false);
            }
            socket.concern_changed();
        }
    }

    fn last_post_leaves(&self) {
        if !self.is_held.get() {
            self.end();
        } else if !self.is_over.get() {
            self.listen(false);
        }
    }

    /// Somebody would notice from here on, or nobody.
    fn listen(&self, begins: bool) {
        if let Some(socket) = self.socket.upgrade() {
            socket.lookouts.count_listening(begins);
            socket.concern_changed();
        }
    }
}

/// A call of a predicate, which goes back to its place whichever way the call ends, unless it is not needed any more.
struct Looking<'a> {
    lookout: &'a Lookout,
    predicate: Option<Predicate>,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        if !self.lookout.is_over.get() {
            *self.lookout.predicate.borrow_mut() = self.predicate.take();
        }
    }
}

impl Watched {
    /// A handler was set that has not run.
    pub fn post(&self) -> Post {
        let lookout = &self.0;
        let posts = lookout.posts.replace(lookout.posts.get() + 1);
        if posts == 0 && !lookout.is_over.get() {
            lookout.listen(true);
        }
        Post(lookout.clone())
    }

    /// The fuse was cut, or burned by hand.
    pub fn end(&self) {
        self.0.end();
    }
}

/// The handle of the fuse is gone; if nobody would notice it either, nothing can come of it.
impl Drop for Watched {
    fn drop(&mut self) {
        self.0.is_held.set(false);
        if self.0.posts.get() == 0 {
            self.0.end();
        }
    }
}

impl Post {
    /// The handler is called: the fuse has burned, by whatever means.
    pub fn leave(self) {
        self.0.end();
    }
}

/// The handler will not be called any more, or is being called.
impl Drop for Post {
    fn drop(&mut self) {
        let lookout = &self.0;
        if lookout.posts.get() == 1 {
            lookout.last_post_leaves();
        }
        lookout.posts.set(lookout.posts.get() - 1);
    }
}
