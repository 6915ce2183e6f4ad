//! Tells a process from the children that it forks.
//!
//! The kernel objects of a driver are shared with a forked child: what the child asks of them, its parent gets. It must ask
//! nothing. So a driver sets its mark when it has made the first of them, and whoever is about to use them looks at the mark
//! first. As long as it is not set there is nothing to share, and a driver that was made before a fork is the child's as well
//! as the parent's: a daemon may fork twice before it runs. Sockets alone are no reason: to share them is harmless, and what
//! such a daemon wants. What is of one process alone is a reason like a kernel object: its children, its signals.
//!
//! # Cost
//! To look at a mark that is set is to read a byte: in a child the kernel puts a page of zeros in place of a page that was
//! advised so.
//!
//! # Platforms
//! Where the kernel does not know that (Linux does), processes are told from each other by their numbers, at the cost of a
//! system call.

#[cfg(all(any(target_os = "linux", target_os = "android"), not(fate_portable)))]
mod page;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(fate_portable)))]
use page::Page;

#[cfg(any(not(any(target_os = "linux", target_os = "android")), fate_portable))]
mod pageless;
#[cfg(any(not(any(target_os = "linux", target_os = "android")), fate_portable))]
use pageless::Page;

use fate_core::Forked;
use std::io;
use std::process;
use std::sync::OnceLock;

/// Says in which process it was set.
///
/// ```
/// let mark = fate_unix::Mark::default();
/// assert!(!mark.is_foreign());
/// mark.set();
/// assert!(!mark.is_foreign() && mark.check().is_ok()); // in a forked child it is, from here on
/// ```
#[derive(Default)]
pub struct Mark(OnceLock<Made>);

/// How a process is recognised.
enum Made {
    Page(Page),
    Process(u32),
}

impl Made {
    fn new() -> Made {
        Page::new().map_or_else(|_| Made::Process(process::id()), Made::Page)
    }
}

impl Mark {
    /// Marks this process, unless one is marked already.
    pub fn set(&self) {
        self.0.get_or_init(Made::new);
    }

    /// Whether the mark was set, and in another process: one that this was forked from.
    #[inline]
    pub fn is_foreign(&self) -> bool {
        match self.0.get() {
            None => false,
            Some(Made::Page(page)) => page.is_wiped(),
            Some(Made::Process(process)) => *process != process::id(),
        }
    }

    /// The same, as an error.
    ///
    /// # Errors
    /// [`Forked`].
    #[inline]
    pub fn check(&self) -> io::Result<()> {
        if self.is_foreign() { Err(Forked.into()) } else { Ok(()) }
    }
}
