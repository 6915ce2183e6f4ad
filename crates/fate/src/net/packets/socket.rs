//! The machine of one socket for packets: when it receives, who owns it, and how it ends.
//!
//! It is owned by its handle, by every packet fuse that may still burn, and by its receiver: it closes when it has lost the
//! last of them. It receives while one of these wants a packet, or a task has asked for one; what nobody wants waits in the
//! kernel.
//!
//! # Invariants
//! - P1 At most one `Op::Watch` for reading and one for writing is under way.
//! - P2 While a packet is being delivered the socket does not receive: so nobody is told of a packet before the last one,
//!   and neither predicates nor the receiver are called while they are being called.
//! - P3 After `close` nothing is under way, and nothing of the user's is kept.

use super::allowance::Allowance;
use super::lookout::Lookouts;
use super::reading::Reading;
use super::receiver::ReceiverSlot;
use super::sending::Sending;
use crate::Place;
use fate_core::machine::report::Kind;
use fate_core::{Address, Endpoint, EndpointSight, Event, Interest, Key, Network, Op, Reactor, Socket, WindDown};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

/// A socket for packets.
pub(crate) struct PacketSocket {
    reactor: Weak<Reactor>,
    place: Place,
    /// Its own address when it was made.
    address: Address,
    /// Whether a file goes with the socket.
    has_file: bool,
    socket: Cell<Option<Socket>>,
    listing: Cell<Option<Key>>,
    handles: Cell<u32>,
    /// Tells when there are packets.
    watch: Cell<Option<Key>>,
    /// The watch was refused; it is tried again when somebody asks again.
    is_refused: Cell<bool>,
    pub(super) is_delivering: Cell<bool>,
    pub(super) lookouts: Lookouts,
    pub(super) receiver: ReceiverSlot,
    pub(super) reading: Reading,
    pub(super) sending: Sending,
    /// What may be received without a watch, and what may be sent without waiting.
    pub(super) incoming: Allowance,
    pub(super) outgoing: Allowance,
    refusal: RefCell<Option<io::Error>>,
}

impl PacketSocket {
    /// The machine of a socket that has this address.
    pub fn new(
        reactor: &Rc<Reactor>,
        socket: Socket,
        address: Address,
        has_file: bool,
        place: Place,
    ) -> Rc<PacketSocket> {
        let made = Rc::new(PacketSocket {
            reactor: Rc::downgrade(reactor),
            place,
            address,
            has_file,
            socket: Cell::new(Some(socket)),
            listing: Cell::new(None),
            handles: Cell::new(0),
            watch: Cell::new(None),
            is_refused: Cell::new(false),
            is_delivering: Cell::new(false),
            lookouts: Lookouts::default(),
            receiver: ReceiverSlot::default(),
            reading: Reading::default(),
            sending: Sending::default(),
            incoming: Allowance::default(),
            outgoing: Allowance::default(),
            refusal: RefCell::default(),
        });
        made.listing.set(Some(reactor.enlist(made.clone())));
        made
    }

    /// The loop it belongs to, as long as there is one.
    pub fn reactor(&self) -> Option<Rc<Reactor>> {
        self.reactor.upgrade()
    }

    /// Its own address: as it is now, or was when it was open.
    pub fn address(&self) -> Address {
        self.with_socket(|network, socket| network.local_address(socket)).unwrap_or_else(|_| self.address.clone())
    }

    pub fn is_open(&self) -> bool {
        self.socket.get().is_some()
    }

    /// Asks the network about the socket.
    pub fn with_socket<R>(&self, ask: impl FnOnce(&dyn Network, Socket) -> io::Result<R>) -> io::Result<R> {
        let (reactor, socket) = self.reactor.upgrade().zip(self.socket.get()).ok_or(io::ErrorKind::NotConnected)?;
        ask(&**reactor.network(), socket)
    }

    /// There is one more handle.
    pub(super) fn hold(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    /// A handle is gone. What was held for those who ask is gone with the last.
    pub(super) fn let_go(self: &Rc<Self>) {
        self.handles.set(self.handles.get() - 1);
        if !self.has_handle() && !self.receiver.is_set() {
            self.reading.forget();
        }
        self.concern_changed();
    }

    /// Whether somebody may still ask for packets.
    pub(super) fn has_handle(&self) -> bool {
        self.handles.get() > 0
    }

    fn has_owner(&self) -> bool {
        self.has_handle() || self.receiver.is_set() || !self.lookouts.is_empty()
    }

    /// Whether packets are shown to somebody before a task may have them.
    pub(super) fn is_looked_at(&self) -> bool {
        self.receiver.is_set() || !self.lookouts.is_empty()
    }

    /// Whether somebody wants another packet now.
    pub(super) fn wants_packets(&self) -> bool {
        // What is held is the receiver's first.
        let is_behind = self.receiver.is_set() && self.reading.has_held();
        let is_wanted = self.receiver.is_set() || self.lookouts.are_listening() || self.reading.is_asked();
        is_wanted && !is_behind && self.is_open()
    }

    /// Somebody has come, or gone, who owns the socket or wants packets of it.
    pub(super) fn concern_changed(self: &Rc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else { return };
        if self.has_owner() {
            self.update(&reactor);
        } else {
            self.close(&reactor);
        }
    }

    /// Somebody asks who had not asked before: what was refused is tried again.
    pub(super) fn try_again(&self) {
        self.is_refused.set(false);
    }

    /// Receives while somebody wants packets, and not otherwise.
    pub(super) fn update(self: &Rc<Self>, reactor: &Reactor) {
        let Some(socket) = self.socket.get() else { return };
        let is_wanted = self.wants_packets() && !self.is_delivering.get() && !self.is_refused.get();
        match self.watch.get() {
            None if is_wanted => {
                let (descriptor, interest) = (socket.0, Interest::Read);
                let key = reactor.submit(self.clone(), |key| Op::Watch { key, descriptor, interest });
                self.watch.set(Some(key));
            }
            Some(key) if !is_wanted => {
                reactor.forget(key);
                self.watch.set(None);
            }
            _ => {}
        }
    }

    /// Why nothing can be received, if nobody was told.
    pub(super) fn take_refusal(&self) -> Option<io::Error> {
        self.refusal.borrow_mut().take()
    }

    /// The kernel will not tell when there are packets.
    fn refused(self: &Rc<Self>, reactor: &Rc<Reactor>, error: io::Error) {
        self.is_refused.set(true);
        if self.receiver.is_set() {
            self.call_receiver(reactor, Err(error));
        } else if self.reading.is_asked() {
            *self.refusal.borrow_mut() = Some(error);
            self.reading.wake_first(reactor);
        } else {
            self.complain(reactor, error);
        }
    }

    /// An error of which there is nobody else to tell.
    pub(super) fn complain(&self, reactor: &Rc<Reactor>, error: io::Error) {
        reactor.enter(self.place);
        reactor.failed(error.into());
    }

    /// P3.
    fn close(self: &Rc<Self>, reactor: &Reactor) {
        let Some(socket) = self.socket.take() else { return };
        if let Some(key) = self.watch.take() {
            reactor.forget(key);
        }
        self.sending.forget(reactor);
        if self.has_file {
            let _ = reactor.network().remove_name(&self.address);
        }
        reactor.close(socket, false);
        self.receiver.clear();
        self.end_lookouts();
        self.reading.forget();
        self.reading.wake_all(reactor);
        if let Some(listing) = self.listing.take() {
            reactor.retire(listing);
        }
    }
}

impl Endpoint for PacketSocket {
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, key: Key, event: Event) {
        if self.watch.get() != Some(key) {
            return self.room_told(reactor, key, event);
        }
        self.watch.set(None);
        match event {
            Event::Failed(error) => self.refused(reactor, error),
            _ => self.deliver(reactor),
        }
    }

    fn gather(self: Rc<Self>, _: &Reactor) {}

    fn wind_down(self: Rc<Self>, reactor: &Rc<Reactor>, stage: WindDown) {
        if stage == WindDown::Abort {
            self.close(reactor);
        }
    }

    fn is_draining(&self) -> bool {
        false
    }

    fn socket(&self) -> Option<Socket> {
        self.socket.get()
    }

    fn sight(&self) -> EndpointSight {
        let address = &self.address;
        let waits_for = match (self.lookouts.len(), self.wants_packets()) {
            _ if self.sending.is_full() => format!("room to send packets from {address}"),
            (0, true) => format!("packets to {address}"),
            (0, false) => format!("somebody to read packets to {address}"),
            (fuses, _) => format!("packets to {address}, which {fuses} fuses look at"),
        };
        EndpointSight { kind: Kind::Socket, place: self.place, waits_for }
    }
}
