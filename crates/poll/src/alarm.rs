//! Waits on the clocks that the poller does not know: boot time and wall time.
//!
//! Both ways offer the same two calls: `limit` prepares a wait and says when it must end on the monotonic clock;
//! `hear` is called when the poller told of [`Token::ALARM`](crate::token::Token::ALARM).
//!
//! # Platforms
//! - Linux and Android: a timer of the kernel for each clock, so a suspend or a step of the clock is followed at once.
//! - Elsewhere: the difference, waited for on the monotonic clock. A wait that began before a suspend, or before the
//!   clock was set forward, ends late by as much. It never ends early.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod timerfd;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use timerfd::Alarms;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod difference;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use difference::Alarms;
