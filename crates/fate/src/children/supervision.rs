//! What happens to a command that is supervised.

use crate::SpawnFailed;
use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

/// What happened to a supervised command, told as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Supervision {
    /// It was started.
    Started {
        /// The number of its process.
        id: u32,
    },
    /// It could not be started.
    NotStarted(SpawnFailed),
    /// It has ended.
    Ended {
        /// The number of its process.
        id: u32,
        /// How it ended.
        status: ExitStatus,
        /// How long it ran.
        after: Duration,
    },
    /// It has ended, and nobody can say how: somebody else in this program has reaped it.
    Lost {
        /// The number of its process.
        id: u32,
    },
    /// It will be started again after this delay.
    Waiting(Duration),
    /// It was asked to end in vain, and is killed.
    Killed {
        /// The number of its process.
        id: u32,
    },
    /// It is supervised no more: it was stopped, or will not be started again.
    Over,
}

/// `started (process 12)`, `ended after 3.2s: exit status: 1`, …
impl fmt::Display for Supervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Supervision::Started { id } => write!(f, "started (process {id})"),
            Supervision::NotStarted(failed) => write!(f, "{failed}: {}", failed.error()),
            Supervision::Ended { status, after, .. } => write!(f, "ended after {after:.1?}: {status}"),
            Supervision::Lost { id } => write!(f, "ended, nobody knows how (process {id})"),
            Supervision::Waiting(delay) => write!(f, "starts again in {delay:.1?}"),
            Supervision::Killed { id } => write!(f, "does not end, killed (process {id})"),
            Supervision::Over => f.write_str("over"),
        }
    }
}
