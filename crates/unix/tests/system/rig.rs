//! A door, what it is asked for, and how the answers are waited for.

use fate_core::{Order, Plug, Socket, Spawned, Streams, System};
use fate_unix::UnixSystem;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::io::{self, ErrorKind, IoSlice};
use std::ops::Deref;
use std::os::fd::{BorrowedFd, RawFd};
use std::process::{Command, ExitStatus};

/// Longer than anything here takes on a busy machine. A test that fails ends all the same.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

#[derive(Default)]
pub struct Rig(UnixSystem);

impl Deref for Rig {
    type Target = UnixSystem;

    fn deref(&self) -> &UnixSystem {
        &self.0
    }
}

impl Rig {
    pub fn start(&self, command: Command, streams: Streams) -> io::Result<Spawned> {
        self.spawn(Order { command, streams, descriptors: Vec::new() })
    }

    /// How a child ends.
    pub fn outcome(&self, child: &Spawned) -> ExitStatus {
        wait(Socket(child.exit), PollFlags::IN);
        self.reap(child.process).unwrap().expect("it has ended")
    }

    /// All that can be read until the end. It is closed then.
    pub fn read_to_end(&self, stream: Option<Socket>) -> String {
        let stream = stream.expect("it was asked for");
        let mut text = Vec::new();
        loop {
            match self.read_some(stream).unwrap() {
                bytes if bytes.is_empty() => break,
                bytes => text.extend(bytes),
            }
        }
        fate_unix::close(stream, false);
        String::from_utf8(text).unwrap()
    }

    /// What is read until it contains this.
    pub fn read_until(&self, stream: Option<Socket>, end: &str) -> String {
        let mut text = String::new();
        while !text.contains(end) {
            let bytes = self.read_some(stream.unwrap()).unwrap();
            assert!(!bytes.is_empty(), "{text:?} is all there is");
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        text
    }

    fn read_some(&self, stream: Socket) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 4096];
        wait(stream, PollFlags::IN);
        self.read(stream, &mut buffer).map(|count| buffer[..count].to_vec())
    }

    pub fn write_text(&self, stream: Option<Socket>, text: &str) {
        assert_eq!(self.write(stream.unwrap(), &[IoSlice::new(text.as_bytes())]).unwrap(), text.len());
    }

    /// Writes until no more is taken, and says how that is put.
    pub fn fill(&self, stream: Socket) -> ErrorKind {
        std::iter::repeat_with(|| self.write(stream, &[IoSlice::new(&[b'.'; 1000])]))
            .find_map(Result::err)
            .unwrap()
            .kind()
    }
}

pub fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

pub const NULL: Streams = Streams::Each { stdin: Plug::Null, stdout: Plug::Null, stderr: Plug::AsSet };

pub const PIPES: Streams = Streams::Each { stdin: Plug::Pipe, stdout: Plug::Pipe, stderr: Plug::Pipe };

pub const OUTPUT: Streams = Streams::Each { stdin: Plug::Null, stdout: Plug::Pipe, stderr: Plug::AsSet };

pub fn borrow<'a>(socket: Socket) -> BorrowedFd<'a> {
    #[allow(unsafe_code, reason = "the test owns the descriptor")]
    // SAFETY: the test keeps it open while it looks.
    unsafe {
        BorrowedFd::borrow_raw(socket.0)
    }
}

pub fn wait(stream: Socket, flags: PollFlags) {
    let count = poll(&mut [PollFd::from_borrowed_fd(borrow(stream), flags)], Some(&PATIENCE)).unwrap();
    assert_eq!(count, 1, "nothing happened to {stream:?}");
}

/// Waits until the other end is gone. What another test forks at this moment has a copy of it, until it is a program.
pub fn wait_for_end(stream: Socket) {
    wait(stream, PollFlags::empty());
}

pub fn is_waiting(stream: Socket) -> bool {
    !fcntl_getfl(borrow(stream)).unwrap().contains(OFlags::NONBLOCK)
}

/// Whether a child, running or ended, is there to be waited for.
pub fn is_there(child: &Spawned) -> bool {
    is_known_to_kernel(WaitId::Pid(Pid::from_raw(child.process.0 as i32).unwrap()))
}

/// Whether there is any child.
pub fn are_there_any() -> bool {
    is_known_to_kernel(WaitId::All)
}

fn is_known_to_kernel(id: WaitId<'_>) -> bool {
    waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT).is_ok()
}

/// The descriptors of this process, each with what it is.
pub fn descriptors() -> Vec<(RawFd, String)> {
    let mut all: Vec<_> = (0..256)
        .filter_map(|number| Some((number, std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?)))
        .map(|(number, name)| (number, name.to_string_lossy().into_owned()))
        .collect();
    all.sort();
    all
}
