//! Retries: what an end does whose answer does not come.
//!
//! It tries again after a while, twice as long each time, and gives up when Linux would, with the same error. The timer is
//! set when something is lost, and not before: as long as all goes well none runs.

use crate::arrivals::What;
use crate::connection::{Spot, Standing};
use crate::errno::Errno;
use crate::history::Happening;
use crate::links::Link;
use crate::segments::Segment;
use crate::world::State;

const SECOND: u64 = 1_000_000_000;

/// How long a call waits for its answer before it is made again; then twice as long (Linux: tcp_timeout_init).
pub(crate) const CALL_PATIENCE: u64 = SECOND;

/// How often a call is made again: the last attempt ends after 127 seconds (Linux: tcp_syn_retries).
const CALLS: u32 = 6;

/// How often an answer is given again (Linux: tcp_synack_retries).
const ANSWERS: u32 = 5;

/// How long it takes to find out that nobody has an address (three ARP requests, a second apart).
const SEARCH: u64 = 3 * SECOND;

/// How long a piece waits for its receipt, beyond the time that the way there and back takes (Linux: TCP_RTO_MIN).
const PIECE_PATIENCE: u64 = SECOND / 5;

/// How often a piece is sent again: the connection is given up after 924.6 seconds (Linux: tcp_retries2).
const PIECES: u32 = 15;

/// No try waits longer than this for its answer (Linux: TCP_RTO_MAX).
const MOST_PATIENCE: u64 = 120 * SECOND;

impl State {
    /// An end that waits for an answer will try again when it has waited long enough.
    pub(crate) fn retry_later(&mut self, spot: Spot) {
        let Some(connection) = self.connections.get_key(spot.connection) else { return };
        let end = &connection.ends[spot.side];
        if end.retry.is_set || !connection.is_waiting(spot.side) {
            return;
        }
        let patience = match (end.standing, connection.link) {
            (Standing::Opening, None) => SEARCH,
            (Standing::Open, Some(link)) => piece_patience(self.links.get(link)),
            _ => CALL_PATIENCE,
        };
        let moment = self.truth.saturating_add(waiting_time(patience, end.retry.tries));
        let Some(connection) = self.connection(spot) else { return };
        let number = connection.ends[spot.side].retry.set();
        self.arrivals.push(moment, What::Retry(spot, number));
    }

    /// An end has waited long enough.
    pub(crate) fn retry(&mut self, spot: Spot, number: u32) {
        let Some(connection) = self.connections.get_key(spot.connection) else { return };
        let host = connection.ends[spot.side].host;
        if let Some(wake) = self.hosts[host as usize].asleep_until(self.truth) {
            return self.arrivals.push(wake, What::Retry(spot, number));
        }
        let Some(connection) = self.connection(spot) else { return };
        let (is_waiting, is_nowhere) = (connection.is_waiting(spot.side), connection.link.is_none());
        let end = &mut connection.ends[spot.side];
        if !end.retry.ends_with(number) {
            return;
        }
        if !is_waiting {
            end.retry.stop();
            return self.send_all(spot);
        }
        end.retry.tries += 1;
        match (end.standing, end.retry.tries) {
            (Standing::Opening, _) if is_nowhere => self.give_up(spot, Errno::HOST_UNREACHABLE),
            (Standing::Opening, tries) if tries > CALLS => self.give_up(spot, Errno::TIMED_OUT),
            (Standing::Half, tries) if tries > ANSWERS => self.vanish(spot),
            (Standing::Open, tries) if tries > PIECES => self.give_up(spot, Errno::TIMED_OUT),
            (Standing::Opening, _) => self.call(spot),
            (Standing::Half, _) => self.answer(spot),
            _ => self.send_again(spot),
        }
    }

    /// Sends again what has not arrived as far as an end knows; or asks, if it may not send.
    fn send_again(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        connection.pipes[spot.side].go_back();
        let piece = connection.send(spot.side).unwrap_or_else(|| connection.pipes[spot.side].ask());
        self.post(spot, Segment::Piece(piece));
        self.send_all(spot);
    }

    /// Asks whether the other end is still there.
    pub(crate) fn ask(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let piece = connection.pipes[spot.side].ask();
        self.post(spot, Segment::Piece(piece));
    }

    /// The other end was silent for too long.
    pub(crate) fn give_up(&mut self, spot: Spot, error: Errno) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &connection.ends[spot.side];
        let (host, flow) = (end.host, end.flow);
        self.note(host, Happening::TimedOut, flow, 0);
        self.end_with(spot, error);
    }
}

/// How long a piece waits for its receipt on a link.
pub(crate) fn piece_patience(link: &Link) -> u64 {
    PIECE_PATIENCE.saturating_add(link.latency.end.saturating_mul(2))
}

/// How long to wait for an answer that has not come so often.
pub(crate) fn waiting_time(patience: u64, tries: u32) -> u64 {
    patience.saturating_mul(1 << tries.min(30)).min(MOST_PATIENCE.max(patience))
}
