//! Streams: what a program does with a connection, and what becomes of it.

use crate::addresses::{Reach, canonical, reach};
use crate::connection::{Connection, End, Listening, Patience, Spot, Standing};
use crate::errno::{Answer, Errno};
use crate::history::Happening;
use crate::links::LinkNumber;
use crate::segments::Segment;
use crate::sockets::{Role, Settings, Socket};
use crate::world::{HostNumber, State};
use core::net::SocketAddr;
use fate_core::{Address, Direction, Family, Outgoing, SocketKind, UnixName};
use std::os::fd::RawFd;

/// What a connection took of the bytes that it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// There is no room.
    Nothing,
    /// All of them, or as many as there was room for.
    Some,
}

impl State {
    /// Begins to connect. Says whether that is done already.
    pub(crate) fn connect(&mut self, host: HostNumber, descriptor: RawFd, to: &Address) -> Answer<bool> {
        let socket = self.socket(host, descriptor)?;
        if socket.kind == SocketKind::Datagram {
            return self.connect_packets(host, descriptor, to).map(|()| true);
        }
        self.check_unconnected(host, descriptor)?;
        match to {
            Address::Inet(to) => self.connect_tcp(host, descriptor, *to).map(|()| false),
            Address::Unix(name) => self.connect_unix(host, descriptor, name).map(|()| true),
        }
    }

    /// What could not be connected may be connected again.
    fn check_unconnected(&mut self, host: HostNumber, descriptor: RawFd) -> Answer {
        let socket = self.socket(host, descriptor)?;
        let Role::Stream(spot) = socket.role else {
            return if socket.is_listening() { Err(Errno::IS_CONNECTED) } else { Ok(()) };
        };
        let end = self.connection(spot).map(|connection| &connection.ends[spot.side]);
        match end {
            Some(end) if end.standing == Standing::Opening => Err(Errno::ALREADY),
            Some(end) if end.standing != Standing::Over || end.was_open => Err(Errno::IS_CONNECTED),
            _ => {
                self.leave(spot, true);
                self.socket(host, descriptor)?.role = Role::Idle;
                Ok(())
            }
        }
    }

    fn connect_tcp(&mut self, host: HostNumber, descriptor: RawFd, to: SocketAddr) -> Answer {
        let socket = self.socket(host, descriptor)?;
        let (family, settings, own) = (socket.family, socket.settings, socket.ip());
        let to = self.reachable(family, settings.only_v6, to)?;
        let hosts = self.hosts.len();
        let (peer, link) = match reach(host, to.ip(), hosts) {
            Reach::Own => (host, Some(self.link(host, host))),
            Reach::Host(peer) => (peer, Some(self.link(host, peer))),
            Reach::Nobody => (host, None),
            Reach::Group | Reach::Everybody | Reach::Nowhere => return Err(Errno::NETWORK_UNREACHABLE),
        };
        if own.is_some_and(|own| own.is_loopback()) && peer != host {
            return Err(Errno::INVALID);
        }
        let from = self.name_for(host, descriptor, to)?;
        self.host(host).ports.occupy(from.port(), settings.reuse_address);
        let mut ends = [
            self.end(host, Address::Inet(from), Address::Inet(to), family, settings),
            self.end(peer, Address::Inet(to), Address::Inet(from), family, Settings::default()),
        ];
        ends[0].standing = Standing::Opening;
        let spot = self.begin_connection(ends, link, descriptor);
        self.call(spot);
        Ok(())
    }

    /// An address as the kernel has it, if a socket of this family can speak to it.
    pub(crate) fn reachable(&self, family: Family, only_v6: bool, to: SocketAddr) -> Answer<SocketAddr> {
        let canonical = canonical(to);
        match family {
            Family::V4 if to.is_ipv4() => Ok(canonical),
            Family::V6 if to.is_ipv6() && (canonical.is_ipv6() || !only_v6) => Ok(canonical),
            Family::V6 if to.is_ipv6() => Err(Errno::NETWORK_UNREACHABLE),
            _ => Err(Errno::FAMILY_NOT_SUPPORTED),
        }
    }

    /// A connection within a host is there at once, waiting to be accepted.
    fn connect_unix(&mut self, host: HostNumber, descriptor: RawFd, name: &UnixName) -> Answer {
        let socket = self.socket(host, descriptor)?;
        if socket.family != Family::Unix {
            return Err(Errno::FAMILY_NOT_SUPPORTED);
        }
        let (settings, own) = (socket.settings, socket.name.clone());
        let listening = self.host(host).names.find(name)?;
        let listener = self.socket(host, listening)?;
        let (serial, inherited, is_stream) = (listener.serial, listener.settings, listener.kind == SocketKind::Stream);
        let queue = listener.queue().ok_or(if is_stream { Errno::CONNECTION_REFUSED } else { Errno::WRONG_KIND })?;
        if queue.is_full() {
            return Err(Errno::WOULD_BLOCK);
        }
        let own = own.unwrap_or(Address::Unix(UnixName::Unnamed));
        let there = Address::Unix(name.clone());
        let mut ends = [
            self.end(host, own.clone(), there.clone(), Family::Unix, settings),
            self.end(host, there, own, Family::Unix, inherited),
        ];
        for end in &mut ends {
            end.standing = Standing::Open;
            end.was_open = true;
        }
        let link = self.link(host, host);
        let spot = self.begin_connection(ends, Some(link), descriptor);
        if let Some(connection) = self.connection(spot) {
            for side in [0, 1] {
                let edge = connection.receipt(side).edge;
                connection.pipes[1 - side].allow(edge);
            }
        }
        self.note_end(spot, Happening::Opened);
        self.wait_in_line(spot.other(), Listening { descriptor: listening, serial });
        Ok(())
    }

    /// An end that has not begun to do anything.
    fn end(&mut self, host: HostNumber, own: Address, peer: Address, family: Family, settings: Settings) -> End {
        let flow = self.history.as_mut().map_or(0, |history| history.flow(&own, &peer));
        End {
            host,
            address: own,
            family,
            standing: Standing::Absent,
            was_open: false,
            socket: None,
            listener: None,
            is_orphan: false,
            is_deaf: false,
            is_first_to_finish: false,
            error: None,
            settings,
            retry: Patience::default(),
            silence: Patience::default(),
            heard: self.truth,
            latest: 0,
            flow,
        }
    }

    /// Makes a connection that a socket begins.
    fn begin_connection(&mut self, ends: [End; 2], link: Option<LinkNumber>, descriptor: RawFd) -> Spot {
        let host = ends[0].host;
        let key = self.connections.insert(Connection::new(ends, link));
        let spot = Spot { connection: key, side: 0 };
        if let Some(connection) = self.connection(spot) {
            connection.ends[0].socket = Some(descriptor);
        }
        if let Ok(socket) = self.socket(host, descriptor) {
            socket.role = Role::Stream(spot);
        }
        self.note_end(spot, Happening::Connects);
        spot
    }

    /// Gives a connection bytes to send, as many as it has room for.
    pub(crate) fn write(&mut self, host: HostNumber, descriptor: RawFd, outgoing: &mut Outgoing) -> Answer<Taken> {
        let socket = self.socket(host, descriptor)?;
        if socket.ends().is_some() {
            return Err(Errno::NO_SOCKET);
        }
        let spot = socket.spot().ok_or(Errno::BROKEN_PIPE)?;
        let connection = self.connection(spot).ok_or(Errno::BROKEN_PIPE)?;
        let is_local = connection.ends[0].family == Family::Unix;
        let is_deserted = is_local && connection.ends[1 - spot.side].is_deserted();
        let (end, pipe) = (&mut connection.ends[spot.side], &mut connection.pipes[spot.side]);
        if let Some(error) = end.error.take() {
            return Err(error);
        }
        if end.standing == Standing::Opening {
            return Ok(Taken::Nothing);
        }
        if end.standing != Standing::Open || pipe.is_finished() || is_deserted {
            return Err(Errno::BROKEN_PIPE);
        }
        let taken = pipe.write(outgoing, end.settings.send_buffer);
        self.send_all(spot);
        Ok(if taken == 0 { Taken::Nothing } else { Taken::Some })
    }

    /// Reads what has arrived: so many bytes, zero at the end, `None` if there is nothing yet.
    pub(crate) fn read(&mut self, host: HostNumber, descriptor: RawFd, buffer: &mut [u8]) -> Answer<Option<usize>> {
        let spot = self.socket(host, descriptor)?.spot().ok_or(Errno::NOT_CONNECTED)?;
        let connection = self.connection(spot).ok_or(Errno::NOT_CONNECTED)?;
        let (end, pipe) = (&mut connection.ends[spot.side], &mut connection.pipes[1 - spot.side]);
        let length = pipe.read(buffer);
        if length > 0 {
            if end.standing == Standing::Open && pipe.is_edge_stale(end.settings.receive_buffer) {
                self.acknowledge(spot);
            }
            return Ok(Some(length));
        }
        match end.error.take() {
            Some(error) => Err(error),
            None => Ok(connection.is_readable(spot.side).then_some(0)),
        }
    }

    /// Ends one direction of a connection.
    pub(crate) fn shut_down(&mut self, host: HostNumber, descriptor: RawFd, direction: Direction) -> Answer {
        let spot = self.socket(host, descriptor)?.spot().ok_or(Errno::NOT_CONNECTED)?;
        let connection = self.connection(spot).ok_or(Errno::NOT_CONNECTED)?;
        let end = &mut connection.ends[spot.side];
        if end.standing != Standing::Open {
            return Err(Errno::NOT_CONNECTED);
        }
        match direction {
            Direction::Read => end.is_deaf = true,
            Direction::Write => self.finish(spot),
        }
        self.stir(host, descriptor);
        Ok(())
    }

    /// Nothing more will be written at an end; the other end will hear of it after everything else.
    fn finish(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        if !connection.pipes[spot.side].is_finished() {
            connection.ends[spot.side].is_first_to_finish = !connection.pipes[1 - spot.side].is_ended();
            connection.pipes[spot.side].finish();
            self.send_all(spot);
        }
    }

    /// A socket was closed, with what it was.
    pub(crate) fn let_go(&mut self, host: HostNumber, descriptor: RawFd, socket: Socket, is_abort: bool) {
        self.forget_name(host, descriptor, &socket);
        match socket.role {
            Role::Idle => {}
            Role::Stream(spot) => self.leave(spot, is_abort),
            Role::Ends(ends) => self.leave_ends(host, descriptor, ends),
            Role::Listening(queue) => queue.waiting.into_iter().for_each(|spot| self.abort(spot)),
            Role::Packets(mailbox) => self.drop_packets(mailbox),
        }
    }

    /// The socket of an end is closed.
    fn leave(&mut self, spot: Spot, is_abort: bool) {
        let Some(connection) = self.connection(spot) else { return };
        let has_unread = connection.pipes[1 - spot.side].readable() > 0;
        let end = &mut connection.ends[spot.side];
        end.socket = None;
        end.is_orphan = true;
        match end.standing {
            Standing::Open if !is_abort && !has_unread => {
                self.note_end(spot, Happening::Shut);
                self.finish(spot);
                if self.connection(spot).is_some_and(|connection| connection.pipes[spot.side].is_done()) {
                    self.say_goodbye(spot);
                }
            }
            Standing::Open => self.abort(spot),
            _ => self.vanish(spot),
        }
    }

    /// Resets a connection from this end.
    fn abort(&mut self, spot: Spot) {
        self.note_end(spot, Happening::Aborted);
        if let Some(connection) = self.connection(spot)
            && connection.ends[spot.side].standing == Standing::Open
        {
            connection.pipes[spot.side].cut();
            self.post(spot, Segment::Reset);
        }
        self.vanish(spot);
    }

    /// An end is over, for this reason; its socket will be told.
    pub(crate) fn end_with(&mut self, spot: Spot, error: Errno) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        end.error = Some(error);
        connection.pipes[spot.side].cut();
        self.stand(spot, Standing::Over);
        self.stir_end(spot);
    }

    /// An end has sent everything and closed: it remembers the connection only to be polite.
    pub(crate) fn say_goodbye(&mut self, spot: Spot) {
        self.stand(spot, Standing::Closed);
    }

    /// An end forgets the connection.
    pub(crate) fn vanish(&mut self, spot: Spot) {
        self.stop_waiting(spot);
        self.stand(spot, Standing::Gone);
    }

    /// An end takes its last stand but one. Its port is free, and when both ends have no use for it any more so is all else.
    fn stand(&mut self, spot: Spot, standing: Standing) {
        let truth = self.truth;
        let Some(connection) = self.connection(spot) else { return };
        let (end, pipe) = (&mut connection.ends[spot.side], &connection.pipes[spot.side]);
        let held = matches!(end.standing, Standing::Opening | Standing::Half | Standing::Open);
        let lingers = standing == Standing::Closed && end.is_first_to_finish && pipe.is_done();
        end.standing = standing;
        end.retry.stop();
        end.silence.stop();
        let (host, may_share) = (end.host, end.settings.reuse_address);
        let port = end.address.inet().map(|address| address.port());
        let is_done = connection.is_done();
        if is_done {
            self.connections.discard(spot.connection.index);
        }
        if let Some(port) = port.filter(|_| held) {
            self.host(host).ports.leave(port, may_share, lingers, truth);
        }
    }

    /// Something has happened to an end, of which its socket may have something to tell.
    pub(crate) fn stir_end(&mut self, spot: Spot) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &connection.ends[spot.side];
        if let (host, Some(descriptor)) = (end.host, end.socket) {
            self.stir(host, descriptor);
        }
    }

    /// A socket was set to something, and with it its end of a connection.
    pub(crate) fn adjust(&mut self, spot: Spot, settings: Settings) {
        let Some(connection) = self.connection(spot) else { return };
        let end = &mut connection.ends[spot.side];
        // Whether its port may be shared was settled when it took it.
        end.settings = Settings { reuse_address: end.settings.reuse_address, ..settings };
        self.watch_silence(spot);
        self.stir_end(spot);
        self.send_all(spot);
    }

    /// The error that is pending on a socket, which is then forgotten.
    pub(crate) fn take_error(&mut self, host: HostNumber, descriptor: RawFd) -> Answer<Option<Errno>> {
        Ok(match &mut self.socket(host, descriptor)?.role {
            Role::Idle | Role::Listening(_) | Role::Ends(_) => None,
            Role::Packets(mailbox) => mailbox.error.take(),
            Role::Stream(spot) => {
                let spot = *spot;
                self.connection(spot).and_then(|connection| connection.ends[spot.side].error.take())
            }
        })
    }

    /// The address at the other end of a connection.
    pub(crate) fn peer(&mut self, spot: Spot) -> Answer<Address> {
        let connection = self.connection(spot).ok_or(Errno::NOT_CONNECTED)?;
        match connection.ends[spot.side].standing {
            Standing::Open => Ok(connection.ends[1 - spot.side].address.clone()),
            _ => Err(Errno::NOT_CONNECTED),
        }
    }
}
