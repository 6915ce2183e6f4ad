//! Packets: each by itself, and none is certain to arrive.
//!
//! A packet leaves its socket at once, or when a slow link has had the time to take it. Then chance decides: whether it is lost,
//! how long it takes, whether it arrives twice. Packets that take different times overtake each other. What finds nobody
//! is answered with word of that, which only a connected socket is told (Linux: udp(7)). What finds its reader's buffer
//! full is lost.
//!
//! Between Unix sockets nothing is lost: the sender's buffer holds a packet until it is read.

use crate::addresses::{Reach, is_broadcast, reach, source};
use crate::arrivals::{Origin, What};
use crate::errno::{Answer, Errno};
use crate::history::Happening;
use crate::listeners::share;
use crate::naming::shown;
use crate::ports::{Protocol, best};
use crate::sockets::Role;
use crate::world::{HostNumber, State};
use core::net::{IpAddr, SocketAddr};
use fate_core::{Address, Arrival, Family, Group, Readiness, SocketKind, UnixName};
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::rc::Rc;

/// The most that a packet can carry (UDP over IPv4: 65,535 less both headers).
const LARGEST: usize = 65_507;

/// The highest number of an interface: 1 leads nowhere else, 2 to the network, and 0 lets the system choose.
const INTERFACES: u32 = 2;

/// The number of the interface that leads nowhere else.
const OWN_INTERFACE: u32 = 1;

/// What a socket for packets has.
#[derive(Default)]
pub(crate) struct Mailbox {
    pub peer: Option<Address>,
    pub error: Option<Errno>,
    pub groups: Vec<IpAddr>,
    arrived: VecDeque<Packet>,
    arrived_bytes: usize,
    /// Bytes that were sent and have not left yet.
    leaving: usize,
}

/// A packet on its way.
#[derive(Clone)]
pub(crate) struct Packet {
    origin: Origin,
    from: Address,
    to: Address,
    host: HostNumber,
    bytes: Rc<[u8]>,
    flow: u32,
}

impl Mailbox {
    /// What the socket is ready for, whose buffer for sending has this size.
    pub fn readiness(&self, send_buffer: u32) -> Readiness {
        Readiness {
            readable: !self.arrived.is_empty(),
            writable: self.leaving * 2 <= send_buffer as usize,
            hang_up: false,
            error: self.error.is_some(),
        }
    }

    fn has_room_to_send(&self, length: usize, send_buffer: u32) -> bool {
        self.leaving == 0 || self.leaving + length <= send_buffer as usize
    }

    /// Whether it takes what comes from this address.
    fn hears(&self, from: &Address) -> bool {
        self.peer.as_ref().is_none_or(|peer| peer == from)
    }
}

impl State {
    /// From here on packets go to one address, and come from there alone.
    pub(crate) fn connect_packets(&mut self, host: HostNumber, descriptor: RawFd, to: &Address) -> Answer {
        let socket = self.socket(host, descriptor)?;
        let (family, only_v6) = (socket.family, socket.settings.only_v6);
        let peer = match to {
            Address::Unix(name) if family == Family::Unix => {
                self.mailbox_named(host, name)?;
                to.clone()
            }
            Address::Inet(to) if family != Family::Unix => {
                let to = self.reachable(family, only_v6, *to)?;
                let own = self.name_somehow(host, descriptor)?;
                let from = self.source_for(host, own, to)?;
                self.socket(host, descriptor)?.name = Some(Address::Inet(from));
                Address::Inet(to)
            }
            _ => return Err(Errno::FAMILY_NOT_SUPPORTED),
        };
        let mailbox = self.mailbox(host, descriptor)?;
        mailbox.arrived_bytes = 0;
        let arrived = std::mem::take(&mut mailbox.arrived);
        (mailbox.peer, mailbox.error) = (Some(peer), None);
        for packet in arrived {
            self.keep_or_drop(host, descriptor, packet);
        }
        Ok(())
    }

    fn mailbox(&mut self, host: HostNumber, descriptor: RawFd) -> Answer<&mut Mailbox> {
        self.socket(host, descriptor)?.mailbox_mut().ok_or(Errno::WRONG_KIND)
    }

    /// The socket for packets that has this name.
    fn mailbox_named(&mut self, host: HostNumber, name: &UnixName) -> Answer<RawFd> {
        let descriptor = self.host(host).names.find(name)?;
        self.mailbox(host, descriptor).map(|_| descriptor)
    }

    /// The address from which a socket sends that has this one.
    fn source_for(&self, host: HostNumber, own: SocketAddr, to: SocketAddr) -> Answer<SocketAddr> {
        let ip = if own.ip().is_unspecified() { source(host, to.ip()) } else { own.ip() };
        let reach = reach(host, to.ip(), self.hosts.len());
        if reach == Reach::Nowhere || ip.is_ipv4() != to.is_ipv4() {
            Err(Errno::NETWORK_UNREACHABLE)
        } else if ip.is_loopback() && matches!(reach, Reach::Host(_) | Reach::Nobody) {
            Err(Errno::INVALID)
        } else {
            Ok(SocketAddr::new(ip, own.port()))
        }
    }

    /// Sends a packet, to where the socket is connected if no address is given.
    pub(crate) fn send_packet(
        &mut self,
        host: HostNumber,
        descriptor: RawFd,
        packet: &[u8],
        to: Option<&Address>,
    ) -> Answer {
        let socket = self.socket(host, descriptor)?;
        let (family, send_buffer) = (socket.family, socket.settings.send_buffer);
        let mailbox = socket.mailbox_mut().ok_or(Errno::WRONG_KIND)?;
        if let Some(error) = mailbox.error.take() {
            return Err(error);
        }
        let to = to.cloned().or_else(|| mailbox.peer.clone()).ok_or(Errno::DESTINATION_REQUIRED)?;
        let most = if family == Family::Unix { send_buffer as usize } else { LARGEST };
        if packet.len() > most {
            return Err(Errno::MESSAGE_TOO_LONG);
        }
        if !mailbox.has_room_to_send(packet.len(), send_buffer) {
            return Err(Errno::WOULD_BLOCK);
        }
        match to {
            Address::Unix(name) if family == Family::Unix => self.send_unix(host, descriptor, packet, name),
            Address::Inet(to) if family != Family::Unix => self.send_udp(host, descriptor, packet, to),
            _ => Err(Errno::FAMILY_NOT_SUPPORTED),
        }
    }

    fn origin(&mut self, host: HostNumber, descriptor: RawFd) -> Answer<Origin> {
        let serial = self.socket(host, descriptor)?.serial;
        Ok(Origin { host, descriptor, serial })
    }

    fn packet(&mut self, origin: Origin, from: Address, to: Address, bytes: &[u8]) -> Packet {
        let flow = self.history.as_mut().map_or(0, |history| history.flow(&from, &to));
        Packet { origin, from, to, host: origin.host, bytes: bytes.into(), flow }
    }

    fn send_unix(&mut self, host: HostNumber, descriptor: RawFd, bytes: &[u8], name: UnixName) -> Answer {
        self.mailbox_named(host, &name)?;
        let origin = self.origin(host, descriptor)?;
        let from = self.socket(host, descriptor)?.name.clone().unwrap_or(Address::Unix(UnixName::Unnamed));
        let packet = self.packet(origin, from, Address::Unix(name), bytes);
        self.mailbox(host, descriptor)?.leaving += bytes.len();
        self.note(host, Happening::Sent, packet.flow, bytes.len() as u32);
        let link = self.link(host, host);
        let arrival = self.truth.saturating_add(self.links.get_mut(link).draw_latency());
        self.arrivals.push(arrival, What::Packet(Box::new(packet)));
        Ok(())
    }

    fn send_udp(&mut self, host: HostNumber, descriptor: RawFd, bytes: &[u8], to: SocketAddr) -> Answer {
        let socket = self.socket(host, descriptor)?;
        let (family, settings) = (socket.family, socket.settings);
        let to = self.reachable(family, settings.only_v6, to)?;
        if to.port() == 0 {
            return Err(Errno::INVALID);
        }
        let reach = reach(host, to.ip(), self.hosts.len());
        if reach == Reach::Everybody && !settings.broadcast {
            return Err(Errno::PERMISSION_DENIED);
        }
        let own = self.name_somehow(host, descriptor)?;
        let from = self.source_for(host, own, to)?;
        let origin = self.origin(host, descriptor)?;
        let mut packet = self.packet(origin, Address::Inet(from), Address::Inet(to), bytes);
        self.note(host, Happening::Sent, packet.flow, bytes.len() as u32);
        match reach {
            Reach::Own => self.launch(packet),
            Reach::Host(there) => {
                packet.host = there;
                self.launch(packet);
            }
            Reach::Nobody | Reach::Nowhere => self.note(host, Happening::Lost, packet.flow, bytes.len() as u32),
            Reach::Group | Reach::Everybody => {
                for there in self.members(host, descriptor, to) {
                    self.launch(Packet { host: there, ..packet.clone() });
                }
            }
        }
        Ok(())
    }

    /// The hosts that a packet to many goes to.
    fn members(&mut self, from: HostNumber, descriptor: RawFd, to: SocketAddr) -> Vec<HostNumber> {
        let Ok(socket) = self.socket(from, descriptor) else { return Vec::new() };
        let settings = socket.settings;
        let is_group = to.ip().is_multicast();
        let hosts = 0..self.hosts.len() as HostNumber;
        let is_member = |&there: &HostNumber| {
            let reaches = match there == from {
                true => !is_group || settings.multicast_loop,
                false => !is_group || (settings.multicast_hops > 0 && !settings.multicast_stays),
            };
            reaches && !self.hearers(there, to).is_empty()
        };
        hosts.filter(is_member).collect()
    }

    /// The sockets of a host that take a packet to many.
    fn hearers(&self, host: HostNumber, to: SocketAddr) -> Vec<RawFd> {
        let host = &self.hosts[host as usize];
        let fitting = host.ports.fitting((Protocol::Udp, to.port()), to.ip(), &host.table);
        let hears = fitting.filter(|(_, socket, _)| {
            is_broadcast(to.ip()) || socket.mailbox().is_some_and(|mailbox| mailbox.groups.contains(&to.ip()))
        });
        hears.map(|(descriptor, _, _)| descriptor).collect()
    }

    /// Sends a packet on its way.
    fn launch(&mut self, packet: Packet) {
        let (truth, from, length) = (self.truth, packet.origin.host, packet.bytes.len());
        let number = self.link(from, packet.host);
        let passes = self.passes(number);
        let link = self.links.get_mut(number);
        let departure = link.departure(from, length, truth);
        let arrivals =
            [true, link.draw_duplicate()].map(|comes| comes.then(|| (link.draw_loss(), link.draw_latency())));
        if departure > truth {
            if let Ok(mailbox) = self.mailbox(from, packet.origin.descriptor) {
                mailbox.leaving += length;
            }
            self.arrivals.push(departure, What::Left(packet.origin, length));
        }
        for (is_lost, latency) in arrivals.into_iter().flatten() {
            if is_lost || !passes {
                self.note(from, Happening::Lost, packet.flow, length as u32);
            } else {
                let packet = Box::new(packet.clone());
                self.arrivals.push(departure.saturating_add(latency), What::Packet(packet));
            }
        }
    }

    /// A packet that a socket sent has left it, so there is more room.
    pub(crate) fn packet_left(&mut self, origin: Origin, length: usize) {
        let Some(socket) = self.host(origin.host).table.get_mut(origin.descriptor) else { return };
        if socket.serial != origin.serial {
            return;
        }
        if let Some(mailbox) = socket.mailbox_mut() {
            mailbox.leaving = mailbox.leaving.saturating_sub(length);
            self.stir(origin.host, origin.descriptor);
        }
    }

    /// A packet arrives at its host, whichever sockets there take it.
    pub(crate) fn packet_arrives(&mut self, packet: Packet) {
        match packet.to.clone() {
            Address::Unix(name) => match self.mailbox_named(packet.host, &name) {
                Ok(descriptor) => self.keep_or_drop(packet.host, descriptor, packet),
                Err(_) => self.drop_packet(packet),
            },
            Address::Inet(to) => self.udp_arrives(packet, to),
        }
    }

    fn udp_arrives(&mut self, packet: Packet, to: SocketAddr) {
        let link = self.link(packet.origin.host, packet.host);
        if !self.passes(link) {
            return self.drop_packet(packet);
        }
        if to.ip().is_multicast() || is_broadcast(to.ip()) {
            for descriptor in self.hearers(packet.host, to) {
                self.keep_or_drop(packet.host, descriptor, packet.clone());
            }
            return;
        }
        let host = &self.hosts[packet.host as usize];
        let fitting = host.ports.fitting((Protocol::Udp, to.port()), to.ip(), &host.table);
        // One that is connected to where it comes from is better than any that is not.
        let hears = fitting.filter_map(|(descriptor, socket, fit)| {
            let mailbox = socket.mailbox().filter(|mailbox| mailbox.hears(&packet.from))?;
            Some((descriptor, socket, if mailbox.peer.is_some() { fit + 4 } else { fit }))
        });
        let share = packet.from.inet().map_or(0, share);
        match best(hears, share) {
            Some(descriptor) => self.keep_or_drop(packet.host, descriptor, packet),
            None => self.refuse_packet(packet),
        }
    }

    /// Word goes back that there is nobody at this port.
    fn refuse_packet(&mut self, packet: Packet) {
        self.note(packet.host, Happening::Refused, packet.flow, packet.bytes.len() as u32);
        let link = self.link(packet.origin.host, packet.host);
        let latency = self.links.get_mut(link).draw_latency();
        self.arrivals.push(self.truth.saturating_add(latency), What::Refusal(packet.origin));
    }

    /// Word comes back that a packet found nobody.
    pub(crate) fn packet_refused(&mut self, origin: Origin) {
        if !self.hosts[origin.host as usize].is_awake(self.truth) {
            return;
        }
        let Some(socket) = self.host(origin.host).table.get_mut(origin.descriptor) else { return };
        if socket.serial != origin.serial {
            return;
        }
        if let Some(mailbox) = socket.mailbox_mut().filter(|mailbox| mailbox.peer.is_some()) {
            mailbox.error = Some(Errno::CONNECTION_REFUSED);
            self.stir(origin.host, origin.descriptor);
        }
    }

    /// Lays a packet before a socket, unless there is no room or it listens to somebody else.
    fn keep_or_drop(&mut self, host: HostNumber, descriptor: RawFd, packet: Packet) {
        let Ok(socket) = self.socket(host, descriptor) else { return };
        let is_unix = socket.family == Family::Unix;
        let receive_buffer = socket.settings.receive_buffer as usize;
        let Role::Packets(mailbox) = &mut socket.role else { return };
        if !mailbox.hears(&packet.from) || (!is_unix && mailbox.arrived_bytes >= receive_buffer) {
            return self.drop_packet(packet);
        }
        mailbox.arrived_bytes += packet.bytes.len();
        let (flow, length) = (packet.flow, packet.bytes.len());
        mailbox.arrived.push_back(packet);
        self.note(host, Happening::Arrived, flow, length as u32);
        self.stir(host, descriptor);
    }

    fn drop_packet(&mut self, packet: Packet) {
        self.note(packet.host, Happening::Lost, packet.flow, packet.bytes.len() as u32);
        self.leave_sender(&packet);
    }

    /// A packet between Unix sockets counts as the sender's until it is read or dropped.
    fn leave_sender(&mut self, packet: &Packet) {
        if let Address::Unix(_) = packet.to {
            self.packet_left(packet.origin, packet.bytes.len());
        }
    }

    /// A socket was closed before these were read.
    pub(crate) fn drop_packets(&mut self, mailbox: Mailbox) {
        mailbox.arrived.iter().for_each(|packet| self.leave_sender(packet));
    }

    /// Takes the next packet that has arrived.
    pub(crate) fn receive_packet(&mut self, host: HostNumber, descriptor: RawFd, buffer: &mut [u8]) -> Answer<Arrival> {
        let socket = self.socket(host, descriptor)?;
        let family = socket.family;
        let mailbox = socket.mailbox_mut().ok_or(Errno::WRONG_KIND)?;
        if let Some(error) = mailbox.error.take() {
            return Err(error);
        }
        let packet = mailbox.arrived.pop_front().ok_or(Errno::WOULD_BLOCK)?;
        mailbox.arrived_bytes -= packet.bytes.len();
        let length = packet.bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&packet.bytes[..length]);
        self.leave_sender(&packet);
        let is_truncated = length < packet.bytes.len();
        Ok(Arrival { length, from: shown(packet.from, family), is_truncated })
    }

    /// Becomes a member of a group.
    pub(crate) fn join(&mut self, host: HostNumber, descriptor: RawFd, group: Group) -> Answer {
        let address = self.check_group(host, descriptor, group)?;
        let mailbox = self.mailbox(host, descriptor)?;
        if mailbox.groups.contains(&address) {
            return Err(Errno::ADDRESS_IN_USE);
        }
        mailbox.groups.push(address);
        Ok(())
    }

    /// Leaves a group.
    pub(crate) fn leave_group(&mut self, host: HostNumber, descriptor: RawFd, group: Group) -> Answer {
        let address = self.check_group(host, descriptor, group)?;
        let groups = &mut self.mailbox(host, descriptor)?.groups;
        let place = groups.iter().position(|&joined| joined == address).ok_or(Errno::ADDRESS_NOT_AVAILABLE)?;
        groups.remove(place);
        Ok(())
    }

    fn check_group(&mut self, host: HostNumber, descriptor: RawFd, group: Group) -> Answer<IpAddr> {
        let socket = self.socket(host, descriptor)?;
        if socket.kind != SocketKind::Datagram || socket.family == Family::Unix || !group.address.is_multicast() {
            return Err(Errno::INVALID);
        }
        check_interface(group.interface)?;
        Ok(group.address)
    }
}

/// Says whether packets to a group that leave by an interface reach no other host.
pub(crate) fn stays(interface: u32) -> Answer<bool> {
    check_interface(interface).map(|()| interface == OWN_INTERFACE)
}

fn check_interface(interface: u32) -> Answer {
    if interface <= INTERFACES { Ok(()) } else { Err(Errno::NO_SUCH_DEVICE) }
}
