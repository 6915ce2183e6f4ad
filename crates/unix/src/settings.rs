//! What can be set on a socket, in the system's terms.

use fate_core::{Group, KeepAlive, Setting};
use rustix::io::Errno;
use rustix::net::{AddressFamily, getsockname, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::BorrowedFd;

/// Sets something.
pub(crate) fn set(socket: BorrowedFd<'_>, setting: Setting) -> io::Result<()> {
    match setting {
        Setting::NoDelay(yes) => sockopt::set_tcp_nodelay(socket, yes)?,
        Setting::KeepAlive(None) => sockopt::set_socket_keepalive(socket, false)?,
        Setting::KeepAlive(Some(how)) => keep_alive(socket, how)?,
        Setting::ReuseAddress(yes) => sockopt::set_socket_reuseaddr(socket, yes)?,
        Setting::ReusePort(yes) => sockopt::set_socket_reuseport(socket, yes)?,
        Setting::OnlyV6(yes) => sockopt::set_ipv6_v6only(socket, yes)?,
        Setting::Broadcast(yes) => sockopt::set_socket_broadcast(socket, yes)?,
        Setting::SendBuffer(bytes) => sockopt::set_socket_send_buffer_size(socket, bytes as usize)?,
        Setting::ReceiveBuffer(bytes) => sockopt::set_socket_recv_buffer_size(socket, bytes as usize)?,
        Setting::Hops(count) => hops(socket, count)?,
        Setting::MulticastHops(count) => multicast_hops(socket, count)?,
        Setting::MulticastLoop(yes) => multicast_loop(socket, yes)?,
        Setting::MulticastFromV4(address) => sockopt::set_ip_multicast_if(socket, &address)?,
        Setting::MulticastFromV6(interface) => sockopt::set_ipv6_multicast_if(socket, interface)?,
        Setting::Join(group) => join(socket, group)?,
        Setting::Leave(group) => leave(socket, group)?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    }
    Ok(())
}

/// The intervals first: the kernel begins to count when it is told to keep alive.
fn keep_alive(socket: BorrowedFd<'_>, how: KeepAlive) -> rustix::io::Result<()> {
    intervals(socket, how)?;
    sockopt::set_socket_keepalive(socket, true)
}

#[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox")))]
fn intervals(socket: BorrowedFd<'_>, how: KeepAlive) -> rustix::io::Result<()> {
    sockopt::set_tcp_keepidle(socket, how.idle)?;
    sockopt::set_tcp_keepintvl(socket, how.interval)?;
    sockopt::set_tcp_keepcnt(socket, how.probes)
}

/// The system has intervals of its own.
#[cfg(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox"))]
fn intervals(_: BorrowedFd<'_>, _: KeepAlive) -> rustix::io::Result<()> {
    Ok(())
}

fn hops(socket: BorrowedFd<'_>, count: u32) -> rustix::io::Result<()> {
    if is_v6(socket)? {
        sockopt::set_ipv6_unicast_hops(socket, Some(u8::try_from(count).map_err(|_| Errno::INVAL)?))
    } else {
        sockopt::set_ip_ttl(socket, count)
    }
}

fn multicast_hops(socket: BorrowedFd<'_>, count: u32) -> rustix::io::Result<()> {
    if is_v6(socket)? {
        sockopt::set_ipv6_multicast_hops(socket, count)
    } else {
        sockopt::set_ip_multicast_ttl(socket, count)
    }
}

fn multicast_loop(socket: BorrowedFd<'_>, yes: bool) -> rustix::io::Result<()> {
    if is_v6(socket)? {
        sockopt::set_ipv6_multicast_loop(socket, yes)
    } else {
        sockopt::set_ip_multicast_loop(socket, yes)
    }
}

fn join(socket: BorrowedFd<'_>, group: Group) -> rustix::io::Result<()> {
    match group.address {
        IpAddr::V4(address) => v4::join(socket, address, group.interface),
        IpAddr::V6(address) => sockopt::set_ipv6_add_membership(socket, &address, group.interface),
    }
}

fn leave(socket: BorrowedFd<'_>, group: Group) -> rustix::io::Result<()> {
    match group.address {
        IpAddr::V4(address) => v4::leave(socket, address, group.interface),
        IpAddr::V6(address) => sockopt::set_ipv6_drop_membership(socket, &address, group.interface),
    }
}

fn is_v6(socket: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    Ok(getsockname(socket)?.address_family() == AddressFamily::INET6)
}

/// Groups of version 4, where interfaces have numbers.
#[cfg(not(any(target_os = "netbsd", target_os = "illumos", target_os = "solaris", target_os = "aix")))]
mod v4 {
    use super::*;

    pub fn join(socket: BorrowedFd<'_>, group: Ipv4Addr, interface: u32) -> rustix::io::Result<()> {
        sockopt::set_ip_add_membership_with_ifindex(socket, &group, &Ipv4Addr::UNSPECIFIED, interface)
    }

    pub fn leave(socket: BorrowedFd<'_>, group: Ipv4Addr, interface: u32) -> rustix::io::Result<()> {
        sockopt::set_ip_drop_membership_with_ifindex(socket, &group, &Ipv4Addr::UNSPECIFIED, interface)
    }
}

/// Groups of version 4, where interfaces have no numbers: the system chooses.
#[cfg(any(target_os = "netbsd", target_os = "illumos", target_os = "solaris", target_os = "aix"))]
mod v4 {
    use super::*;

    pub fn join(socket: BorrowedFd<'_>, group: Ipv4Addr, interface: u32) -> rustix::io::Result<()> {
        if interface != 0 {
            return Err(Errno::OPNOTSUPP);
        }
        sockopt::set_ip_add_membership(socket, &group, &Ipv4Addr::UNSPECIFIED)
    }

    pub fn leave(socket: BorrowedFd<'_>, group: Ipv4Addr, interface: u32) -> rustix::io::Result<()> {
        if interface != 0 {
            return Err(Errno::OPNOTSUPP);
        }
        sockopt::set_ip_drop_membership(socket, &group, &Ipv4Addr::UNSPECIFIED)
    }
}
