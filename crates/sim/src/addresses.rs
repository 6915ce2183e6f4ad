//! Who has which address.
//!
//! The first host is `10.0.0.1` and `fd00::1`, the second `10.0.0.2` and `fd00::2`, and so on: all are in one network, which
//! is all there is. Each also has its own `127.0.0.0/8` and `::1`. Within the kernel an address of version 4 that is
//! written as one of version 6 is one of version 4; only sockets for version 6 are shown it in their own way.

use crate::world::HostNumber;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use fate_core::Family;

const NETWORK_V4: u32 = 10 << 24;
const NETWORK_V6: u128 = 0xfd00 << 112;

/// Where packets to an address go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// To the sender's own host.
    Own,
    /// To another host.
    Host(HostNumber),
    /// To every member of a group.
    Group,
    /// To every host.
    Everybody,
    /// Into the network, where nobody has this address.
    Nobody,
    /// There is no such network.
    Nowhere,
}

/// The addresses of a host in the network.
pub(crate) fn addresses_of(host: HostNumber) -> [IpAddr; 2] {
    let number = host + 1;
    let v6 = Ipv6Addr::from_bits(NETWORK_V6 + u128::from(number));
    [Ipv4Addr::from_bits(NETWORK_V4 + number).into(), v6.into()]
}

/// Where packets from a host to an address go, in a world of so many hosts.
pub(crate) fn reach(from: HostNumber, to: IpAddr, hosts: usize) -> Reach {
    if to.is_loopback() || to.is_unspecified() || addresses_of(from).contains(&to) {
        Reach::Own
    } else if to.is_multicast() {
        Reach::Group
    } else if is_broadcast(to) {
        Reach::Everybody
    } else {
        match number_within(to) {
            None => Reach::Nowhere,
            Some(number) if number < hosts as u128 => Reach::Host(number as HostNumber),
            Some(_) => Reach::Nobody,
        }
    }
}

/// Whether an address means every host of the network.
pub(crate) fn is_broadcast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_broadcast() || address.to_bits() == NETWORK_V4 | 0xff_ffff,
        IpAddr::V6(_) => false,
    }
}

/// Whether a host may call itself so.
pub(crate) fn is_own(host: HostNumber, address: IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback() || addresses_of(host).contains(&address)
}

/// The address from which a host sends to another.
pub(crate) fn source(host: HostNumber, to: IpAddr) -> IpAddr {
    let [v4, v6] = addresses_of(host);
    match to {
        IpAddr::V4(to) if to.is_loopback() || to.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(to) if to.is_loopback() || to.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) => v4,
        IpAddr::V6(_) => v6,
    }
}

/// What an address is to the kernel.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What an address is to a socket of this family.
pub(crate) fn presented(address: SocketAddr, family: Family) -> SocketAddr {
    match (address.ip(), family) {
        (IpAddr::V4(ip), Family::V6) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}

/// The number of the host that has, or would have, an address of the network.
fn number_within(address: IpAddr) -> Option<u128> {
    let number = match address {
        IpAddr::V4(address) => u128::from(address.to_bits().checked_sub(NETWORK_V4).filter(|&bits| bits < 1 << 24)?),
        IpAddr::V6(address) => address.to_bits().checked_sub(NETWORK_V6).filter(|&bits| bits < 1 << 112)?,
    };
    Some(number.wrapping_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_address_belongs_to_one_host_or_to_nobody() {
        assert_eq!(addresses_of(0), [ip("10.0.0.1"), ip("fd00::1")]);
        assert_eq!(addresses_of(299), [ip("10.0.1.44"), ip("fd00::12c")]);
        let cases = [
            ("127.0.0.1", Reach::Own),
            ("127.3.2.1", Reach::Own),
            ("::1", Reach::Own),
            ("0.0.0.0", Reach::Own),
            ("10.0.0.2", Reach::Own),
            ("fd00::2", Reach::Own),
            ("10.0.0.1", Reach::Host(0)),
            ("10.0.0.3", Reach::Host(2)),
            ("fd00::3", Reach::Host(2)),
            ("10.0.0.4", Reach::Nobody),
            ("10.0.0.0", Reach::Nobody),
            ("fd00::4", Reach::Nobody),
            ("fd00:1::4", Reach::Nobody),
            ("10.255.255.255", Reach::Everybody),
            ("255.255.255.255", Reach::Everybody),
            ("224.0.0.5", Reach::Group),
            ("ff02::5", Reach::Group),
            ("192.0.2.1", Reach::Nowhere),
            ("11.0.0.1", Reach::Nowhere),
            ("2001:db8::1", Reach::Nowhere),
        ];
        for (address, expected) in cases {
            assert_eq!(reach(1, ip(address), 3), expected, "{address}");
        }
    }

    #[test]
    fn a_socket_for_version_6_sees_version_4_in_its_own_way() {
        let v4: SocketAddr = "10.0.0.1:80".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:80".parse().unwrap();
        assert_eq!((canonical(mapped), presented(v4, Family::V6), presented(v4, Family::V4)), (v4, mapped, v4));
    }
}
