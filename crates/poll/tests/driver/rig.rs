//! A driver driven by hand.

use fate_core::Key;
use fate_core::{Clock, Completion, Driver, Event, Instant, Interest, Op, Until};
use fate_poll::PollDriver;
use std::collections::VecDeque;
use std::io::{Write, pipe};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Long enough never to be reached by a test that passes.
pub const LONG: Duration = Duration::from_secs(60);

/// A driver with an outbox, and keys for its operations.
#[derive(Default)]
pub struct Rig {
    pub driver: PollDriver,
    outbox: Vec<Op>,
    operations: u32,
}

impl Rig {
    pub fn watch(&mut self, descriptor: &impl AsRawFd, interest: Interest) -> Key {
        let key = Key { index: self.operations, generation: 7 };
        self.operations += 1;
        self.outbox.push(Op::Watch { key, descriptor: descriptor.as_raw_fd(), interest });
        key
    }

    pub fn cancel(&mut self, key: Key) {
        self.outbox.push(Op::Cancel { key });
    }

    pub fn exchange(&mut self, until: &Until) -> Vec<Completion> {
        let mut inbox = VecDeque::new();
        self.driver.exchange(&mut self.outbox, &mut inbox, until).unwrap();
        assert!(self.outbox.is_empty());
        inbox.into()
    }

    /// An exchange that does not wait.
    pub fn look(&mut self) -> Vec<Completion> {
        self.exchange(&Until::NOW)
    }

    /// An exchange that does not wait: whose operations completed.
    pub fn told(&mut self) -> Vec<Key> {
        self.look().into_iter().map(|completion| completion.key).collect()
    }

    /// The one completion of an exchange that waits for it.
    pub fn one(&mut self) -> Completion {
        let until = self.within(Clock::Monotonic, LONG);
        let mut inbox = self.exchange(&until);
        assert_eq!(inbox.len(), 1, "{inbox:?}");
        inbox.remove(0)
    }

    /// The one completion of an exchange, which is a refusal: whose, and the error's number.
    pub fn refusal(&mut self) -> (Key, Option<i32>) {
        let Completion { key, event: Event::Refused(error) } = self.one() else { panic!("it was not refused") };
        (key, error.raw_os_error())
    }

    pub fn now(&self, clock: Clock) -> Instant {
        self.driver.time().now(clock)
    }

    /// Begins to wait until then, which a readable pipe ends.
    pub fn begin_to_wait(&mut self, until: &Until) {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let key = self.watch(&reader, Interest::Read);
        let inbox = self.exchange(until);
        assert!(matches!(&inbox[..], [told] if told.key == key), "{inbox:?}");
    }

    pub fn within(&self, clock: Clock, delay: Duration) -> Until {
        let mut until = Until::FOREVER;
        until.at_most(clock, self.now(clock) + delay);
        until
    }
}
