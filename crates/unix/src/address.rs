//! Addresses in the system's terms, and back.
//!
//! An internet address is the same in both. The name of a Unix socket is a field of bytes after the family, and what it
//! is called depends on them: none is no name, a zero in front is a name that is no file (unix(7), "abstract"), and
//! anything else is a path, which a zero ends if there is room for one.

use crate::raw;
use fate_core::{Address, Family, UnixName};
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{AddressFamily, SocketAddr, SocketAddrAny, SocketAddrUnix};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where the name begins in the address of a Unix socket: after its family, and on some systems its length.
const NAME: usize = 2;

/// A family in the system's terms.
pub(crate) fn family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
        Family::Unix => AddressFamily::UNIX,
    }
}

/// An address in the system's terms.
pub(crate) fn to_system(address: &Address) -> io::Result<SocketAddrAny> {
    match address {
        Address::Inet(address) => Ok(address.as_any()),
        Address::Unix(name) => Ok(unix(name)?.as_any()),
    }
}

fn unix(name: &UnixName) -> io::Result<SocketAddrUnix> {
    match name {
        UnixName::Unnamed => unnamed(),
        UnixName::Abstract(name) => hidden(name),
        UnixName::Path(path) if path.as_os_str().is_empty() => Err(Errno::INVAL.into()),
        UnixName::Path(path) => Ok(SocketAddrUnix::new(path)?),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn unnamed() -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new_unnamed())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn hidden(name: &[u8]) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new_abstract_name(name)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn unnamed() -> io::Result<SocketAddrUnix> {
    Err(Errno::INVAL.into())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn hidden(_: &[u8]) -> io::Result<SocketAddrUnix> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What the system calls an address; `EAFNOSUPPORT` if it is of a family that Fate does not know.
pub(crate) fn from_system(address: &SocketAddrAny) -> io::Result<Address> {
    match address.address_family() {
        AddressFamily::UNIX => Ok(Address::Unix(name(raw::bytes(address).get(NAME..).unwrap_or_default()))),
        _ => Ok(Address::Inet(SocketAddr::try_from(address.clone())?)),
    }
}

/// An address that the system may have none for: that of a Unix socket that is not bound.
pub(crate) fn from_system_if_any(address: Option<&SocketAddrAny>) -> io::Result<Address> {
    address.map_or(Ok(Address::Unix(UnixName::Unnamed)), from_system)
}

fn name(bytes: &[u8]) -> UnixName {
    match bytes.first() {
        None => UnixName::Unnamed,
        Some(0) if cfg!(any(target_os = "linux", target_os = "android")) => UnixName::Abstract(bytes[1..].to_vec()),
        Some(_) => match bytes.split(|byte| *byte == 0).next() {
            None | Some([]) => UnixName::Unnamed,
            Some(path) => UnixName::Path(Path::new(OsStr::from_bytes(path)).to_path_buf()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(address: &Address) -> Address {
        from_system(&to_system(address).unwrap()).unwrap()
    }

    #[test]
    fn an_address_comes_back_as_it_went() {
        let inet = ["1.2.3.4:5", "[::]:0", "[fe80::1%7]:65535"];
        let inet = inet.map(|text| Address::Inet(text.parse().unwrap()));
        let paths = ["a", "/tmp/an/ordinary/path", &"long/".repeat(21)];
        let paths = paths.map(|path| Address::Unix(UnixName::Path(path.into())));
        for address in inet.iter().chain(&paths) {
            assert_eq!(there_and_back(address), *address);
        }
    }

    /// E4: there is no room for the zero at its end.
    #[test]
    fn a_path_that_fills_the_address_comes_back_whole() {
        let longest = Address::Unix(UnixName::Path("x".repeat(108).into()));
        if let Ok(address) = to_system(&longest) {
            assert_eq!(from_system(&address).unwrap(), longest);
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn names_that_are_no_files_come_back_with_every_byte() {
        for name in [UnixName::Unnamed, UnixName::Abstract(vec![]), UnixName::Abstract(b"a\0b\0\0".to_vec())] {
            assert_eq!(there_and_back(&Address::Unix(name.clone())), Address::Unix(name));
        }
        let longest = UnixName::Abstract(vec![0; 107]);
        assert_eq!(there_and_back(&Address::Unix(longest.clone())), Address::Unix(longest));
    }

    /// E4.
    #[test]
    fn what_is_no_name_is_an_error() {
        let long = "x".repeat(109);
        for path in ["", "a\0b", &long] {
            to_system(&Address::Unix(UnixName::Path(path.into()))).unwrap_err();
        }
        to_system(&Address::Unix(UnixName::Abstract(vec![1; 108]))).unwrap_err();
    }

    /// E4: the kernel writes one byte more than the field has, for the zero.
    #[test]
    fn the_bytes_that_a_kernel_writes_are_the_name() {
        let long = [b'x'; 108];
        assert_eq!(name(&[]), UnixName::Unnamed);
        assert_eq!(name(b"a/b\0"), UnixName::Path("a/b".into()));
        assert_eq!(name(&[&long[..], b"\0"].concat()), UnixName::Path("x".repeat(108).into()));
    }
}
