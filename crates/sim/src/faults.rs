//! Faults: what a script does to links and hosts.

use crate::connection::{Connection, Spot, Standing};
use crate::history::Happening;
use crate::links::{Link, LinkNumber};
use crate::world::{HostNumber, State, World};
use fate_core::Key;
use std::ops::Range;
use std::time::Duration;

impl World {
    /// What lies between two hosts, or between a host and itself.
    pub fn link(&self, one: HostNumber, other: HostNumber) -> LinkNumber {
        self.with(|state| state.link(one, other))
    }

    /// How long everything takes on a link from now on: chance draws from the range each time.
    pub fn set_latency(&self, link: LinkNumber, range: &Range<Duration>) {
        self.with_link(link, |link| link.latency = nanos(range.start)..nanos(range.end));
    }

    /// How likely it is from now on that something is lost on a link.
    pub fn set_loss(&self, link: LinkNumber, probability: f64) {
        self.with_link(link, |link| link.loss = probability);
    }

    /// How likely it is from now on that a packet arrives twice.
    pub fn set_duplicate(&self, link: LinkNumber, probability: f64) {
        self.with_link(link, |link| link.duplicate = probability);
    }

    /// How many bytes pass a link in a second from now on, in each direction; 0 is no limit.
    pub fn set_bandwidth(&self, link: LinkNumber, bytes_per_second: u64) {
        self.with_link(link, |link| link.bandwidth = bytes_per_second);
    }

    /// Nothing passes a link from now on; what is on its way is lost.
    pub fn part(&self, link: LinkNumber) {
        self.with(|state| {
            let [one, other] = state.links.get(link).hosts;
            if !std::mem::replace(&mut state.links.get_mut(link).is_parted, true) {
                state.note_link(one, Happening::Parted, other);
                state.disturb(|connection| connection.link == Some(link));
            }
        });
    }

    /// Everything passes a link again.
    pub fn heal(&self, link: LinkNumber) {
        self.with(|state| {
            let [one, other] = state.links.get(link).hosts;
            if std::mem::replace(&mut state.links.get_mut(link).is_parted, false) {
                state.note_link(one, Happening::Healed, other);
            }
        });
    }

    /// Whether nothing passes a link.
    pub fn is_parted(&self, link: LinkNumber) -> bool {
        self.with(|state| state.links.get(link).is_parted)
    }

    /// Every connection over a link is reset, at both ends.
    pub fn reset(&self, link: LinkNumber) {
        self.with(|state| {
            for connection in state.connections_that(|connection| connection.link == Some(link)) {
                for side in [0, 1] {
                    state.be_reset(Spot { connection, side });
                }
            }
        });
    }

    /// A host loses everything but its files, without a word to anybody, and is down until it is started again.
    pub fn crash(&self, host: HostNumber) {
        self.with(|state| {
            state.note(host, Happening::Crashed, 0, 0);
            for connection in state.connections_that(|connection| connection.is_on(host)) {
                state.lose_ends(connection, host);
            }
            state.discard_conduits(host);
            state.host(host).crash();
            state.disturb(|connection| connection.is_on(host));
        });
    }

    /// The program of a host ends at once, as when it is killed: its system closes what the program had open, and whoever is
    /// at the other end of a connection is told. Until the program is started again nobody answers there.
    pub fn end_program(&self, host: HostNumber) {
        self.with(|state| {
            let open: Vec<_> = state.host(host).table.descriptors().collect();
            open.into_iter().for_each(|descriptor| state.close(host, descriptor, false));
            state.discard_conduits(host);
            state.host(host).end_program();
        });
    }

    /// Limits the descriptors of a host from now on, as `ulimit -n` does: none is as high as this.
    pub fn set_descriptors(&self, host: HostNumber, limit: usize) {
        self.with_host(host, |host| host.set_descriptors(limit));
    }

    fn with_link(&self, link: LinkNumber, act: impl FnOnce(&mut Link)) {
        self.with(|state| act(state.links.get_mut(link)));
    }
}

impl State {
    /// The keys of some connections.
    fn connections_that(&self, which: impl Fn(&Connection) -> bool) -> Vec<Key> {
        let found = self.connections.iter().filter(|(_, connection)| which(connection));
        found.map(|(key, _)| key).collect()
    }

    /// Something has come between the ends of some connections: those that wait for the other end try again from now on.
    pub(crate) fn disturb(&mut self, which: impl Fn(&Connection) -> bool) {
        for connection in self.connections_that(which) {
            for side in [0, 1] {
                self.retry_later(Spot { connection, side });
                self.watch_silence(Spot { connection, side });
            }
        }
    }

    /// The ends of a connection that are on a host are there no more.
    fn lose_ends(&mut self, connection: Key, host: HostNumber) {
        for side in [0, 1] {
            let Some(there) = self.connections.get_key_mut(connection) else { return };
            let end = &mut there.ends[side];
            if end.host == host && end.standing != Standing::Absent {
                (end.socket, end.listener) = (None, None);
                there.pipes[side].cut();
                self.vanish(Spot { connection, side });
            }
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
