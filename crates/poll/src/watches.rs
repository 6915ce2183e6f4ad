//! Watches: who is told when a descriptor is ready.
//!
//! A watch is told once, level-triggered. Where the kernel is asked once for each arming, that is what it does. A socket
//! that is armed for edges is looked at again when a watch comes, for its edge may have been told already; except for its
//! end, of which the entry knows all that the kernel would tell.

use crate::entry::{Reader, Writer};
use crate::poller::News;
use crate::registry::{Registry, taken};
use crate::told::Told;
use fate_core::{Event, Interest, Key, Readiness};
use std::io;
use std::mem;
use std::os::fd::RawFd;

impl Registry {
    /// Begins a watch.
    pub fn watch(&mut self, key: Key, descriptor: RawFd, interest: Interest, told: &mut Told<'_>) {
        match self.place_watch(key, descriptor, interest) {
            Err(error) => told.tell(key, Event::Failed(error)),
            Ok(()) => {
                self.placed(descriptor);
                self.tell_of_closing(descriptor, told);
            }
        }
    }

    fn place_watch(&mut self, key: Key, descriptor: RawFd, interest: Interest) -> io::Result<()> {
        let entry = self.entry(key, descriptor)?;
        match interest {
            Interest::Read if entry.reader == Reader::Nobody => entry.reader = Reader::Watch(key),
            Interest::Write if entry.writer.key().is_none() => entry.writer = Writer::Watch(key),
            Interest::HangUp if entry.mourner.is_none() => entry.mourner = Some(key),
            _ => return Err(taken()),
        }
        if interest != Interest::HangUp {
            entry.look_again();
        }
        Ok(())
    }

    /// Tells of a closing that was known before anybody asked.
    fn tell_of_closing(&mut self, descriptor: RawFd, told: &mut Told<'_>) {
        let Some(entry) = self.find(descriptor) else { return };
        if let (true, Some(key)) = (entry.closed, entry.mourner) {
            entry.mourner = None;
            self.left();
            told.tell(key, Event::Ready(Readiness { hang_up: true, ..Readiness::default() }));
        }
    }

    /// Tells those who wait for what the kernel told.
    #[inline]
    pub fn tell_watches(&mut self, descriptor: RawFd, news: &News, told: &mut Told<'_>) {
        let Some(entry) = self.find(descriptor) else { return };
        let readiness = Readiness { hang_up: news.hang_up, error: news.error, ..Readiness::default() };
        let mut gone = 0;
        let mut tell = |key, readiness| {
            gone += 1;
            told.tell(key, Event::Ready(readiness));
        };
        if let (true, Reader::Watch(key)) = (news.readable, entry.reader) {
            entry.reader = Reader::Nobody;
            tell(key, Readiness { readable: true, ..readiness });
        }
        if let (true, Writer::Watch(key)) = (news.writable, &entry.writer) {
            tell(*key, Readiness { writable: true, ..readiness });
            mem::take(&mut entry.writer);
        }
        if let (true, Some(key)) = (news.closed, entry.mourner) {
            entry.mourner = None;
            tell(key, Readiness { hang_up: true, ..readiness });
        }
        (0..gone).for_each(|_| self.left());
    }
}
