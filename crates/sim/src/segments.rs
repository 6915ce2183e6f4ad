//! Segments: how the two ends of a connection come to know what the other did.
//!
//! ```text
//!   caller ── Call ──────▶              a connection opens: after one way there and one back the caller knows,
//!          ◀────── Answer ── called     after one more the called one
//!          ── Receipt ───▶
//!          ── Piece ─────▶              bytes, and what has arrived of them
//!          ◀───── Receipt ──
//!          ── Reset ─────▶              there is no such connection (any more)
//! ```
//!
//! It is TCP (RFC 9293) as far as a program can tell. What is lost by chance gets through after as many timeouts as it
//! takes, and what follows waits for it. What meets a parted link, or a host that is down or asleep, is lost without a trace.
//!
//! # Cost
//! Two events for a piece, three to open a connection.
//!
//! # Not here
//! What those do who wait in vain for an answer: `retries`, and for a sign of life: `silence`.

use crate::arrivals::What;
use crate::connection::{Connection, Spot, Standing};
use crate::errno::Errno;
use crate::history::Happening;
use crate::links::LinkNumber;
use crate::pipe::{Piece, Receipt};
use crate::retries::{CALL_PATIENCE, piece_patience, waiting_time};
use crate::world::State;

/// What travels between the ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Segment {
    /// Will you talk? With how far the called end may send.
    Call(u64),
    /// Yes. With how far the caller may send.
    Answer(u64),
    /// Bytes, the end of them, or nothing but the wish for a receipt.
    Piece(Piece),
    /// What has arrived.
    Receipt(Receipt),
    /// No such connection.
    Reset,
}

impl Segment {
    fn length(self) -> u32 {
        if let Segment::Piece(piece) = self { piece.length } else { 0 }
    }
}

impl State {
    pub(crate) fn connection(&mut self, spot: Spot) -> Option<&mut Connection> {
        self.connections.get_key_mut(spot.connection)
    }

    /// Sends a segment from an end to the other.
    pub(crate) fn post(&mut self, spot: Spot, segment: Segment) {
        let Some(connection) = self.connections.get_key(spot.connection) else { return };
        let (end, link) = (&connection.ends[spot.side], connection.link);
        let (host, flow) = (end.host, end.flow);
        if segment.length() > 0 {
            self.note(host, Happening::Sent, flow, segment.length());
        }
        let Some(arrival) = link.and_then(|link| self.transit(link, spot, segment)) else {
            return self.lose(spot, segment);
        };
        let Some(connection) = self.connection(spot) else { return };
        let latest = &mut connection.ends[spot.side].latest;
        // Receipts may overtake: the latest knows all.
        let not_before = if let Segment::Receipt(_) = segment { 0 } else { *latest };
        let arrival = arrival.max(not_before);
        *latest = arrival.max(*latest);
        self.arrivals.push(arrival, What::Segment(spot, segment));
    }

    /// When a segment that is sent now arrives; `None` if it never does.
    fn transit(&mut self, link: LinkNumber, spot: Spot, segment: Segment) -> Option<u64> {
        if !self.passes(link) {
            return None;
        }
        let (truth, host) = (self.truth, self.connections.get_key(spot.connection)?.ends[spot.side].host);
        let link = self.links.get_mut(link);
        let patience = match segment {
            Segment::Call(_) | Segment::Answer(_) => CALL_PATIENCE,
            _ => piece_patience(link),
        };
        let losses = if let Segment::Receipt(_) = segment { 0 } else { link.draw_losses()? };
        let late = (0..losses).map(|loss| waiting_time(patience, loss)).fold(0, u64::saturating_add);
        let departure = link.departure(host, segment.length() as usize, truth);
        Some(departure.saturating_add(link.draw_latency()).saturating_add(late))
    }

    /// Whether anything gets through a link at present.
    pub(crate) fn passes(&self, link: LinkNumber) -> bool {
        let link = self.links.get(link);
        !link.is_parted && link.hosts.iter().all(|&host| self.hosts[host as usize].is_awake(self.truth))
    }

    /// A segment does not arrive, and neither end knows. Whoever waits for an answer will try again.
    fn lose(&mut self, spot: Spot, segment: Segment) {
        let Some(connection) = self.connections.get_key(spot.connection) else { return };
        let (host, flow) = (connection.ends[spot.side].host, connection.ends[spot.side].flow);
        self.note(host, Happening::Lost, flow, segment.length());
        if let (Segment::Receipt(_), Some(connection)) = (segment, self.connection(spot)) {
            connection.pipes[1 - spot.side].lose_receipt();
        }
        for spot in [spot, spot.other()] {
            self.retry_later(spot);
            self.watch_silence(spot);
        }
    }

    /// Sends everything that may be sent now.
    pub(crate) fn send_all(&mut self, spot: Spot) {
        while let Some(piece) = self.connection(spot).and_then(|connection| connection.send(spot.side)) {
            self.post(spot, Segment::Piece(piece));
        }
        // While all is well, whoever waits for room will hear of it. If not, it asks.
        let would_answer = self.would_answer(spot);
        if self.connection(spot).is_some_and(|connection| connection.pipes[spot.side].is_waiting_in_vain(would_answer))
        {
            self.retry_later(spot);
        }
    }

    /// Calls the other end.
    pub(crate) fn call(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let edge = connection.receipt(spot.side).edge;
        self.post(spot, Segment::Call(edge));
    }

    /// Answers the other end.
    pub(crate) fn answer(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let edge = connection.receipt(spot.side).edge;
        self.post(spot, Segment::Answer(edge));
    }

    /// Tells the other end what has arrived.
    pub(crate) fn acknowledge(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let receipt = connection.receipt(spot.side);
        self.post(spot, Segment::Receipt(receipt));
    }

    /// A segment arrives at the end opposite to `from`.
    pub(crate) fn arrive(&mut self, from: Spot, segment: Segment) {
        let truth = self.truth;
        let Some(connection) = self.connections.get_key(from.connection) else { return };
        if connection.link.is_none_or(|link| !self.passes(link)) {
            return self.lose(from, segment);
        }
        let spot = from.other();
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        end.heard = truth;
        end.silence.tries = 0;
        let standing = end.standing;
        match segment {
            Segment::Reset => self.be_reset(spot),
            _ if matches!(standing, Standing::Over | Standing::Gone) => self.post(spot, Segment::Reset),
            Segment::Call(edge) => self.be_called(spot, edge),
            Segment::Answer(edge) => self.be_answered(spot, edge),
            Segment::Piece(piece) => self.receive(spot, piece),
            Segment::Receipt(receipt) => self.learn(spot, receipt),
        }
    }

    /// A call has come: from here on it is for whoever listens.
    fn be_called(&mut self, spot: Spot, edge: u64) {
        let Some(connection) = self.connection(spot) else { return };
        if connection.ends[spot.side].standing != Standing::Absent {
            return self.answer(spot);
        }
        match self.find_listener(spot) {
            None => self.post(spot, Segment::Reset),
            // As Linux does: the call is made again, and perhaps there is room by then.
            Some(listening) if !self.has_room_to_wait(spot, listening) => {
                self.lose(spot.other(), Segment::Call(edge));
            }
            Some(listening) => {
                self.begin_waiting(spot, listening);
                let Some(connection) = self.connection(spot) else { return };
                connection.pipes[spot.side].allow(edge);
                self.answer(spot);
            }
        }
    }

    fn be_answered(&mut self, spot: Spot, edge: u64) {
        let Some(connection) = self.connection(spot) else { return };
        let (end, pipe) = (&mut connection.ends[spot.side], &mut connection.pipes[spot.side]);
        if end.standing == Standing::Opening {
            end.standing = Standing::Open;
            end.retry.stop();
            pipe.allow(edge);
            let (host, flow) = (end.host, end.flow);
            self.note(host, Happening::Opened, flow, 0);
            self.stir_end(spot);
        }
        self.acknowledge(spot);
        self.send_all(spot);
        self.watch_silence(spot);
    }

    /// Something has come from the caller: now the called end knows that it was heard.
    fn be_confirmed(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        if end.standing == Standing::Half {
            end.standing = Standing::Open;
            end.retry.stop();
            self.wait_to_be_accepted(spot);
            self.watch_silence(spot);
        }
    }

    fn receive(&mut self, spot: Spot, piece: Piece) {
        self.be_confirmed(spot);
        let Some(connection) = self.connection(spot) else { return };
        let end = &connection.ends[spot.side];
        if !matches!(end.standing, Standing::Open | Standing::Closed) {
            return self.post(spot, Segment::Reset);
        }
        let (host, flow, is_orphan) = (end.host, end.flow, end.is_orphan);
        let (bytes, is_end) = connection.pipes[1 - spot.side].arrive(piece);
        if bytes > 0 {
            self.note(host, Happening::Arrived, flow, bytes);
        }
        if is_end {
            self.note(host, Happening::Ended, flow, 0);
        }
        if bytes > 0 && is_orphan {
            // Nobody will ever read it (RFC 1122, 4.2.2.13).
            self.post(spot, Segment::Reset);
            return self.vanish(spot);
        }
        self.acknowledge(spot);
        if bytes > 0 || is_end {
            self.stir_end(spot);
        }
    }

    fn learn(&mut self, spot: Spot, receipt: Receipt) {
        self.be_confirmed(spot);
        let Some(connection) = self.connection(spot) else { return };
        let (end, pipe) = (&mut connection.ends[spot.side], &mut connection.pipes[spot.side]);
        if end.standing != Standing::Open {
            return;
        }
        pipe.acknowledge(receipt);
        end.retry.tries = 0;
        if end.is_orphan && pipe.is_done() {
            return self.say_goodbye(spot);
        }
        self.stir_end(spot);
        self.send_all(spot);
    }

    /// The other end says that there is no such connection.
    pub(crate) fn be_reset(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let has_ended = connection.pipes[1 - spot.side].is_ended();
        let is_finished = connection.pipes[spot.side].is_finished();
        let end = &connection.ends[spot.side];
        let (host, flow) = (end.host, end.flow);
        let (error, happening) = match end.standing {
            Standing::Opening => (Errno::CONNECTION_REFUSED, Happening::Refused),
            Standing::Half => return self.vanish(spot),
            // Linux: tcp_reset, in CLOSE_WAIT.
            Standing::Open if has_ended && !is_finished => (Errno::BROKEN_PIPE, Happening::Reset),
            Standing::Open => (Errno::CONNECTION_RESET, Happening::Reset),
            _ => return,
        };
        self.note(host, happening, flow, 0);
        self.end_with(spot, error);
    }
}
