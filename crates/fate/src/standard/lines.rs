//! Standard input, line by line.

use crate::framing::{FrameProtocol, FrameTransport, Framed, Lines};
use crate::net::connection::Connection;
use crate::{Deferred, Failure, Fate, Outcome, Promise, Reason};
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::{Rc, Weak};

/// A line that is longer is an error.
const LIMIT: usize = 1024 * 1024;

/// The lines of standard input, on their way to a handler: see [`Fate::stdin_lines`]. Dropping it stops nothing.
#[derive(Debug)]
pub struct InputLines {
    way: Way,
    ended: Deferred<()>,
}

/// The way that lines come, as long as they do.
#[derive(Clone, Default)]
struct Way(Weak<Connection>);

impl Fate {
    /// Calls `handler` with each line of standard input, without its end, until there are no more, or it is told to
    /// [stop](InputLines::stop). The last line needs no end. As long as more may come it keeps [`Fate::run`] going.
    ///
    /// # Errors
    /// What cannot be read, a line of more than a MiB and one that is not UTF-8 end the reading; [`InputLines::ended`] tells, or,
    /// if nobody asks, the fault handler. A failure that the handler returns goes to the fault handler, with the line of this
    /// call.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let heard = Rc::new(Cell::new(0));
    /// let count = heard.clone();
    /// fate.stdin_lines(move |fate, line| match line.trim() {
    ///     "quit" => fate.shutdown(),
    ///     _ => count.set(count.get() + 1),
    /// });
    /// sim.run_until(Duration::from_secs(1))?;
    /// sim.type_line("here", "tea");
    /// sim.type_line("here", "quit");
    /// sim.run()?;
    /// assert_eq!(heard.get(), 1);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn stdin_lines<R: Outcome>(&self, handler: impl FnMut(&Fate, String) -> R + 'static) -> InputLines {
        let place = Location::caller();
        let (promise, ended) = self.deferred_of(place);
        let input = match self.stdin() {
            Ok(input) => input,
            Err(error) => {
                promise.errback(Failure::born_at(error, place));
                return InputLines { way: Way::default(), ended };
            }
        };
        let transport = input.drive(Framed::new(Lines::new(LIMIT), Typed { handler, promise: Some(promise) }));
        InputLines { way: Way(Rc::downgrade(transport.connection())), ended }
    }
}

impl InputLines {
    /// Ends it: the handler is dropped, and not called again.
    pub fn stop(&self) {
        self.way.close();
    }

    /// Fires once no more lines will come: at the end of the input, or when it was stopped.
    ///
    /// # Errors
    /// Why the reading ended, if it was not the end.
    ///
    /// # Cancellation
    /// Stops it.
    pub fn ended(self) -> Deferred<()> {
        self.ended
    }
}

impl Way {
    fn close(&self) {
        Connection::abort_if_there(&self.0, Reason::Closed);
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Way(..)")
    }
}

/// A handler of lines, as a protocol.
struct Typed<F> {
    handler: F,
    promise: Option<Promise<()>>,
}

impl<F: FnMut(&Fate, String) -> R + 'static, R: Outcome> Typed<F> {
    fn hear(&mut self, transport: &FrameTransport<'_>, line: &[u8]) {
        match String::from_utf8(line.into()) {
            Ok(line) => drop((self.handler)(transport.fate(), line).conclude(transport.fate())),
            Err(error) => transport.fail(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

impl<F: FnMut(&Fate, String) -> R + 'static, R: Outcome> FrameProtocol for Typed<F> {
    fn connection_made(&mut self, transport: &FrameTransport<'_>) {
        let way = Way(Rc::downgrade(transport.transport().connection()));
        match &self.promise {
            Some(promise) if !promise.is_cancelled() => promise.on_cancel(move |_| way.close()),
            _ => way.close(),
        }
    }

    fn frame_received(&mut self, transport: &FrameTransport<'_>, line: &[u8]) {
        self.hear(transport, line);
    }

    fn eof_received(&mut self, transport: &FrameTransport<'_>, unfinished: &[u8]) {
        if !unfinished.is_empty() {
            self.hear(transport, unfinished);
        }
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &FrameTransport<'_>, reason: Reason) {
        let Some(promise) = self.promise.take() else { return };
        match reason {
            Reason::Lost(error) => promise.errback(error),
            Reason::Failed(failure) => promise.errback(failure),
            _ => promise.callback(()),
        }
    }
}
