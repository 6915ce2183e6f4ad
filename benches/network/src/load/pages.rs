//! Many connections that ask for a page again and again, so many requests in flight on each.

use super::{connect, receive, until_all};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::OwnedFd;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: load\r\naccept: */*\r\n\r\n";

/// What a server answers, each time the same but for the time.
struct Page {
    bytes: Vec<u8>,
    date: Range<usize>,
}

impl Page {
    /// Asks for it once.
    fn learn(socket: &mut TcpStream) -> io::Result<Page> {
        socket.write_all(REQUEST)?;
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"Hello, World!") {
            let mut piece = [0; 4096];
            let count = socket.read(&mut piece)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&piece[..count]);
        }
        let start = bytes.windows(6).position(|six| six == b"date: ").unwrap_or(0);
        Ok(Page { date: start..start + 40, bytes })
    }

    /// Whether these are what comes after so many bytes.
    fn goes_on(&self, received: usize, bytes: &[u8]) -> bool {
        let length = self.bytes.len();
        let mut place = received % length;
        bytes.iter().all(|byte| {
            let is_right = self.bytes[place] == *byte || self.date.contains(&place);
            place = if place + 1 == length { 0 } else { place + 1 };
            is_right
        })
    }
}

/// Connections that are open, with nothing in flight between two `run`s.
pub struct Pages {
    epoll: OwnedFd,
    lines: Vec<Line>,
    page: Page,
    requests: Vec<u8>,
    buffer: Vec<u8>,
    in_flight: usize,
    allowance: usize,
    awaited: usize,
}

struct Line {
    socket: TcpStream,
    received: usize,
}

impl Pages {
    pub fn connect(port: u16, lines: usize, in_flight: usize) -> io::Result<Pages> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let page = Page::learn(&mut connect(port)?)?;
        let line = |number: usize| {
            let socket = connect(port)?;
            epoll::add(&epoll, &socket, EventData::new_u64(number as u64), EventFlags::IN)?;
            Ok(Line { socket, received: 0 })
        };
        let lines = (0..lines).map(line).collect::<io::Result<_>>()?;
        let (requests, buffer) = (REQUEST.repeat(in_flight), vec![0; 64 * 1024]);
        Ok(Pages { epoll, lines, page, requests, buffer, in_flight, allowance: 0, awaited: 0 })
    }

    /// Asks for so many pages, and gets them all.
    pub fn run(&mut self, pages: usize) -> io::Result<()> {
        (self.allowance, self.awaited) = (pages, pages);
        for line in 0..self.lines.len() {
            self.ask(line, self.in_flight)?;
        }
        until_all(self, |load| &load.epoll, |load| load.awaited, Self::receive)
    }

    fn receive(&mut self, number: usize) -> io::Result<()> {
        let line = &mut self.lines[number];
        let got = receive(&line.socket, &mut self.buffer)?;
        if got == 0 {
            return Ok(());
        }
        if !self.page.goes_on(line.received, &self.buffer[..got]) {
            return Err(io::Error::other("a page is not what it was"));
        }
        let length = self.page.bytes.len();
        let complete = (line.received + got) / length - line.received / length;
        line.received += got;
        self.awaited -= complete;
        self.ask(number, complete)
    }

    /// Asks for so many pages, or as many as may still be asked for.
    fn ask(&mut self, number: usize, pages: usize) -> io::Result<()> {
        let pages = pages.min(self.allowance);
        self.allowance -= pages;
        (&self.lines[number].socket).write_all(&self.requests[..pages * REQUEST.len()])
    }
}

/// Opens so many connections, and asks for a page on each. They close when what this gives is dropped.
pub fn visit_all(port: u16, lines: usize) -> io::Result<Vec<TcpStream>> {
    let visit = |_| {
        let mut socket = connect(port)?;
        Page::learn(&mut socket).map(|_| socket)
    };
    (0..lines).map(visit).collect()
}
