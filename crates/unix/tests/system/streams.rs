//! Streams that others share, and that wait by themselves: here they do not.

use crate::rig::{Rig, is_waiting, wait_for_end};
use fate_core::{Socket, System};
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

fn stream(descriptor: &impl AsRawFd) -> Socket {
    Socket(descriptor.as_raw_fd())
}

/// I1.
#[test]
fn a_pipe_that_waits_is_read_and_written_without_waiting() {
    let rig = Rig::default();
    let (reader, writer) = io::pipe().unwrap();
    let mut buffer = [0; 16];
    assert_eq!(rig.read(stream(&reader), &mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    let pieces = [IoSlice::new(b""), IoSlice::new(b"some"), IoSlice::new(b"thing")];
    assert_eq!(rig.write(stream(&writer), &pieces).unwrap(), 4, "what there is room for in any case");
    assert_eq!(rig.read(stream(&reader), &mut buffer).unwrap(), 4);
    assert_eq!(rig.fill(stream(&writer)), ErrorKind::WouldBlock);
    assert!(is_waiting(stream(&reader)) && is_waiting(stream(&writer)));
    drop(reader);
    wait_for_end(stream(&writer));
    assert_eq!(rig.fill(stream(&writer)), ErrorKind::BrokenPipe, "and no signal");
}

/// I1.
#[test]
fn the_end_of_a_pipe_that_waits_is_told() {
    let rig = Rig::default();
    let (reader, writer) = io::pipe().unwrap();
    rig.write_text(Some(stream(&writer)), "last");
    drop(writer);
    wait_for_end(stream(&reader));
    let mut buffer = [0; 16];
    assert_eq!(rig.read(stream(&reader), &mut buffer).unwrap(), 4);
    assert_eq!(rig.read(stream(&reader), &mut buffer).unwrap(), 0);
}

/// I1.
#[test]
fn a_socket_that_waits_is_read_and_written_without_waiting() {
    let rig = Rig::default();
    let (here, there) = UnixStream::pair().unwrap();
    let mut buffer = [0; 16];
    assert_eq!(rig.read(stream(&here), &mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(rig.write(stream(&there), &[IoSlice::new(b"some"), IoSlice::new(b"thing")]).unwrap(), 9);
    assert_eq!(rig.read(stream(&here), &mut buffer).unwrap(), 9);
    assert_eq!(&buffer[..9], b"something");
    assert_eq!(rig.fill(stream(&here)), ErrorKind::WouldBlock);
    assert!(is_waiting(stream(&here)) && is_waiting(stream(&there)));
    drop(there);
    wait_for_end(stream(&here));
    assert!([ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&rig.fill(stream(&here))), "and no signal");
}

/// I1.
#[test]
fn a_file_is_read_and_written_from_where_it_is() {
    let rig = Rig::default();
    let path = std::env::temp_dir().join(format!("fate-unix-file-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    rig.write_text(Some(stream(&file)), "beginning, ");
    let many: Vec<IoSlice<'_>> = (0..2000).map(|_| IoSlice::new(b"x")).collect();
    assert_eq!(rig.write(stream(&file), &many).unwrap(), 1024, "as many pieces as the system takes");
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut buffer = [0; 11];
    assert_eq!(rig.read(stream(&file), &mut buffer).unwrap(), 11);
    assert_eq!(&buffer, b"beginning, ");
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "x".repeat(1024));
    assert_eq!(rig.read(stream(&file), &mut buffer).unwrap(), 0);
}

/// I1.
#[test]
fn nowhere_takes_everything_and_has_nothing() {
    let rig = Rig::default();
    let nowhere = File::options().read(true).write(true).open("/dev/null").unwrap();
    rig.write_text(Some(stream(&nowhere)), "gone");
    assert_eq!(rig.read(stream(&nowhere), &mut [0; 9]).unwrap(), 0);
}
