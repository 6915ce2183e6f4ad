//! The streams that a program is born with: each test runs itself as a program that is born with what it is about.

use crate::alone::{alone, alone_with, become_nobody, is_alone, myself};
use crate::rig::{Rig, borrow, is_waiting, wait};
use fate_core::{Plug, Socket, Standard, Streams, System, WindowSize};
use rustix::event::PollFlags;
use rustix::fs::{CWD, FileType, Mode, OFlags, fchmod, fstat, mkfifoat, open};
use rustix::io::{FdFlags, fcntl_getfd};
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

const INPUT: Socket = Socket(0);
const OUTPUT: Socket = Socket(1);

/// Opens the input, sees that this changes nothing, and gives it back.
fn open_input(rig: &Rig) -> Socket {
    let input = rig.open_standard(Standard::Input).unwrap();
    assert!(input.0 > 2 && fcntl_getfd(borrow(input)).unwrap().contains(FdFlags::CLOEXEC));
    assert!(is_waiting(INPUT), "whoever shares it would notice");
    input
}

/// Of what may only be read and written by its owner, becomes somebody else.
fn lose_access(stream: Socket) {
    fchmod(borrow(stream), Mode::empty()).unwrap();
    become_nobody();
}

/// I1.
#[test]
fn a_pipe_is_opened_for_oneself() {
    let (reader, _) = io::pipe().unwrap();
    alone_with(reader, "standard::a_pipe_is_opened_for_oneself", || {
        let rig = Rig::default();
        let input = open_input(&rig);
        assert!(!is_waiting(input) && !rig.is_terminal(input));
        // Nobody has it to write to.
        assert_eq!(rig.read_to_end(Some(input)), "");
        assert_eq!(fstat(borrow(INPUT)).map(|stat| FileType::from_raw_mode(stat.st_mode)), Ok(FileType::Fifo));
    });
}

/// I1: with the other end in the same hands, so it is known when there is nothing to read.
#[test]
fn a_pipe_is_read_as_it_is_filled() {
    let rig = Rig::default();
    if is_alone() {
        let input = open_input(&rig);
        assert_eq!(rig.read(input, &mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let output = rig.open_standard(Standard::Output).unwrap();
        assert!(!is_waiting(output) && is_waiting(OUTPUT));
        rig.write_text(Some(output), "empty\n");
        assert_eq!(rig.read_to_end(Some(input)), "full");
        rig.write_text(Some(output), "read\n");
        fate_unix::close(output, false);
        assert!(is_waiting(INPUT) && is_waiting(OUTPUT));
        return;
    }
    let streams = Streams::Each { stdin: Plug::Pipe, stdout: Plug::Pipe, stderr: Plug::AsSet };
    let child = rig.start(myself("standard::a_pipe_is_read_as_it_is_filled"), streams).unwrap();
    rig.read_until(child.stdout, "empty\n");
    rig.write_text(child.stdin, "full");
    fate_unix::close(child.stdin.unwrap(), false);
    assert!(rig.read_to_end(child.stdout).contains("read\n"));
    assert!(rig.outcome(&child).success());
}

/// I1: a pipe of somebody else's, which cannot be opened anew.
#[test]
fn a_pipe_that_may_not_be_opened_is_read_without_waiting() {
    let rig = Rig::default();
    if is_alone() {
        lose_access(INPUT);
        let input = open_input(&rig);
        assert!(is_waiting(input), "it is a copy");
        assert_eq!(rig.read(input, &mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
        println!("empty");
        assert_eq!(rig.read_to_end(Some(input)), "full");
        return;
    }
    let streams = Streams::Each { stdin: Plug::Pipe, stdout: Plug::Pipe, stderr: Plug::AsSet };
    let child = rig.start(myself("standard::a_pipe_that_may_not_be_opened_is_read_without_waiting"), streams).unwrap();
    rig.read_until(child.stdout, "empty\n");
    rig.write_text(child.stdin, "full");
    fate_unix::close(child.stdin.unwrap(), false);
    rig.read_to_end(child.stdout);
    assert!(rig.outcome(&child).success());
}

/// I1: the kernel tells those of the end who have seen a writer.
#[test]
fn a_pipe_with_a_name_ends_when_its_writers_have_left_early() {
    let path = std::env::temp_dir().join(format!("fate-unix-fifo-{}", std::process::id()));
    let name = "standard::a_pipe_with_a_name_ends_when_its_writers_have_left_early";
    let test = || {
        let rig = Rig::default();
        let input = open_input(&rig);
        wait(input, PollFlags::IN);
        assert_eq!(rig.read_to_end(Some(input)), "early");
    };
    if is_alone() {
        return test();
    }
    mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    let reader = open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let mut writer = File::options().write(true).open(&path).unwrap();
    rustix::io::ioctl_fionbio(&reader, false).unwrap();
    writer.write_all(b"early").unwrap();
    drop(writer);
    std::fs::remove_file(&path).unwrap();
    alone_with(reader, name, test);
}

/// I1: a terminal is never left non-blocking, and a line is read when it was typed.
#[test]
fn a_terminal_is_opened_for_oneself() {
    at_a_terminal("standard::a_terminal_is_opened_for_oneself", |_| {});
}

/// I1: as after su(1).
#[test]
fn a_terminal_of_somebody_elses_is_opened_as_the_controlling_one() {
    at_a_terminal("standard::a_terminal_of_somebody_elses_is_opened_as_the_controlling_one", lose_access);
}

fn at_a_terminal(name: &str, before: fn(Socket)) {
    let rig = Rig::default();
    if is_alone() {
        before(INPUT);
        let input = open_input(&rig);
        let output = rig.open_standard(Standard::Output).unwrap();
        for stream in [input, output] {
            assert!(rig.is_terminal(stream) && !is_waiting(stream));
        }
        assert_eq!(rig.read(input, &mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
        rig.write_text(Some(output), "ready\n");
        assert_eq!(rig.read_until(Some(input), "\n"), "typed\n");
        fate_unix::close(input, false);
        assert!([0, 1, 2].map(Socket).into_iter().all(is_waiting));
        return;
    }
    let child = rig.start(myself(name), Streams::Terminal(WindowSize { rows: 24, columns: 80 })).unwrap();
    rig.read_until(child.terminal, "ready\r\n");
    rig.write_text(child.terminal, "typed\n");
    let told = rig.read_to_end(child.terminal);
    assert!(rig.outcome(&child).success(), "{told}");
}

/// I1.
#[test]
fn a_file_is_read_from_where_it_is() {
    let path = std::env::temp_dir().join(format!("fate-unix-input-{}", std::process::id()));
    let test = || {
        let rig = Rig::default();
        let input = open_input(&rig);
        assert_eq!(rig.read_to_end(Some(input)), "second");
    };
    if is_alone() {
        return test();
    }
    std::fs::write(&path, "first second").unwrap();
    let mut file = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.read_exact(&mut [0; 6]).unwrap();
    alone_with(file, "standard::a_file_is_read_from_where_it_is", test);
}

/// I1: as whoever is started by another program is often born.
#[test]
fn a_socket_is_read_without_waiting() {
    let (here, mut there) = UnixStream::pair().unwrap();
    there.write_all(b"through a socket").unwrap();
    alone_with(OwnedFd::from(here), "standard::a_socket_is_read_without_waiting", || {
        let rig = Rig::default();
        let input = open_input(&rig);
        assert_eq!(rig.read_until(Some(input), "socket"), "through a socket");
        assert_eq!(rig.read(input, &mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(rig.write(input, &[IoSlice::new(b"back")]).unwrap(), 4);
        assert_eq!(rig.fill(input), ErrorKind::WouldBlock);
    });
    if !is_alone() {
        let mut answer = [0; 4];
        there.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"back");
    }
}

/// I1.
#[test]
fn nothing_at_all_ends_at_once() {
    alone("standard::nothing_at_all_ends_at_once", || {
        let rig = Rig::default();
        assert_eq!(rig.read_to_end(Some(open_input(&rig))), "");
    });
}

/// I1.
#[test]
fn a_stream_that_is_closed_is_an_error() {
    alone("standard::a_stream_that_is_closed_is_an_error", || {
        fate_unix::close(INPUT, false);
        let error = Rig::default().open_standard(Standard::Input).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    });
}
