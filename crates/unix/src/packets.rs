//! Packets: each by itself, with where it comes from or goes to.

use crate::address::{from_system_if_any, to_system};
use crate::connection::SENDING;
use fate_core::{Address, Arrival};
use rustix::io::retry_on_intr;
use rustix::net::{self, RecvAncillaryBuffer, RecvFlags, ReturnFlags};
use std::io::{self, IoSliceMut};
use std::os::fd::BorrowedFd;

/// Takes the next packet that has arrived.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Arrival> {
    let slices = &mut [IoSliceMut::new(buffer)];
    let control = &mut RecvAncillaryBuffer::default();
    let told = retry_on_intr(|| net::recvmsg(socket, slices, control, RecvFlags::empty()))?;
    Ok(Arrival {
        length: told.bytes,
        from: from_system_if_any(told.address.as_ref())?,
        is_truncated: told.flags.contains(ReturnFlags::TRUNC),
    })
}

/// Sends a packet.
pub(crate) fn send(socket: BorrowedFd<'_>, packet: &[u8], to: Option<&Address>) -> io::Result<()> {
    match to {
        None => retry_on_intr(|| net::send(socket, packet, SENDING))?,
        Some(Address::Inet(address)) => retry_on_intr(|| net::sendto(socket, packet, SENDING, address))?,
        Some(address) => {
            let address = to_system(address)?;
            retry_on_intr(|| net::sendto(socket, packet, SENDING, &address))?
        }
    };
    Ok(())
}
