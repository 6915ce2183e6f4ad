//! Silence: how a connection with keepalive finds out that nobody is there any more (RFC 1122, 4.2.3.6).
//!
//! The other end is asked when it has been silent for long, and given up when it has not answered often enough. But as long
//! as it is there and nothing is between, it would answer, and all would go on as before: so nothing is asked, no event
//! happens, and a simulation in which nothing else happens comes to its end. The wait begins when something changes that.

use crate::arrivals::What;
use crate::connection::{Spot, Standing};
use crate::errno::Errno;
use crate::world::State;
use std::time::Duration;

impl State {
    /// A connection with keepalive begins to wait for a sign of life, if none would come.
    pub(crate) fn watch_silence(&mut self, spot: Spot) {
        let truth = self.truth;
        if self.would_answer(spot) {
            return;
        }
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        let Some(keep_alive) = end.settings.keep_alive else { return };
        if end.standing == Standing::Open && !end.silence.is_set {
            let moment = truth.max(end.heard.saturating_add(nanos(keep_alive.idle)));
            let number = end.silence.set();
            self.arrivals.push(moment, What::Silence(spot, number));
        }
    }

    /// Whether the other end of a connection is there and can hear and be heard.
    pub(crate) fn would_answer(&self, spot: Spot) -> bool {
        self.connections.get_key(spot.connection).is_some_and(|connection| {
            let peer = connection.ends[1 - spot.side].standing;
            let is_there = matches!(peer, Standing::Half | Standing::Open | Standing::Closed);
            is_there && connection.link.is_some_and(|link| self.passes(link))
        })
    }

    /// A connection was silent for long: the other end is asked, and given up when it has not answered often enough.
    pub(crate) fn break_silence(&mut self, spot: Spot, number: u32) {
        let truth = self.truth;
        let would_answer = self.would_answer(spot);
        let Some(connection) = self.connections.get_key(spot.connection) else { return };
        if let Some(wake) = self.hosts[connection.ends[spot.side].host as usize].asleep_until(truth) {
            return self.arrivals.push(wake, What::Silence(spot, number));
        }
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        let Some(keep_alive) = end.settings.keep_alive else { return };
        if !end.silence.ends_with(number) || end.standing != Standing::Open {
            return;
        }
        if would_answer {
            return end.silence.stop();
        }
        if end.heard.saturating_add(nanos(keep_alive.idle)) > truth {
            return self.watch_silence(spot);
        }
        if end.silence.tries >= keep_alive.probes {
            return self.give_up(spot, Errno::TIMED_OUT);
        }
        end.silence.tries += 1;
        let number = end.silence.set();
        self.ask(spot);
        self.arrivals.push(truth.saturating_add(nanos(keep_alive.interval)), What::Silence(spot, number));
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
