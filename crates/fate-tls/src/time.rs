//! What time it is for rustls: that of the Fate whose connection is being served.
//!
//! A configuration of rustls is shared between threads and asks a clock of its own; a Fate belongs to one thread and has its own
//! wall clock, which may be a simulated one. So the moment is left on the thread for as long as rustls is called, and found
//! there by the clock of the configuration.

use fate::{Fate, Instant};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

/// An older reading than this is not used.
const FRESH: Duration = Duration::from_secs(1);

thread_local! {
    static NOW: Cell<Option<UnixTime>> = const { Cell::new(None) };
}

/// The clock of every configuration.
#[derive(Debug)]
pub(crate) struct FateTime;

impl TimeProvider for FateTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(NOW.get().unwrap_or_else(UnixTime::now))
    }
}

/// What time it was when a Fate was last asked.
#[derive(Default)]
pub(crate) struct LastTime(Option<(UnixTime, Instant)>);

impl LastTime {
    /// For as long as what this gives is kept, rustls is called at the present time of the Fate.
    pub fn exactly(&mut self, fate: &Fate) -> Moment {
        self.0 = None;
        self.about(fate)
    }

    /// The same where a second does not matter: a system is not asked for the time at every message.
    pub fn about(&mut self, fate: &Fate) -> Moment {
        let now = fate.now();
        let known = self.0.filter(|(_, since)| now.duration_since(*since) < FRESH);
        let (time, _) = *self.0.insert(known.unwrap_or_else(|| (wall_time(fate), now)));
        Moment { former: NOW.replace(Some(time)) }
    }
}

/// A time on the thread. What was there before is there again when this goes.
#[must_use]
pub(crate) struct Moment {
    former: Option<UnixTime>,
}

impl Drop for Moment {
    fn drop(&mut self) {
        NOW.set(self.former);
    }
}

fn wall_time(fate: &Fate) -> UnixTime {
    UnixTime::since_unix_epoch(fate.wall_time().duration_since(UNIX_EPOCH).unwrap_or_default())
}
