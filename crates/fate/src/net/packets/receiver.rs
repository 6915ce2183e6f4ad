//! A handler that is given every packet.

use super::packet::Lent;
use super::socket::PacketSocket;
use crate::Place;
use fate_core::Reactor;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

/// Is given every packet, and what errors there are. User code.
pub(super) type Receiver = Box<dyn FnMut(&Rc<Reactor>, &Rc<PacketSocket>, io::Result<Lent<'_>>)>;

/// The place of a receiver.
#[derive(Default)]
pub(super) struct ReceiverSlot {
    /// Out of its place while it is called.
    receiver: RefCell<Option<Receiver>>,
    place: Cell<Option<Place>>,
}

impl ReceiverSlot {
    /// Whether there is a receiver, be it in its place or being called.
    pub fn is_set(&self) -> bool {
        self.place.get().is_some()
    }

    /// There is none from here on.
    pub fn clear(&self) {
        self.place.set(None);
        let receiver = self.receiver.borrow_mut().take();
        drop(receiver);
    }
}

impl PacketSocket {
    /// Every packet goes to this receiver from here on, and those that are held before them.
    pub(super) fn set_receiver(self: &Rc<Self>, reactor: &Rc<Reactor>, place: Place, receiver: Receiver) {
        if !self.is_open() {
            return;
        }
        self.receiver.place.set(Some(place));
        let replaced = self.receiver.receiver.borrow_mut().replace(receiver);
        drop(replaced);
        self.try_again();
        if self.reading.has_held() {
            self.tell_held_later(reactor);
        }
        self.update(reactor);
    }

    /// Packets go to those who ask again. Says whether there was a receiver.
    pub(super) fn stop_receiver(self: &Rc<Self>) -> bool {
        let was_set = self.receiver.is_set();
        self.receiver.clear();
        self.concern_changed();
        was_set
    }

    /// Calls the receiver, if it is not being called already.
    pub(super) fn call_receiver(self: &Rc<Self>, reactor: &Rc<Reactor>, packet: io::Result<Lent<'_>>) {
        let Some(receiver) = self.receiver.receiver.borrow_mut().take() else { return };
        if let Some(place) = self.receiver.place.get() {
            reactor.enter(place);
        }
        let mut calling = Calling { slot: &self.receiver, receiver: Some(receiver) };
        if let Some(receiver) = &mut calling.receiver {
            receiver(reactor, self, packet);
        }
    }

    /// Has the receiver told of what is held, one packet after another.
    fn tell_held_later(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let socket = self.clone();
        reactor.queue(move |reactor| {
            // Who delivers now, in a turn around this one, sees to the rest.
            if !socket.receiver.is_set() || socket.is_delivering.replace(true) {
                return;
            }
            let telling = Telling { socket: &socket, reactor };
            match socket.reading.take_held() {
                Some(Ok(packet)) => socket.call_receiver(reactor, Ok(packet.lend())),
                Some(Err(error)) => socket.call_receiver(reactor, Err(error)),
                None => {}
            }
            drop(telling);
        });
    }

    /// The end of P2: goes on with what is held, or with what the kernel has.
    pub(super) fn end_delivery(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        self.is_delivering.set(false);
        if self.receiver.is_set() && self.reading.has_held() {
            self.tell_held_later(reactor);
        }
        self.update(reactor);
    }
}

/// One packet that was held is being told. P2 while it lasts.
struct Telling<'a> {
    socket: &'a Rc<PacketSocket>,
    reactor: &'a Rc<Reactor>,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.socket.end_delivery(self.reactor);
    }
}

/// A call of the receiver, which goes back to its place whichever way the call ends, unless another has taken it or it was
/// stopped.
struct Calling<'a> {
    slot: &'a ReceiverSlot,
    receiver: Option<Receiver>,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        let mut place = self.slot.receiver.borrow_mut();
        if place.is_none() && self.slot.is_set() {
            *place = self.receiver.take();
        }
    }
}
