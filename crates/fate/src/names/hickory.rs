//! Names looked up by DNS without the system's resolver: the crate `hickory-resolver`.
//!
//! It speaks DNS itself and remembers answers as long as they are good for. It is written for tokio, so it has a runtime of
//! tokio, which is driven only while somebody looks up a name, by the thread for names that does: there are no threads
//! but those that a [`Fate`](crate::Fate) has for names anyhow. Several that look up at the same time share the runtime; one
//! of them drives it for all.
//!
//! The runtime is made for the first look-up. From then on it is for that process alone: in a forked child it must not even be
//! dropped, because its poller is the parent's too.

use fate_core::Forked;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use std::fmt;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::process;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Finds the addresses of names by DNS, without the system's resolver (with the feature `hickory`).
///
/// A look-up takes its time, so give it to [`Builder::look_up_with`](crate::Builder::look_up_with), which calls it on the
/// threads that are for names. Clones share what they remember.
///
/// ```no_run
/// use fate::{Fate, Hickory};
///
/// let hickory = Hickory::system()?;
/// let fate = Fate::builder().look_up_with(move |name, port| hickory.look_up(name, port)).build()?;
/// fate.resolve("example.org", 80).add_callback(|addresses| println!("{addresses:?}"));
/// fate.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct Hickory(Arc<Shared>);

struct Shared {
    config: ResolverConfig,
    options: ResolverOpts,
    /// Made by the first look-up.
    works: OnceLock<Works>,
}

/// What looks up, in one process.
struct Works {
    process: u32,
    runtime: Runtime,
    resolver: TokioResolver,
}

impl Hickory {
    /// Asks whom the system is set up to ask, by `/etc/resolv.conf`, and knows what is in `/etc/hosts`. They are read now, and
    /// not again.
    ///
    /// # Errors
    /// `/etc/resolv.conf` cannot be read, makes no sense, or names nobody.
    ///
    /// ```no_run
    /// let hickory = fate::Hickory::system()?;
    /// assert!(hickory.look_up("localhost", 80)?.iter().all(|address| address.ip().is_loopback()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn system() -> io::Result<Hickory> {
        let (config, options) = read_system_conf().map_err(in_our_words)?;
        Ok(Hickory::new(config, options))
    }

    /// Asks these servers, and nobody else: neither has the machine a name of its own, nor are there domains to search.
    ///
    /// ```no_run
    /// let hickory = fate::Hickory::asking(&["9.9.9.9:53".parse().unwrap()]);
    /// println!("{:?}", hickory.look_up("example.org", 443)?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn asking(servers: &[SocketAddr]) -> Hickory {
        let servers = servers.iter().map(|address| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.into())
        });
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        Hickory::new(ResolverConfig::from_name_servers(servers.collect()), options)
    }

    fn new(config: ResolverConfig, options: ResolverOpts) -> Hickory {
        Hickory(Arc::new(Shared { config, options, works: OnceLock::new() }))
    }

    /// The same, but a server that is asked is waited for no longer than `patience`, and asked again no more than `retries`
    /// times. Five seconds and twice unless the system says otherwise. Call it before anything is looked up: what was
    /// remembered is forgotten.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// let hickory = fate::Hickory::system()?.patience(Duration::from_millis(500), 1);
    /// println!("{:?}", hickory.look_up("example.org", 443)?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn patience(self, patience: Duration, retries: usize) -> Hickory {
        let (config, mut options) = (self.0.config.clone(), self.0.options.clone());
        (options.timeout, options.attempts) = (patience, retries);
        Hickory::new(config, options)
    }

    /// The addresses of a name, each with `port`, those of version 6 first. Waits for the answer.
    ///
    /// # Errors
    /// `NotFound` if there is no such name, or it has no address; `TimedOut` if nobody has answered; what else went wrong. In a
    /// forked child [`Forked`], if this has looked up anything before the fork.
    ///
    /// # Panics
    /// In a task of tokio, which must not be held up.
    ///
    /// ```no_run
    /// for address in fate::Hickory::system()?.look_up("example.org", 443)? {
    ///     assert_eq!(address.port(), 443);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let works = self.0.works()?;
        let found = works.runtime.block_on(works.resolver.lookup_ip(name)).map_err(in_our_words)?;
        Ok(found.iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

impl fmt::Debug for Hickory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hickory").field("servers", &self.0.config.name_servers().len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn works(&self) -> io::Result<&Works> {
        let works = match self.works.get() {
            Some(works) => works,
            // If two come first at once, one of what they make is used.
            None => {
                let made = Works::open(&self.config, &self.options)?;
                self.works.get_or_init(|| made)
            }
        };
        if works.is_foreign() { Err(Forked.into()) } else { Ok(works) }
    }
}

/// What is shared with a parent is let be.
impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(works) = self.works.take().filter(Works::is_foreign) {
            mem::forget(works);
        }
    }
}

impl Works {
    fn open(config: &ResolverConfig, options: &ResolverOpts) -> io::Result<Works> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let builder = TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::default());
        let resolver = builder.with_options(options.clone()).build().map_err(in_our_words)?;
        Ok(Works { process: process::id(), runtime, resolver })
    }

    /// Whether this process was forked from the one that made it.
    fn is_foreign(&self) -> bool {
        self.process != process::id()
    }
}

/// With the kind that callers can act on, and the error itself within.
fn in_our_words(error: NetError) -> io::Error {
    let kind = match &error {
        NetError::Timeout => io::ErrorKind::TimedOut,
        NetError::Io(error) => error.kind(),
        error if error.is_no_records_found() => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
