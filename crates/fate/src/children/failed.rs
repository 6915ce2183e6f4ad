//! Why there is no child, or no output of one.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program could not be started.
///
/// ```
/// use fate::{Fate, SpawnFailed};
/// use std::process::Command;
///
/// let fate = Fate::new()?;
/// fate.output(Command::new("no-such-program")).add_callback(drop).add_errback(|failure| {
///     assert!(failure.check::<SpawnFailed>().unwrap().is_missing());
///     assert_eq!(failure.to_string(), "could not start no-such-program");
/// });
/// fate.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Debug)]
pub struct SpawnFailed {
    program: OsString,
    bad_directory: Option<PathBuf>,
    error: io::Error,
}

impl SpawnFailed {
    pub(super) fn new(program: OsString, directory: Option<PathBuf>, error: io::Error) -> SpawnFailed {
        let is_suspect = matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory
        );
        let bad_directory = directory.filter(|directory| is_suspect && !can_be_entered(directory));
        SpawnFailed { program, bad_directory, error }
    }

    /// Whether there is no such program.
    pub fn is_missing(&self) -> bool {
        self.error.kind() == io::ErrorKind::NotFound && self.bad_directory.is_none()
    }

    /// Whether there is one that may not be started.
    pub fn is_not_permitted(&self) -> bool {
        self.error.kind() == io::ErrorKind::PermissionDenied && self.bad_directory.is_none()
    }

    /// Whether the directory that it was to be started in is none, or cannot be entered.
    pub fn is_bad_directory(&self) -> bool {
        self.bad_directory.is_some()
    }

    /// Whether the file is no program (ENOEXEC). With a terminal or descriptors of its own a child is started in another way, in which
    /// some systems hand such a file to a shell instead.
    pub fn is_no_program(&self) -> bool {
        const ENOEXEC: i32 = 8;
        self.error.raw_os_error() == Some(ENOEXEC)
    }

    /// What the system said.
    pub fn error(&self) -> &io::Error {
        &self.error
    }
}

/// The program is started in it only if it is a directory that may be entered; the system does not say which of the two
/// it missed.
fn can_be_entered(directory: &Path) -> bool {
    directory.join(".").metadata().is_ok_and(|found| found.is_dir())
}

impl fmt::Display for SpawnFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not start {}", self.program.to_string_lossy())?;
        match &self.bad_directory {
            Some(directory) => write!(f, " in {}", directory.display()),
            None => Ok(()),
        }
    }
}

impl Error for SpawnFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// What is to be said of a command if it cannot be started: the command itself is gone by then.
pub(super) fn name_of(command: &Command) -> (OsString, Option<PathBuf>) {
    (command.get_program().to_owned(), command.get_current_dir().map(Path::to_owned))
}

/// A command printed more than was to be kept, and was killed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputTooLong {
    pub(super) kept: Vec<u8>,
}

impl OutputTooLong {
    /// How it began: as many bytes as were to be kept.
    pub fn into_beginning(self) -> Vec<u8> {
        self.kept
    }
}

impl fmt::Display for OutputTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "printed more than {} bytes", self.kept.len())
    }
}

impl Error for OutputTooLong {}
