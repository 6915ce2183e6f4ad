//! Where a socket is.

use core::net::SocketAddr;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// The address of a socket of whatever family.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// An internet address and a port.
    Inet(SocketAddr),
    /// A name on this machine.
    Unix(UnixName),
}

/// What a Unix socket is called.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum UnixName {
    /// It has no name: one of a pair, or a client.
    Unnamed,
    /// A file.
    Path(PathBuf),
    /// A name that is no file, and goes with the socket (Linux: unix(7), "abstract").
    Abstract(Vec<u8>),
}

/// The family of an address, which a socket is made for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// Internet, version 4.
    V4,
    /// Internet, version 6.
    V6,
    /// Names on this machine.
    Unix,
}

impl Address {
    /// The family that a socket must have to use this address.
    pub fn family(&self) -> Family {
        match self {
            Address::Inet(SocketAddr::V4(_)) => Family::V4,
            Address::Inet(SocketAddr::V6(_)) => Family::V6,
            Address::Unix(_) => Family::Unix,
        }
    }

    /// The internet address, if it is one.
    pub fn inet(&self) -> Option<SocketAddr> {
        if let Address::Inet(address) = self { Some(*address) } else { None }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Inet(address)
    }
}

/// A path; on Linux, a name that begins with `@` is one that is no file, as tools print it.
impl<P: AsRef<Path> + ?Sized> From<&P> for UnixName {
    fn from(name: &P) -> UnixName {
        let name: &OsStr = name.as_ref().as_os_str();
        match name.as_encoded_bytes().strip_prefix(b"@") {
            Some(name) if cfg!(target_os = "linux") => UnixName::Abstract(name.to_vec()),
            _ => UnixName::Path(name.into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet(address) => address.fmt(f),
            Address::Unix(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnixName::Unnamed => f.write_str("(unnamed)"),
            UnixName::Path(path) => path.display().fmt(f),
            UnixName::Abstract(name) => write!(f, "@{}", name.escape_ascii()),
        }
    }
}
