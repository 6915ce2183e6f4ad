//! What a host loop looks at that sleeps in this driver's stead: a descriptor that is readable when there is something to
//! do here.
//!
//! The ring's own descriptor would not do. It is readable when there is something to be told; but a ring whose work is done
//! only when it is called gives no sign of it to somebody who sleeps already. To an eventfd that is registered with it, it
//! does.
//!
//! If the sign is to be given while another eventfd is written to, because that is watched, the kernel puts it off for some
//! milliseconds; and some kernels (6.18 is one) never do so a second time for the same registration. So there is a new
//! registration for each sleep; and the bell, which is an eventfd, lights the beacon itself.
//!
//! # Invariants
//! - E1 When an exchange has returned, the beacon is lit if the ring is not quiet. The kernel raises the ring's flag before
//!   it lights the beacon; so whoever has put it out, and registered it anew, sees the flag of what went before, and
//!   anything after that lights it.
//!
//! # Cost
//! Three small system calls an exchange, for guests alone.

use crate::ring::Ring;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{read, write};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// A light for those outside.
#[derive(Clone)]
pub(crate) struct Beacon(Arc<OwnedFd>);

impl Beacon {
    /// A beacon for this ring.
    ///
    /// # Errors
    /// The kernel refused to make it.
    pub fn new(ring: &mut Ring) -> io::Result<Beacon> {
        let beacon = Beacon(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?));
        ring.register_light(beacon.0.as_fd())?;
        if !ring.is_quiet() {
            beacon.light();
        }
        Ok(beacon)
    }

    /// What is readable while the beacon is lit.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Puts the beacon out, so that it shows what comes from here on.
    ///
    /// # Errors
    /// The kernel refused to register it anew.
    pub fn put_out(&self, ring: &Ring) -> io::Result<()> {
        // If it is not lit there is nothing to read.
        let _ = read(&self.0, &mut [0; 8]);
        ring.unregister_light()?;
        ring.register_light(self.0.as_fd())
    }

    /// Lights the beacon.
    pub fn light(&self) {
        // It can only fail if it is lit already.
        let _ = write(&self.0, &1_u64.to_ne_bytes());
    }
}
