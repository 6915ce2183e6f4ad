//! Ends waits at their deadlines, on three clocks.
//!
//! Both ways offer the same calls: `set` prepares a wait and says how patient the poller may be; `hear` is called with
//! the token of whatever the poller tells.
//!
//! # Platforms
//! - Linux and Android: a timer of the kernel for each clock, so a suspend or a step of the clock is followed at once.
//! - Elsewhere: the poller's own deadline, and for boot and wall time the difference, waited for on the monotonic clock. A
//!   wait that began before a suspend, or before the clock was set forward, ends late by as much. It never ends early.

#[cfg(all(any(target_os = "linux", target_os = "android"), not(fate_portable)))]
mod timerfd;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(fate_portable)))]
pub(crate) use timerfd::Alarms;

#[cfg(any(not(any(target_os = "linux", target_os = "android")), fate_portable))]
mod difference;
#[cfg(any(not(any(target_os = "linux", target_os = "android")), fate_portable))]
pub(crate) use difference::Alarms;
