//! Packets on their way from the kernel: past the lookouts, to who reads them.
//!
//! Every packet is shown to each lookout that was there when it came, in the order in which their fuses were lit, and then
//! goes to who reads: a fuse looks on, and takes nothing. What is shown is user code, and may end the socket, or panic. In
//! that case the rest of the delivery is made from the ready queue, so that nobody else misses the packet.

use super::allowance::PACKETS;
use super::packet::{Kept, LONGEST, Lent};
use super::socket::PacketSocket;
use fate_core::{Arrival, Reactor};
use std::io;
use std::rc::Rc;

impl PacketSocket {
    /// There are packets. Calls user code.
    pub(super) fn deliver(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        if !self.is_looked_at() {
            // A task takes it from the kernel itself.
            self.reading.wake_first(reactor);
            return self.update(reactor);
        }
        let mut delivery = Delivery::begin(self, reactor);
        for _ in 0..PACKETS {
            if !self.wants_packets() || !delivery.take_next() {
                break;
            }
        }
    }

    /// A packet that everybody has looked at goes to who reads. Calls user code.
    fn hand_in(self: &Rc<Self>, reactor: &Rc<Reactor>, packet: io::Result<Lent<'_>>) {
        if self.receiver.is_set() && !self.reading.has_held() {
            self.call_receiver(reactor, packet);
        } else if self.receiver.is_set() || self.has_handle() {
            self.reading.hold(reactor, packet.map(Kept::from));
        } else if let Err(error) = packet {
            self.complain(reactor, error);
        }
    }
}

/// The delivery of some packets. P2 while it lasts.
struct Delivery<'a> {
    socket: &'a Rc<PacketSocket>,
    reactor: &'a Rc<Reactor>,
    memory: Vec<u8>,
    /// What is being shown.
    packet: Option<Shown>,
}

/// A packet, but for its bytes, that is being shown to lookouts.
struct Shown {
    arrival: Arrival,
    /// The number of the next to see it.
    next: u64,
    /// Those who came after the packet do not see it.
    limit: u64,
}

impl<'a> Delivery<'a> {
    fn begin(socket: &'a Rc<PacketSocket>, reactor: &'a Rc<Reactor>) -> Delivery<'a> {
        socket.is_delivering.set(true);
        let mut memory = reactor.packet_memory().take();
        memory.resize(LONGEST, 0);
        Delivery { socket, reactor, memory, packet: None }
    }

    /// Takes a packet from the kernel and delivers it. Says whether there may be more.
    fn take_next(&mut self) -> bool {
        let memory = &mut self.memory;
        match self.socket.with_socket(|network, socket| network.receive_packet(socket, memory)) {
            Ok(arrival) => {
                let limit = self.socket.lookouts.next_number();
                self.packet = Some(Shown { arrival, next: 0, limit });
                self.show();
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                self.socket.hand_in(self.reactor, Err(error));
                false
            }
        }
    }

    /// Shows the packet to those who have not seen it, and hands it in.
    fn show(&mut self) {
        while let Some(shown) = &mut self.packet {
            let Some(lookout) = self.socket.lookouts.first_in(shown.next..shown.limit) else { break };
            shown.next = lookout.number() + 1;
            lookout.look(self.reactor, lend(&self.memory, &shown.arrival));
        }
        if let Some(shown) = self.packet.take() {
            self.socket.hand_in(self.reactor, Ok(lend(&self.memory, &shown.arrival)));
        }
    }
}

fn lend<'a>(memory: &'a [u8], arrival: &'a Arrival) -> Lent<'a> {
    Lent { data: &memory[..arrival.length], from: &arrival.from, is_truncated: arrival.is_truncated }
}

/// If a lookout has panicked, the rest comes later.
impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.memory);
        if let Some(shown) = self.packet.take() {
            memory.truncate(shown.arrival.length);
            let socket = self.socket.clone();
            return self.reactor.queue(move |reactor| {
                Delivery { socket: &socket, reactor, memory, packet: Some(shown) }.show();
            });
        }
        if memory.len() == LONGEST {
            self.reactor.packet_memory().set(memory);
        }
        self.socket.end_delivery(self.reactor);
    }
}
