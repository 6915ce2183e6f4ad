//! What is on its way: the events of the network and within hosts, by the moment at which they happen and then in the order of their sending.

use crate::connection::Spot;
use crate::packets::Packet;
use crate::segments::Segment;
use crate::watches::Descriptor;
use crate::world::HostNumber;
use fate_core::{Instant, Key};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::os::fd::RawFd;

/// Everything on its way.
#[derive(Default)]
pub(crate) struct Arrivals {
    heap: BinaryHeap<Arrival>,
    sent: u64,
}

/// One event to come.
struct Arrival {
    truth: u64,
    number: u64,
    what: What,
}

/// What happens.
pub(crate) enum What {
    /// A piece of a stream comes from this end to the other.
    Segment(Spot, Segment),
    /// An end of a connection has waited long enough for an answer. Means nothing once the number is another.
    Retry(Spot, u32),
    /// An end of a connection has heard nothing for long. Means nothing once the number is another.
    Silence(Spot, u32),
    /// A packet arrives.
    Packet(Box<Packet>),
    /// A packet has left the socket that it was sent from.
    Left(Origin, usize),
    /// Word comes back that a packet found nobody.
    Refusal(Origin),
    /// Something that was written to a conduit has been on its way long enough.
    Flow(Key),
    /// Work for a thread would be done at this moment of its host's monotonic clock.
    Errand(HostNumber, Descriptor, Instant),
}

/// The socket that a packet was sent from, which may be gone when the packet arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    pub host: HostNumber,
    pub descriptor: RawFd,
    /// The socket's own number, for descriptors are used again.
    pub serial: u64,
}

impl Arrivals {
    /// Something will happen at `truth`; what would be later than all time will not.
    pub fn push(&mut self, truth: u64, what: What) {
        if truth < crate::clock::LAST {
            self.sent += 1;
            self.heap.push(Arrival { truth, number: self.sent, what });
        }
    }

    /// The next event, and when it happens.
    pub fn next(&self) -> Option<(u64, &What)> {
        self.heap.peek().map(|arrival| (arrival.truth, &arrival.what))
    }

    /// Takes the next event, if it happens no later than `truth`.
    pub fn pop_until(&mut self, truth: u64) -> Option<(u64, What)> {
        self.next().filter(|(next, _)| *next <= truth)?;
        self.heap.pop().map(|arrival| (arrival.truth, arrival.what))
    }
}

/// The heap has the greatest on top: the earliest, and the first sent of those.
impl Ord for Arrival {
    fn cmp(&self, other: &Arrival) -> Ordering {
        (other.truth, other.number).cmp(&(self.truth, self.number))
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Arrival) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Arrival) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Arrival {}
