//! What a command prints: all of it, up to a bound, and how it ended.

use super::keeping::Keeper;
use super::options::OutputOptions;
use crate::net::connection::Connection;
use crate::net::{PipeReader, PipeWriter, TerminalStream};
use crate::{Deferred, Fate, Protocol, Transport};
use bytes::Bytes;
use std::future::poll_fn;
use std::panic::Location;
use std::process::{Command, Output};
use std::rc::{Rc, Weak};
use std::task::Poll;

impl Fate {
    /// Runs a command to its end, and gives how it ended and what it printed. It reads nothing.
    ///
    /// It is over once the command has ended and both its outputs are closed: if it leaves somebody behind who holds them
    /// open, [`Deferred::add_timeout`] sets an end to that, or [`Fate::spawn_child`] tells the two apart.
    ///
    /// # Errors
    /// [`SpawnFailed`](crate::SpawnFailed) if it cannot be started; [`OutputTooLong`](crate::OutputTooLong) if it printed more
    /// than 64 MiB to one of its outputs, for which it was killed. That a command fails is no failure: see
    /// [`Output::status`].
    ///
    /// # Cancellation
    /// Kills the command.
    ///
    /// ```
    /// use fate::Fate;
    /// use std::process::Command;
    ///
    /// let fate = Fate::new()?;
    /// let mut command = Command::new("sh");
    /// command.args(["-c", "echo tea; echo no spoon >&2; exit 3"]);
    /// fate.output(command).add_callback(|output| {
    ///     assert_eq!(output.status.code(), Some(3));
    ///     assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"tea\n"[..], &b"no spoon\n"[..]));
    /// });
    /// fate.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn output(&self, command: Command) -> Deferred<Output> {
        self.output_with(command, OutputOptions::default())
    }

    /// As [`Fate::output`], with something to read, or another bound.
    #[track_caller]
    pub fn output_with(&self, command: Command, options: OutputOptions) -> Deferred<Output> {
        let place = Location::caller();
        let mut child = match self.start_child(command, options.wiring(), place) {
            Ok(child) => child,
            Err(error) => return self.fail(error),
        };
        let (promise, output) = self.deferred_of(place);
        let keeper = Keeper::new(child.running(), options.limit, promise);
        if let (Some(stdin), Some(input)) = (child.take_stdin(), options.input) {
            keeper.feed_by(feed(stdin, input).connection());
        }
        let outputs = [child.take_stdout(), child.take_stderr()];
        for (which, output) in outputs.into_iter().enumerate() {
            output.into_iter().for_each(|output| keeper.keep(which, output));
        }
        drop(child.exited().add_both(move |ended| keeper.ended(ended)));
        output
    }
}

/// Writes all of it, and closes. A command that does not want to read everything is not at fault.
fn feed(stdin: PipeWriter, input: Bytes) -> Transport {
    let transport = stdin.drive(Feeding);
    transport.write_bytes(input);
    transport.lose_connection();
    transport
}

/// Nothing comes back.
struct Feeding;

impl Protocol for Feeding {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// The ends of a child's outputs, whoever has taken them.
pub(super) struct Outlets([Option<Weak<Connection>>; 2]);

impl Outlets {
    pub fn new(stdout: Option<&PipeReader>, stderr: Option<&PipeReader>, terminal: Option<&TerminalStream>) -> Outlets {
        let pipe = |pipe: Option<&PipeReader>| pipe.map(|pipe| Rc::downgrade(pipe.connection()));
        let terminal = terminal.map(|terminal| Rc::downgrade(terminal.connection()));
        Outlets([pipe(stdout).or(terminal), pipe(stderr)])
    }

    /// Fires once nobody writes to any of them any more.
    #[track_caller]
    pub fn closed(&self, fate: &Fate) -> Deferred<()> {
        let outlets = self.0.clone();
        fate.spawn(async move {
            for outlet in outlets.into_iter().flatten() {
                poll_fn(|context| {
                    let outlet = outlet.upgrade();
                    match outlet.and_then(|outlet| outlet.reactor().map(|reactor| (outlet, reactor))) {
                        Some((outlet, reactor)) => outlet.poll_peer_closed(&reactor, context),
                        // It was dropped here.
                        None => Poll::Ready(()),
                    }
                })
                .await;
            }
        })
    }
}
