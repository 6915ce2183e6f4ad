//! The streams that this program was born with: what it reads, where it writes, where it complains.
//!
//! Each may be a terminal, a pipe, a socket or a file, and may be shared with other programs, such as the shell. None is
//! ever left in non-blocking mode: a stream here is a way of its own to the same thing.
//!
//! - `mod`: the streams; `lines`: input, line by line.

mod lines;

pub use lines::InputLines;

use crate::net::connection::Title;
use crate::net::{PipeReader, PipeWriter};
use crate::{Fate, Place};
use fate_core::{Socket, Standard};
use std::io;
use std::panic::Location;

impl Fate {
    /// Standard input. Dropping it stops the reading; the original is as it was.
    ///
    /// What is read here is not there any more for [`std::io::stdin`], and what that has read ahead is not here.
    ///
    /// # Errors
    /// What the system says: `EBADF` if the program has no standard input.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.type_line("here", "off with her head");
    /// sim.end_input("here");
    /// fate.clone().spawn(async move {
    ///     let input = fate.stdin()?;
    ///     assert_eq!(input.read_line(80).await?.as_deref(), Some("off with her head"));
    ///     assert_eq!(input.read_line(80).await?, None);
    ///     fate::Ok(())
    /// });
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn stdin(&self) -> io::Result<PipeReader> {
        let end = self.open_standard(Standard::Input)?;
        Ok(PipeReader::new(self, end, Title::of("standard input"), Location::caller()))
    }

    /// Standard output. Dropping it closes nothing but this way to it.
    ///
    /// `println!` writes at once, and waits if nobody takes it; what is written here leaves at the end of the turn, and waits
    /// without holding anything up. Whoever uses both has lines in the order in which they left.
    ///
    /// # Errors
    /// What the system says: `EBADF` if the program has no standard output.
    #[track_caller]
    pub fn stdout(&self) -> io::Result<PipeWriter> {
        self.open_writer(Standard::Output, "standard output", Location::caller())
    }

    /// Standard error. All else is as in [`Fate::stdout`].
    ///
    /// # Errors
    /// As [`Fate::stdout`].
    #[track_caller]
    pub fn stderr(&self) -> io::Result<PipeWriter> {
        self.open_writer(Standard::Error, "standard error", Location::caller())
    }

    fn open_writer(&self, standard: Standard, title: &'static str, place: Place) -> io::Result<PipeWriter> {
        Ok(PipeWriter::new(self, self.open_standard(standard)?, Title::of(title), place))
    }

    fn open_standard(&self, standard: Standard) -> io::Result<Socket> {
        self.reactor().system().open_standard(standard)
    }
}
