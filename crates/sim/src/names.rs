//! The names of a host's Unix sockets: files, which outlast their sockets, and names that go with them.

use crate::errno::{Answer, Errno};
use fate_core::UnixName;
use std::collections::BTreeMap;
use std::os::fd::RawFd;

/// The longest name that fits into an address (unix(7): sun_path, with a byte to end it).
const LONGEST: usize = 107;

/// What is called how.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<Written, Option<RawFd>>);

/// A name that can be sorted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Written {
    File(Vec<u8>),
    Abstract(Vec<u8>),
}

fn written(name: &UnixName) -> Answer<Written> {
    let name = match name {
        UnixName::Unnamed => return Err(Errno::INVALID),
        UnixName::Path(path) => Written::File(path.as_os_str().as_encoded_bytes().to_vec()),
        UnixName::Abstract(name) => Written::Abstract(name.clone()),
    };
    let (Written::File(bytes) | Written::Abstract(bytes)) = &name;
    if bytes.is_empty() || bytes.len() > LONGEST { Err(Errno::INVALID) } else { Ok(name) }
}

impl Names {
    /// Gives a socket a name that nobody has; nor is there such a file, though its socket be long gone.
    pub fn bind(&mut self, descriptor: RawFd, name: &UnixName) -> Answer {
        let name = written(name)?;
        if self.0.contains_key(&name) {
            return Err(Errno::ADDRESS_IN_USE);
        }
        self.0.insert(name, Some(descriptor));
        Ok(())
    }

    /// The socket of this name. A file without a socket refuses.
    pub fn find(&self, name: &UnixName) -> Answer<RawFd> {
        let name = written(name)?;
        match (self.0.get(&name), name) {
            (Some(Some(descriptor)), _) => Ok(*descriptor),
            (None, Written::File(_)) => Err(Errno::NO_SUCH_FILE),
            _ => Err(Errno::CONNECTION_REFUSED),
        }
    }

    /// A socket with a name is closed. Its file, if it is one, stays.
    pub fn release(&mut self, descriptor: RawFd, name: &UnixName) {
        let Ok(name) = written(name) else { return };
        match (self.0.get_mut(&name), &name) {
            (Some(socket), Written::File(_)) if *socket == Some(descriptor) => *socket = None,
            (Some(socket), Written::Abstract(_)) if *socket == Some(descriptor) => {
                self.0.remove(&name);
            }
            _ => {}
        }
    }

    /// Every socket is gone; the files stay.
    pub fn release_all(&mut self) {
        self.0.retain(|name, socket| {
            *socket = None;
            matches!(name, Written::File(_))
        });
    }

    /// Removes a file. Its socket, if it has one, is not called anything any more.
    pub fn remove(&mut self, name: &UnixName) -> Answer {
        let UnixName::Path(_) = name else { return Err(Errno::INVALID) };
        self.0.remove(&written(name)?).map(drop).ok_or(Errno::NO_SUCH_FILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_outlasts_its_socket_and_an_abstract_name_does_not() {
        let mut names = Names::default();
        let (file, name) = (UnixName::from("/run/tea"), UnixName::Abstract(b"tea".to_vec()));
        assert_eq!((names.bind(3, &file), names.bind(4, &name)), (Ok(()), Ok(())));
        assert_eq!((names.find(&file), names.find(&name)), (Ok(3), Ok(4)));
        assert_eq!(names.bind(5, &file), Err(Errno::ADDRESS_IN_USE));
        names.release(3, &file);
        names.release(4, &name);
        assert_eq!(
            (names.find(&file), names.find(&name)),
            (Err(Errno::CONNECTION_REFUSED), Err(Errno::CONNECTION_REFUSED))
        );
        assert_eq!((names.bind(5, &file), names.bind(6, &name)), (Err(Errno::ADDRESS_IN_USE), Ok(())));
        assert_eq!((names.remove(&file), names.remove(&file)), (Ok(()), Err(Errno::NO_SUCH_FILE)));
        assert_eq!((names.find(&file), names.bind(5, &file)), (Err(Errno::NO_SUCH_FILE), Ok(())));
    }

    #[test]
    fn a_name_that_fits_into_no_address_is_none() {
        let mut names = Names::default();
        assert_eq!(names.bind(3, &UnixName::Abstract(vec![b'x'; 108])), Err(Errno::INVALID));
        assert_eq!(names.bind(3, &UnixName::Unnamed), Err(Errno::INVALID));
        assert_eq!(names.bind(3, &UnixName::Abstract(vec![b'x'; 107])), Ok(()));
    }
}
