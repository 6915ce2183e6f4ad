//! Descriptors that are passed, and who passed them.

use crate::rig::{Rig, receive, wait};
use fate_core::{Family, Network, Socket};
use rustix::event::PollFlags;
use rustix::io::{Errno, FdFlags, fcntl_getfd};
use std::io::{ErrorKind, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

fn pair(rig: &Rig) -> (Socket, Socket) {
    let (here, there) = UnixStream::pair().unwrap();
    (rig.keep(rig.adopt(here.into()).unwrap()), rig.keep(rig.adopt(there.into()).unwrap()))
}

/// N10.
#[test]
fn descriptors_arrive_with_their_bytes_and_are_closed_when_a_program_is_executed() {
    let rig = Rig::default();
    let (here, there) = pair(&rig);
    let ((reader, mut writer), mut passed) = (pipe().unwrap(), Vec::new());
    let error = rig.receive_descriptors(there, &mut [0; 8], &mut passed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(rig.send_descriptors(here, b"ab", &[reader.as_fd(), reader.as_fd()]).unwrap(), 2);
    assert_eq!(rig.send_descriptors(here, b"cd", &[]).unwrap(), 2);
    wait(there, PollFlags::IN);
    let mut buffer = [0; 8];
    let count = rig.receive_descriptors(there, &mut buffer, &mut passed).unwrap();
    assert_eq!((&buffer[..count], passed.len()), (&b"ab"[..], 2));
    assert!(passed.iter().all(|passed| fcntl_getfd(passed).unwrap().contains(FdFlags::CLOEXEC)));
    assert_eq!(receive(there).unwrap(), b"cd");
    writer.write_all(b"!").unwrap();
    let mut reader = std::fs::File::from(passed.pop().unwrap());
    reader.read_exact(&mut buffer[..1]).unwrap();
    assert_eq!(buffer[0], b'!');
}

/// N10, L7: the kernel closes what nobody asked for.
#[test]
fn descriptors_that_nobody_claims_are_closed() {
    let rig = Rig::default();
    let (here, there) = pair(&rig);
    let (mut reader, writer) = pipe().unwrap();
    rig.send_descriptors(here, b"x", &[writer.as_fd()]).unwrap();
    drop(writer);
    assert_eq!(receive(there).unwrap(), b"x");
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "no writer is left");
}

/// E4.
#[test]
fn more_descriptors_than_a_kernel_passes_are_refused() {
    let rig = Rig::default();
    let (here, _there) = pair(&rig);
    let (reader, _writer) = pipe().unwrap();
    for count in [254, 1000] {
        let error = rig.send_descriptors(here, b"x", &vec![reader.as_fd(); count]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::INVAL.raw_os_error()), "{count}");
    }
}

/// N10.
#[test]
fn the_other_end_of_a_unix_stream_is_known() {
    let rig = Rig::default();
    let (here, _there) = pair(&rig);
    let told = rig.credentials(here).unwrap();
    let expected = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    assert_eq!((told.user, told.group), expected);
    if cfg!(target_os = "linux") {
        assert_eq!(told.process, Some(std::process::id()));
    }
}

/// N10, E4.
#[test]
fn where_nobody_is_at_the_other_end_nobody_is_told_of() {
    let rig = Rig::default();
    let alone = rig.keep(rig.socket(Family::Unix, fate_core::SocketKind::Stream).unwrap());
    assert_eq!(rig.credentials(alone).unwrap_err().kind(), ErrorKind::NotConnected);
    let (inet, _there) = rig.pair(Family::V4);
    rig.credentials(inet).unwrap_err();
}
