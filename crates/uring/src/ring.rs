//! The kernel's ring, in safe words: entries go in, one call hands them over and waits, completions come out.
//!
//! The kernel does the work that completions need only when it is called, and says in the ring's flags that there is
//! some: so a ring that is [quiet](Ring::is_quiet) need not be asked.
//!
//! # Invariants
//! - R1 No entry but a send points to memory that the kernel looks at after the call that handed it over; a send's memory
//!   is seen to by whoever calls [`Ring::send`].
//! - R2 The moment of an alarm is read in the call that hands its entry over. Until then it lies in `moments`, which does
//!   not move.
//! - R3 The ring is used by the process and the thread that opened it; see `fate_unix::Mark`.
//! - R4 Whoever pushes an entry has seen that there is room.
//!
//! # Cost
//! One system call for all that was pushed and for the wait.

#![allow(unsafe_code, reason = "the ring is memory shared with the kernel, which is told addresses and numbers")]

use crate::cargo::Cargo;
use crate::token::Token;
use fate_core::Clock;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{BufRingEntry, CancelBuilder, Fd, SubmitArgs, TimeoutFlags, Timespec};
use io_uring::{EnterFlags, IoUring, Probe, cqueue, opcode};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// How many entries can be handed over in one call. If there are more, it is called more often.
const ENTRIES: u32 = 256;

/// How many completions fit. More than that wait in the kernel, at some cost.
const COMPLETIONS: u32 = 2048;

/// The one group of buffers.
const GROUP: u16 = 0;

/// A send that blocks nobody and raises no signal.
const SENDING: u32 = SendFlags::NOSIGNAL.bits();

/// A send that is over when the call returns, and counts as failed unless everything was sent. `WAITALL` has the same
/// number for receiving and for sending.
const SENDING_NOW: u32 = SENDING | SendFlags::DONTWAIT.bits() | RecvFlags::WAITALL.bits();

/// The kernel's ring.
pub(crate) struct Ring {
    ring: IoUring,
    moments: Box<[Timespec; 2]>,
    round: u32,
}

/// What the kernel tells of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Of which.
    pub token: Token,
    result: i32,
    flags: u32,
}

impl Told {
    /// Whether more will be told of the operation.
    #[inline]
    pub fn has_more(&self) -> bool {
        cqueue::more(self.flags)
    }

    /// The buffer that the kernel took for it.
    #[inline]
    pub fn buffer(&self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }

    /// How it went.
    #[inline]
    pub fn outcome(&self) -> Result<u32, Errno> {
        u32::try_from(self.result).map_err(|_| Errno::from_raw_os_error(-self.result))
    }
}

/// How a send is to be told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// Not at all if everything was sent; it is over when the call returns.
    Quiet,
    /// In any case, when something was sent.
    Aloud,
}

impl Ring {
    /// Asks the kernel for one: of the kind where nothing happens behind the caller's back or, if it does not know that,
    /// of the kind where as little does as is possible.
    pub fn open() -> io::Result<Ring> {
        let ring = match Ring::build(true) {
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ring::build(false)?,
            outcome => outcome?,
        };
        Ok(Ring { ring, moments: Box::default(), round: 0 })
    }

    fn build(is_deferred: bool) -> io::Result<IoUring> {
        let mut builder = IoUring::builder();
        builder.setup_clamp().setup_cqsize(COMPLETIONS).setup_submit_all().setup_taskrun_flag();
        match is_deferred {
            true => builder.setup_single_issuer().setup_defer_taskrun(),
            false => builder.setup_coop_taskrun(),
        };
        builder.build(ENTRIES)
    }

    /// Whether the kernel knows all that is asked of it here.
    pub fn check(&self) -> io::Result<()> {
        let parameters = self.ring.params();
        let has_features = parameters.is_feature_ext_arg()
            && parameters.is_feature_nodrop()
            && parameters.is_feature_submit_stable()
            && parameters.is_feature_skip_cqe_on_success();
        let mut probe = Probe::new();
        self.ring.submitter().register_probe(&mut probe)?;
        let operations = [
            opcode::PollAdd::CODE,
            opcode::AcceptMulti::CODE,
            opcode::RecvMulti::CODE,
            opcode::Send::CODE,
            opcode::SendMsg::CODE,
            opcode::Close::CODE,
            opcode::AsyncCancel::CODE,
            opcode::Timeout::CODE,
            opcode::TimeoutUpdate::CODE,
        ];
        let has_operations = operations.into_iter().all(|code| probe.is_supported(code));
        if has_features && has_operations { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// Registers a ring of buffers, of which there are `entries` at `address`.
    ///
    /// # Safety
    /// The memory there, and what its entries point to, is the kernel's to use until this is dropped and nothing that
    /// receives is under way.
    pub unsafe fn register(&self, address: *mut BufRingEntry, entries: u16) -> io::Result<()> {
        // SAFETY: what is asked of the caller.
        unsafe { self.ring.submitter().register_buf_ring_with_flags(address as u64, entries, GROUP, 0) }
    }

    /// Whether so many entries can be pushed before the kernel is called.
    #[inline]
    pub fn has_room(&mut self, entries: usize) -> bool {
        let queue = self.ring.submission();
        queue.capacity() - queue.len() >= entries
    }

    /// Which call to the kernel the next one is.
    #[inline]
    pub fn round(&self) -> u32 {
        self.round
    }

    #[inline]
    fn push(&mut self, entry: Entry, token: Token) {
        // SAFETY: R1.
        let outcome = unsafe { self.ring.submission().push(&entry.user_data(token.0)) };
        outcome.expect("there is room (R4)");
    }

    /// As [`Ring::push`], for what is told only if it fails.
    #[inline]
    fn push_silent(&mut self, entry: Entry) {
        self.push(entry.flags(Flags::SKIP_SUCCESS), Token::SILENT);
    }

    /// Has it told once when a descriptor is ready.
    pub fn watch(&mut self, token: Token, descriptor: RawFd, readiness: PollFlags) {
        let entry = opcode::PollAdd::new(Fd(descriptor), u32::from(readiness.bits()));
        self.push(entry.build(), token);
    }

    /// Has it told again and again that something was written to a descriptor.
    pub fn listen(&mut self, token: Token, descriptor: BorrowedFd<'_>) {
        let entry = opcode::PollAdd::new(Fd(descriptor.as_raw_fd()), u32::from(PollFlags::IN.bits()));
        self.push(entry.multi(true).build(), token);
    }

    /// Has connections accepted again and again.
    pub fn accept(&mut self, token: Token, listener: RawFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let entry = opcode::AcceptMulti::new(Fd(listener)).flags(flags.bits() as i32);
        self.push(entry.build(), token);
    }

    /// Has bytes received again and again, into the registered buffers.
    #[inline]
    pub fn receive(&mut self, token: Token, socket: RawFd) {
        self.push(opcode::RecvMulti::new(Fd(socket), GROUP).build(), token);
    }

    /// Has `cargo` sent.
    ///
    /// # Safety
    /// What `cargo` points to stays where it is, unchanged, until the completion was told or, if it is sent quietly, a
    /// call that handed over everything has returned and no completion was told.
    #[inline]
    pub unsafe fn send(&mut self, token: Token, socket: RawFd, cargo: &Cargo, manner: Manner) {
        let flags = if manner == Manner::Quiet { SENDING_NOW } else { SENDING };
        let entry = match cargo.message() {
            None => {
                let bytes = cargo.bytes();
                opcode::Send::new(Fd(socket), bytes.as_ptr(), bytes.len() as u32).flags(flags as i32).build()
            }
            Some(message) => opcode::SendMsg::new(Fd(socket), message.cast()).flags(flags).build(),
        };
        match manner {
            Manner::Quiet => self.push(entry.flags(Flags::SKIP_SUCCESS), token),
            Manner::Aloud => self.push(entry, token),
        }
    }

    /// Closes a descriptor.
    pub fn close(&mut self, descriptor: RawFd) {
        self.push_silent(opcode::Close::new(Fd(descriptor)).build());
    }

    /// Ends an operation, which is told as its last completion.
    pub fn cancel(&mut self, token: Token) {
        self.push_silent(opcode::AsyncCancel::new(token.0).build());
    }

    /// Ends all operations.
    pub fn cancel_everything(&mut self) {
        self.push_silent(opcode::AsyncCancel2::new(CancelBuilder::any().all()).build());
    }

    /// Has it told when so much time has passed on boot time, or when wall time is so late.
    pub fn set_alarm(&mut self, token: Token, clock: Clock, time: Duration) {
        let flags = alarm_flags(clock, TimeoutFlags::BOOTTIME, TimeoutFlags::ABS | TimeoutFlags::REALTIME);
        let moment = self.write_moment(clock, time);
        self.push(opcode::Timeout::new(moment).flags(flags).build(), token);
    }

    /// Sets an alarm that was set already for another time.
    pub fn move_alarm(&mut self, token: Token, clock: Clock, time: Duration) {
        let flags = alarm_flags(clock, TimeoutFlags::empty(), TimeoutFlags::ABS);
        let moment = self.write_moment(clock, time);
        self.push_silent(opcode::TimeoutUpdate::new(token.0, moment).flags(flags).build());
    }

    /// R2.
    fn write_moment(&mut self, clock: Clock, time: Duration) -> *const Timespec {
        let moment = &mut self.moments[usize::from(clock == Clock::Wall)];
        *moment = time.into();
        moment
    }

    /// Hands over what was pushed, and waits until at least so many completions are there, but no longer than `patience`
    /// (`None` is without end). May also return for less.
    ///
    /// # Errors
    /// The kernel refused the call itself.
    #[inline]
    pub fn enter(&mut self, least: usize, patience: Option<Duration>) -> io::Result<()> {
        let entries = self.ring.submission().len() as u32;
        let flags = EnterFlags::GETEVENTS | EnterFlags::EXT_ARG;
        let patience = patience.map(Timespec::from);
        let mut arguments = SubmitArgs::new();
        if let Some(patience) = &patience {
            arguments = arguments.timespec(patience);
        }
        self.round = self.round.wrapping_add(1);
        let submitter = self.ring.submitter();
        // SAFETY: the arguments are what the flags say, and outlive the call.
        match unsafe { submitter.enter(entries, least as u32, flags.bits(), Some(&arguments)) } {
            Err(error) if is_passing(&error) => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Takes what has completed.
    #[inline]
    pub fn completions(&mut self) -> impl Iterator<Item = Told> {
        self.ring.completion().map(|entry| Told {
            token: Token(entry.user_data()),
            result: entry.result(),
            flags: entry.flags(),
        })
    }

    /// Whether everything that was pushed has been handed over, and nothing is to be told that does not fit.
    #[inline]
    pub fn is_through(&mut self) -> bool {
        let queue = self.ring.submission();
        queue.is_empty() && !queue.cq_overflow()
    }

    /// Whether the kernel has nothing to be handed and nothing to tell.
    #[inline]
    pub fn is_quiet(&mut self) -> bool {
        self.is_through() && !self.ring.submission().taskrun() && self.ring.completion().is_empty()
    }

    /// Has an eventfd written to when there is something to be told, or to be done so that it can be told.
    pub fn register_light(&self, light: BorrowedFd<'_>) -> io::Result<()> {
        self.ring.submitter().register_eventfd(light.as_raw_fd())
    }

    /// The opposite of [`Ring::register_light`].
    pub fn unregister_light(&self) -> io::Result<()> {
        self.ring.submitter().unregister_eventfd()
    }
}

fn alarm_flags(clock: Clock, boot: TimeoutFlags, wall: TimeoutFlags) -> TimeoutFlags {
    if clock == Clock::Wall { wall } else { boot }
}

/// The time is over, a signal came, or the kernel wants to be rid of completions first: it need only be called again.
fn is_passing(error: &io::Error) -> bool {
    let passing = [Errno::TIME, Errno::INTR, Errno::AGAIN, Errno::BUSY];
    passing.iter().any(|passing| error.raw_os_error() == Some(passing.raw_os_error()))
}
