//! The sockets of a host: what each is and is set to, and the table of descriptors that they are found in.

use crate::conduits::Ends;
use crate::connection::Spot;
use crate::errno::{Answer, Errno};
use crate::orders::Orders;
use crate::packets::Mailbox;
use core::net::IpAddr;
use fate_core::{Address, Family, KeepAlive, SocketKind};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::os::fd::RawFd;

/// The first descriptor that a host gives: those below are open in every program.
const FIRST: RawFd = 3;

/// What a host keeps for a socket, in each direction, if nothing else was asked for.
const BUFFER: u32 = 64 * 1024;

/// The least and the most that may be asked for.
const BUFFERS: [u32; 2] = [2 * 1024, 16 * 1024 * 1024];

/// A socket.
pub(crate) struct Socket {
    /// Tells it from others that have had its descriptor.
    pub serial: u64,
    pub family: Family,
    pub kind: SocketKind,
    pub settings: Settings,
    /// What it was bound to.
    pub name: Option<Address>,
    pub role: Role,
    pub orders: Orders,
}

/// What a socket is there for.
pub(crate) enum Role {
    /// Nothing yet.
    Idle,
    Listening(Queue),
    Stream(Spot),
    /// Not of the network: a pipe, a terminal, a stream that the program was born with.
    Ends(Ends),
    Packets(Mailbox),
}

/// Connections that wait to be accepted.
pub(crate) struct Queue {
    pub most: usize,
    pub waiting: VecDeque<Spot>,
    /// How many have called and are not confirmed yet.
    pub half: usize,
}

/// What a socket is set to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub no_delay: bool,
    pub keep_alive: Option<KeepAlive>,
    pub reuse_address: bool,
    pub reuse_port: bool,
    pub only_v6: bool,
    pub broadcast: bool,
    pub send_buffer: u32,
    pub receive_buffer: u32,
    pub multicast_hops: u32,
    pub multicast_loop: bool,
    /// Whether packets to a group leave by the interface that leads nowhere else.
    pub multicast_stays: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            no_delay: false,
            keep_alive: None,
            reuse_address: false,
            reuse_port: false,
            only_v6: false,
            broadcast: false,
            send_buffer: BUFFER,
            receive_buffer: BUFFER,
            multicast_hops: 1,
            multicast_loop: true,
            multicast_stays: false,
        }
    }
}

/// A size of a buffer, rounded to what there can be.
pub(crate) fn rounded(buffer: u32) -> u32 {
    buffer.clamp(BUFFERS[0], BUFFERS[1])
}

impl Socket {
    /// The address that it was bound to, if it is one of the internet.
    pub fn ip(&self) -> Option<IpAddr> {
        self.name.as_ref()?.inet().map(|address| address.ip())
    }

    /// The end of a connection that it has.
    pub fn spot(&self) -> Option<Spot> {
        if let Role::Stream(spot) = self.role { Some(spot) } else { None }
    }

    /// What it is an end of within the host.
    pub fn ends(&self) -> Option<Ends> {
        if let Role::Ends(ends) = self.role { Some(ends) } else { None }
    }

    /// What waits to be accepted, if it listens.
    pub fn queue(&mut self) -> Option<&mut Queue> {
        if let Role::Listening(queue) = &mut self.role { Some(queue) } else { None }
    }

    pub fn is_listening(&self) -> bool {
        matches!(self.role, Role::Listening(_))
    }

    /// Where its packets are, if it is for packets.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        if let Role::Packets(mailbox) = &self.role { Some(mailbox) } else { None }
    }

    pub fn mailbox_mut(&mut self) -> Option<&mut Mailbox> {
        if let Role::Packets(mailbox) = &mut self.role { Some(mailbox) } else { None }
    }
}

/// A host's descriptors. The lowest that is free is given next, as every Unix does.
pub(crate) struct Table {
    sockets: Vec<Option<Box<Socket>>>,
    free: BinaryHeap<Reverse<RawFd>>,
    open: usize,
    /// No descriptor is as high as this.
    limit: usize,
    serials: u64,
}

impl Table {
    /// A table whose descriptors are all below `limit`.
    pub fn new(limit: usize) -> Table {
        Table { sockets: Vec::new(), free: BinaryHeap::new(), open: 0, limit, serials: 0 }
    }

    /// Lets descriptors be given below `limit` from now on, which takes none away.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether so many more can be given.
    pub fn has_room(&self, descriptors: usize) -> bool {
        self.open + descriptors + FIRST as usize <= self.limit
    }

    /// Makes a socket.
    pub fn open(&mut self, family: Family, kind: SocketKind, settings: Settings) -> Answer<RawFd> {
        if !self.has_room(1) {
            return Err(Errno::TABLE_FULL);
        }
        let descriptor = self.free.pop().map_or(FIRST + self.sockets.len() as RawFd, |Reverse(free)| free);
        self.serials += 1;
        let role = match kind {
            SocketKind::Stream => Role::Idle,
            SocketKind::Datagram => Role::Packets(Mailbox::default()),
        };
        let (serial, orders) = (self.serials, Orders::default());
        let socket = Box::new(Socket { serial, family, kind, settings, name: None, role, orders });
        match self.sockets.get_mut((descriptor - FIRST) as usize) {
            Some(place) => *place = Some(socket),
            None => self.sockets.push(Some(socket)),
        }
        self.open += 1;
        Ok(descriptor)
    }

    /// Takes a socket out; its descriptor may be given again.
    pub fn close(&mut self, descriptor: RawFd) -> Option<Box<Socket>> {
        let socket = self.sockets.get_mut(index(descriptor)?)?.take()?;
        self.free.push(Reverse(descriptor));
        self.open -= 1;
        Some(socket)
    }

    /// Every descriptor that is open, the lowest first.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.sockets.iter().zip(FIRST..).filter_map(|(socket, descriptor)| socket.as_ref().map(|_| descriptor))
    }

    pub fn get(&self, descriptor: RawFd) -> Option<&Socket> {
        self.sockets.get(index(descriptor)?)?.as_deref()
    }

    pub fn get_mut(&mut self, descriptor: RawFd) -> Option<&mut Socket> {
        self.sockets.get_mut(index(descriptor)?)?.as_deref_mut()
    }
}

fn index(descriptor: RawFd) -> Option<usize> {
    usize::try_from(descriptor.checked_sub(FIRST)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(table: &mut Table) -> Answer<RawFd> {
        table.open(Family::V4, SocketKind::Stream, Settings::default())
    }

    #[test]
    fn the_lowest_free_descriptor_is_given_next_and_none_beyond_the_limit() {
        let mut table = Table::new(7);
        assert_eq!(
            (0..5).map(|_| open(&mut table)).collect::<Vec<_>>(),
            [Ok(3), Ok(4), Ok(5), Ok(6), Err(Errno::TABLE_FULL)]
        );
        assert!(table.close(5).is_some() && table.close(4).is_some() && table.close(5).is_none());
        assert!(table.has_room(2) && !table.has_room(3));
        assert_eq!((open(&mut table), open(&mut table)), (Ok(4), Ok(5)));
        assert!(table.get(RawFd::MIN).is_none() && table.get(2).is_none() && table.get(7).is_none());
    }
}
