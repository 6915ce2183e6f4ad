//! Visits to an example that serves: the server on one host under virtual time, its visitors on another.

#![allow(dead_code, reason = "each test uses the part that it needs")]

use fate::{Fate, TcpStream, Verdict, sim::Sim};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Where visitors find the first host.
pub const HERE: &str = "10.0.0.1:0";

/// What was seen of a server.
pub struct Seen {
    /// What it has reported.
    pub faults: Vec<String>,
    /// What was still alive when it was shut down, a second after the visitors had left; less tasks that the shutdown itself
    /// had woken, for there is nothing to accept any more.
    pub left: Vec<String>,
}

/// Has the visitors call on the server, which is shut down when they have left.
pub fn visit<A: 'static>(
    set_up: impl FnOnce(&Fate) -> io::Result<A>,
    visits: impl AsyncFnOnce(Fate, A) + 'static,
) -> Seen {
    let mut sim = Sim::new(1);
    let (faults, have_left) = (Rc::<RefCell<Vec<String>>>::default(), Rc::<Cell<bool>>::default());
    let (noted, left) = (faults.clone(), have_left.clone());
    let settings = Fate::builder().on_fault(move |_, fault| {
        noted.borrow_mut().push(fault.to_string());
        Verdict::GoOn
    });
    let server = sim.host_with("server", settings);
    let visitors = sim.host("visitors");
    let address = set_up(&server).expect("the server is set up");
    visitors.clone().spawn(async move {
        visits(visitors.clone(), address).await;
        left.set(true);
        visitors.sleep(Duration::from_secs(1)).await;
        server.shutdown();
    });
    sim.run().expect("nobody fails");
    assert!(have_left.get(), "the visitors still wait:\n{}", sim.history());
    let left = sim.leaks().iter().map(ToString::to_string).filter(|left| !left.ends_with("waits for its turn"));
    Seen { faults: faults.take(), left: left.collect() }
}

/// One who visits.
pub struct Visitor(pub TcpStream);

impl Visitor {
    /// Comes in.
    pub async fn new(fate: &Fate, server: SocketAddr) -> Visitor {
        Visitor(fate.connect_tcp(&server.to_string()).await.expect("the server answers"))
    }

    /// Says this, as it is.
    pub async fn say(&mut self, words: &str) {
        self.0.write_all(words.as_bytes()).await.expect("the server listens");
    }

    /// Says this in pieces of so many bytes, a while apart.
    pub async fn say_slowly(&mut self, fate: &Fate, words: &str, length: usize) {
        for piece in words.as_bytes().chunks(length) {
            self.0.write_all(piece).await.expect("the server listens");
            fate.sleep(Duration::from_millis(1)).await;
        }
    }

    /// Has nothing more to say.
    pub async fn finish(&mut self) {
        self.0.close().await.expect("the server listens");
    }

    /// Hears exactly this next.
    pub async fn hear(&mut self, words: &str) {
        let mut heard = vec![0; words.len()];
        let result = self.0.read_exact(&mut heard).await;
        assert_eq!(String::from_utf8_lossy(&heard), words, "{result:?}");
    }

    /// Hears the next line; nothing if the server has finished.
    pub async fn hear_line(&mut self) -> Option<String> {
        self.0.read_line(100_000).await.expect("the server speaks")
    }

    /// Hears nothing more than that the server has finished.
    pub async fn hear_the_end(&mut self) {
        assert_eq!(self.0.read(&mut [0; 8]).await.expect("the server finishes in peace"), 0);
    }
}
