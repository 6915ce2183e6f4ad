//! Packets to a group, which every member receives.

use super::udp::UdpSocket;
use fate_core::{Group, Setting};
use std::io;
use std::net::{IpAddr, Ipv4Addr};

impl UdpSocket {
    /// Becomes a member of a group: what is sent to it, and to this socket's port, is received from here on. `interface` is
    /// the number of a network interface; 0 lets the system choose.
    ///
    /// # Errors
    /// What the kernel says: `InvalidInput` if the address is not a group's, `NoSuchDevice` if no interface can do it.
    pub fn join_group(&self, group: impl Into<IpAddr>, interface: u32) -> io::Result<()> {
        self.set(Setting::Join(Group { address: group.into(), interface }))
    }

    /// Leaves a group that was joined on this interface.
    ///
    /// # Errors
    /// What the kernel says: `AddrNotAvailable` if it is no member.
    pub fn leave_group(&self, group: impl Into<IpAddr>, interface: u32) -> io::Result<()> {
        self.set(Setting::Leave(Group { address: group.into(), interface }))
    }

    /// Whether what this socket sends to a group reaches members on this machine: yes unless told otherwise.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_group_loop(&self, reaches: bool) -> io::Result<()> {
        self.set(Setting::MulticastLoop(reaches))
    }

    /// How many routers a packet to a group may pass: 1 unless told otherwise, which is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_group_hops(&self, hops: u32) -> io::Result<()> {
        self.set(Setting::MulticastHops(hops))
    }

    /// Through which interface packets to groups leave, by one of its addresses: for sockets of version 4.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_group_interface_v4(&self, address: Ipv4Addr) -> io::Result<()> {
        self.set(Setting::MulticastFromV4(address))
    }

    /// Through which interface packets to groups leave, by its number: for sockets of version 6.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_group_interface_v6(&self, interface: u32) -> io::Result<()> {
        self.set(Setting::MulticastFromV6(interface))
    }
}
