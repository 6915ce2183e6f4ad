//! What a script does to hosts: suspending them, setting their clocks, crashing them, taking what they need.

use super::Sim;
use crate::link::Link;
use std::ops::Range;
use std::time::Duration;

impl Sim {
    /// Suspends a host from now on: for so long it does nothing, and its monotonic clock stands still, while boot time and
    /// wall time go on. One that is suspended already stays so until the later of the two ends.
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn suspend(&mut self, host: &str, duration: Duration) {
        self.world.suspend(self.number(host), duration);
    }

    /// Sets a host's wall clock forward by so much.
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn step_forward(&mut self, host: &str, by: Duration) {
        self.world.step(self.number(host), nanos(by));
    }

    /// Sets a host's wall clock back by so much.
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn step_back(&mut self, host: &str, by: Duration) {
        self.world.step(self.number(host), -nanos(by));
    }

    /// What lies between two hosts, or between a host and itself: see [`Link`].
    ///
    /// # Panics
    /// If there is no host of one of these names.
    pub fn link(&self, one: &str, other: &str) -> Link {
        Link::new(self.world.clone(), self.number(one), self.number(other))
    }

    /// Crashes a host, as when its power fails: its program is dropped where it stands, and nobody is told of its
    /// connections. Those at the other ends find out when they are not answered, or, once it was started again by
    /// [`Sim::host`], when they are told that there is no such connection. Until then nothing reaches it. Its Unix sockets'
    /// files are still there.
    ///
    /// What it had scheduled never happens; but what is dropped may hear of it, and what was waiting for a Deferred
    /// sees it cancelled.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
    /// use std::{io::ErrorKind, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let (server, client) = (sim.host("server"), sim.host("client"));
    /// let listener = server.listen_tcp("0.0.0.0:7")?;
    /// server.spawn(async move { listener.accept().await?.0.read(&mut [0]).await });
    /// let here = client.clone();
    /// client.spawn(async move {
    ///     let stream = here.connect_tcp("server:7").await.unwrap();
    ///     here.sleep(Duration::from_secs(60)).await;
    ///     (&stream).write_all(b"are you there?").await.unwrap();
    ///     let error = (&stream).read(&mut [0]).await.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    /// });
    /// sim.run_until(Duration::from_secs(1))?;
    /// sim.crash("server");
    /// let _it_is_up_again = sim.host("server");
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name, or it has crashed already, or its program was ended by a signal; and if what is dropped panics.
    pub fn crash(&mut self, host: &str) {
        let number = self.number(host);
        let crashed = self.take_host(number).unwrap_or_else(|| panic!("{host} has crashed already"));
        self.world.crash(number);
        crashed.perish();
    }

    /// Limits the descriptors of a host from now on, as `ulimit -n` does: three are taken by standard input, output and
    /// error, and each socket takes one.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.set_descriptors("here", 4);
    /// let _the_only = fate.listen_tcp("0.0.0.0:7")?;
    /// assert!(fate.listen_tcp("0.0.0.0:8").is_err());
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn set_descriptors(&mut self, host: &str, limit: usize) {
        self.world.set_descriptors(self.number(host), limit);
    }

    /// How long what is handed to [`Fate::defer_to_thread`](crate::Fate::defer_to_thread) takes on a host from now on, in virtual
    /// time; each draws from the range, by the host's seed. The closure is still called by the loop, when a thread would
    /// begin with it; its result comes when the time is over. What takes `Duration::MAX` is stuck: it never comes back.
    ///
    /// From then on there are also no more threads than [`Builder::threads`](crate::Builder::threads) allows: work beyond that
    /// waits for its turn.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.thread_time("here", Duration::from_secs(2)..Duration::from_secs(2));
    /// fate.defer_to_thread(|| 6 * 7).add_callback(|answer| assert_eq!(answer, 42));
    /// sim.run()?;
    /// assert_eq!(sim.elapsed(), Duration::from_secs(2));
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn thread_time(&mut self, host: &str, takes: Range<Duration>) {
        self.world.set_thread_time(self.number(host), takes);
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
