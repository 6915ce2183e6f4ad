//! Names of Unix sockets.

use crate::rig::Rig;
use fate_core::{Address, Family, Network, SocketKind, UnixName};
use std::io::ErrorKind;
use std::path::PathBuf;

/// A path in a folder that is removed when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("fate-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn address(&self, name: &str) -> Address {
        Address::Unix(UnixName::Path(self.0.join(name)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// N10.
#[test]
fn a_name_is_taken_as_long_as_its_file_is_there() {
    let (rig, folder) = (Rig::default(), Folder::new("taken"));
    let address = folder.address("socket");
    let bind = || {
        let socket = rig.keep(rig.socket(Family::Unix, SocketKind::Stream).unwrap());
        rig.bind(socket, &address).map(|()| socket)
    };
    let first = bind().unwrap();
    assert_eq!(rig.local_address(first).unwrap(), address);
    assert_eq!(bind().unwrap_err().kind(), ErrorKind::AddrInUse);
    rig.close(first, false);
    assert_eq!(bind().unwrap_err().kind(), ErrorKind::AddrInUse, "it is stale");
    rig.remove_name(&address).unwrap();
    bind().unwrap();
    rig.remove_name(&address).unwrap();
    assert_eq!(rig.remove_name(&address).unwrap_err().kind(), ErrorKind::NotFound);
}

/// N10: what is no file needs no removing.
#[test]
fn other_addresses_have_nothing_to_remove() {
    let rig = Rig::default();
    for name in [UnixName::Unnamed, UnixName::Abstract(b"cat".to_vec())] {
        rig.remove_name(&Address::Unix(name)).unwrap();
    }
    rig.remove_name(&std::net::SocketAddr::from(([1, 2, 3, 4], 5)).into()).unwrap();
}

/// N10, E4: the kernel writes a zero beyond the end of such a name.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_with_the_longest_path_has_its_name() {
    let (rig, folder) = (Rig::default(), Folder::new("long"));
    let room = 108 - folder.0.as_os_str().len() - 1;
    let address = folder.address(&"x".repeat(room));
    let here = rig.keep(rig.socket(Family::Unix, SocketKind::Datagram).unwrap());
    rig.bind(here, &address).unwrap();
    let (there, to) = rig.bound(Family::Unix, SocketKind::Datagram);
    rig.send_packet(here, b"x", Some(&to)).unwrap();
    assert_eq!(rig.receive_packet(there, &mut [0; 4]).unwrap().from, address);
}
