//! A packet: lent to those who look at it, or given to who asked for it.

use bytes::Bytes;
use fate_core::{Address, UnixName};
use std::net::{Ipv4Addr, SocketAddr};

/// As many bytes as any packet of the internet has. Longer ones, which only Unix sockets can send, are truncated.
pub(super) const LONGEST: usize = 64 * 1024;

/// A packet as fuses and receivers see it: lent for the length of the call.
///
/// `A` is how its sender is called: by an internet address, or for a [`UnixDatagram`](crate::UnixDatagram) by a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Packet<'a, A = SocketAddr> {
    /// Its bytes; there may be none.
    pub data: &'a [u8],
    /// Who sent it.
    pub from: A,
    /// Whether it was longer than what is here.
    pub is_truncated: bool,
}

/// A packet as it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Received<A = SocketAddr> {
    /// Its bytes; there may be none.
    pub data: Bytes,
    /// Who sent it.
    pub from: A,
    /// Whether it was longer than what is here.
    pub is_truncated: bool,
}

/// How those at the other end are called.
pub(super) trait Peer: Sized + 'static {
    fn named(address: &Address) -> Self;
    fn address(self) -> Address;
}

/// Nobody sends packets of the internet without an address; the unspecified one stands for what cannot be.
impl Peer for SocketAddr {
    fn named(address: &Address) -> SocketAddr {
        address.inet().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into())
    }

    fn address(self) -> Address {
        Address::Inet(self)
    }
}

impl Peer for UnixName {
    fn named(address: &Address) -> UnixName {
        match address {
            Address::Unix(name) => name.clone(),
            Address::Inet(_) => UnixName::Unnamed,
        }
    }

    fn address(self) -> Address {
        Address::Unix(self)
    }
}

/// A packet of whatever family, lent.
#[derive(Clone, Copy)]
pub(super) struct Lent<'a> {
    pub data: &'a [u8],
    pub from: &'a Address,
    pub is_truncated: bool,
}

impl<'a> Lent<'a> {
    pub fn seen<A: Peer>(self) -> Packet<'a, A> {
        Packet { data: self.data, from: A::named(self.from), is_truncated: self.is_truncated }
    }
}

/// A packet of whatever family, kept.
pub(super) struct Kept {
    pub data: Bytes,
    pub from: Address,
    pub is_truncated: bool,
}

impl Kept {
    pub fn lend(&self) -> Lent<'_> {
        Lent { data: &self.data, from: &self.from, is_truncated: self.is_truncated }
    }

    pub fn given<A: Peer>(self) -> Received<A> {
        Received { data: self.data, from: A::named(&self.from), is_truncated: self.is_truncated }
    }

    /// Copies as much of it as there is room for, and says how much that is.
    pub fn copy_to(&self, into: &mut [u8]) -> usize {
        let length = into.len().min(self.data.len());
        into[..length].copy_from_slice(&self.data[..length]);
        length
    }
}

impl From<Lent<'_>> for Kept {
    fn from(lent: Lent<'_>) -> Kept {
        Kept { data: Bytes::copy_from_slice(lent.data), from: lent.from.clone(), is_truncated: lent.is_truncated }
    }
}
