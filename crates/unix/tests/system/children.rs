//! Starting children, and the pipes to them.

use crate::alone::alone;
use crate::rig::{NULL, OUTPUT, PIPES, Rig, borrow, is_waiting, shell, wait_for_end};
use fate_core::{Plug, Socket, Streams, System};
use rustix::fs::{FileType, fstat};
use rustix::io::{FdFlags, fcntl_getfd};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::IntoRawFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// P1.
#[test]
fn the_three_pipes_go_the_three_ways() {
    let rig = Rig::default();
    let child = rig.start(shell("read line; echo out $line; echo err $line >&2"), PIPES).unwrap();
    rig.write_text(child.stdin, "here\n");
    assert_eq!(rig.read_to_end(child.stdout), "out here\n");
    assert_eq!(rig.read_to_end(child.stderr), "err here\n");
    assert!(rig.outcome(&child).success());
    fate_unix::close(child.stdin.unwrap(), false);
}

/// P1.
#[test]
fn a_child_is_told_that_its_input_has_ended() {
    let rig = Rig::default();
    let child = rig.start(Command::new("cat"), PIPES).unwrap();
    rig.write_text(child.stdin, "last");
    fate_unix::close(child.stdin.unwrap(), false);
    assert_eq!(rig.read_to_end(child.stdout), "last");
    assert_eq!(rig.read_to_end(child.stderr), "");
    assert!(rig.outcome(&child).success());
}

/// P1: programs that open `/dev/stdout` by name find a pipe there, which a socket would not let them.
#[test]
fn a_child_can_open_its_pipes_by_name() {
    let rig = Rig::default();
    let child = rig.start(shell("cat /dev/stdin > /dev/stdout; echo bad > /dev/stderr"), PIPES).unwrap();
    rig.write_text(child.stdin, "good");
    fate_unix::close(child.stdin.unwrap(), false);
    assert_eq!(rig.read_to_end(child.stdout), "good");
    assert_eq!(rig.read_to_end(child.stderr), "bad\n");
    assert!(rig.outcome(&child).success());
}

/// P1, L7: our ends do not wait and do not leak; the child's wait as it expects.
#[test]
fn our_ends_are_pipes_that_neither_wait_nor_leak() {
    let rig = Rig::default();
    let script = "for n in 0 1 2; do grep ^flags /proc/$$/fdinfo/$n; done; echo ready; cat";
    let child = rig.start(shell(script), PIPES).unwrap();
    let told = rig.read_until(child.stdout, "ready\n");
    assert_eq!(told.matches("flags:").count(), 3, "{told}");
    let waits = |line: &str| i32::from_str_radix(line[6..].trim(), 8).unwrap() & libc::O_NONBLOCK == 0;
    assert!(told.lines().filter(|line| line.starts_with("flags:")).all(waits), "{told}");
    for end in [child.stdin, child.stdout, child.stderr].map(Option::unwrap) {
        assert!(!is_waiting(end));
        assert!(fcntl_getfd(borrow(end)).unwrap().contains(FdFlags::CLOEXEC));
        assert_eq!(FileType::from_raw_mode(fstat(borrow(end)).unwrap().st_mode), FileType::Fifo);
        fate_unix::close(end, false);
    }
    rig.outcome(&child);
}

/// P1.
#[test]
fn what_cannot_be_read_or_written_now_would_block() {
    let rig = Rig::default();
    let child = rig.start(shell("read line; exit 0"), PIPES).unwrap();
    assert_eq!(rig.read(child.stdout.unwrap(), &mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let child = rig.start(shell("kill -STOP $$"), PIPES).unwrap();
    assert_eq!(rig.fill(child.stdin.unwrap()), ErrorKind::WouldBlock);
    rig.destroy(child.process);
    wait_for_end(child.stdin.unwrap());
    assert_eq!(rig.fill(child.stdin.unwrap()), ErrorKind::BrokenPipe, "and no signal");
    assert_eq!(rig.read_to_end(child.stdout), "");
}

/// P1.
#[test]
fn a_child_without_streams_finds_the_end_and_is_not_heard() {
    let rig = Rig::default();
    let child = rig.start(shell("cat && echo unheard"), NULL).unwrap();
    assert!(rig.outcome(&child).success());
    assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none() && child.terminal.is_none());
}

/// P1.
#[test]
fn what_the_command_says_of_its_streams_stands() {
    let rig = Rig::default();
    let (mut reader, writer) = io::pipe().unwrap();
    let mut command = shell("cat >&2");
    command.stdin(Stdio::piped()).stderr(writer);
    let streams = Streams::Each { stdin: Plug::AsSet, stdout: Plug::Null, stderr: Plug::AsSet };
    let child = rig.start(command, streams).unwrap();
    assert!(child.stdout.is_none() && child.stderr.is_none());
    rig.write_text(child.stdin, "as it says");
    fate_unix::close(child.stdin.unwrap(), false);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "as it says");
    assert!(rig.outcome(&child).success());
}

/// P1: what the system says comes back as it is.
#[test]
fn a_program_that_cannot_be_started_is_an_error_that_says_why() {
    alone("children::a_program_that_cannot_be_started_is_an_error_that_says_why", || {
        let rig = Rig::default();
        let folder = std::env::temp_dir().join(format!("fate-unix-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("no-program");
        fs::write(&file, [0xff; 64]).unwrap();
        let start = |command| rig.start(command, PIPES).unwrap_err();

        assert_eq!(start(Command::new("/nowhere/no-program")).kind(), ErrorKind::NotFound);
        assert_eq!(start(Command::new("fate-no-such-program")).kind(), ErrorKind::NotFound);
        assert_eq!(start(Command::new(&file)).kind(), ErrorKind::PermissionDenied);
        fs::set_permissions(&file, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(start(Command::new(&file)).raw_os_error(), Some(libc::ENOEXEC));
        let mut command = Command::new("/bin/sh");
        command.current_dir(folder.join("nowhere"));
        assert_eq!(start(command).kind(), ErrorKind::NotFound);
        let mut command = Command::new("/bin/sh");
        command.current_dir(&file);
        assert_eq!(start(command).kind(), ErrorKind::NotADirectory);
        let mut command = Command::new("/bin/sh");
        command.arg("a\0b");
        assert_eq!(start(command).kind(), ErrorKind::InvalidInput);
        fs::remove_dir_all(&folder).unwrap();
    });
}

/// E4.
#[test]
fn a_number_that_is_no_stream_is_refused() {
    let rig = Rig::default();
    let (reader, _writer) = io::pipe().unwrap();
    let size = fate_core::WindowSize { rows: 1, columns: 1 };
    for number in [-1, i32::MIN, i32::MAX] {
        let stream = Socket(number);
        let bad = |error: io::Error| assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        bad(rig.read(stream, &mut [0]).unwrap_err());
        bad(rig.write(stream, &[]).unwrap_err());
        bad(rig.resize(stream, size).unwrap_err());
        assert!(!rig.is_terminal(stream));
    }
    let pipe = Socket(reader.into_raw_fd());
    assert!(!rig.is_terminal(pipe));
    assert_eq!(rig.resize(pipe, size).unwrap_err().raw_os_error(), Some(libc::ENOTTY));
    fate_unix::close(pipe, false);
}

/// P1: more than a pipe holds, in both directions at once.
#[test]
fn much_passes_through_a_child_unchanged() {
    use rustix::event::{PollFd, PollFlags, poll};
    let rig = Rig::default();
    let child =
        rig.start(Command::new("cat"), Streams::Each { stdin: Plug::Pipe, stdout: Plug::Pipe, stderr: Plug::AsSet });
    let child = child.unwrap();
    let (stdin, stdout) = (child.stdin.unwrap(), child.stdout.unwrap());
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut left, mut received, mut buffer) = (&sent[..], Vec::<u8>::new(), vec![0; 1 << 16]);
    while received.len() < sent.len() {
        match rig.write(stdin, &[io::IoSlice::new(left)]) {
            Ok(count) => left = &left[count..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        match rig.read(stdout, &mut buffer) {
            Ok(count) => received.extend(&buffer[..count]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                let room = if left.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
                let read = PollFd::from_borrowed_fd(borrow(stdout), PollFlags::IN);
                poll(&mut [read, PollFd::from_borrowed_fd(borrow(stdin), room)], None).unwrap();
            }
        }
    }
    assert!(received == sent);
    fate_unix::close(stdin, false);
    assert_eq!(rig.read_to_end(child.stdout), "");
    assert!(rig.outcome(&child).success());
}

/// P1: what a child leaves in its pipe can be read when it is long gone.
#[test]
fn the_last_words_of_a_child_are_heard() {
    let rig = Rig::default();
    let child = rig.start(shell("echo last words"), OUTPUT).unwrap();
    assert!(rig.outcome(&child).success());
    assert_eq!(rig.read_to_end(child.stdout), "last words\n");
}
