//! A world with a server, a client that speaks by the byte, and what the server said of errors.

use fate::{Fate, Instant, TcpStream, sim::Sim};
use fate_web::{Incoming, Reply, Server, Serving};
use http::Request;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

pub fn second(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub struct Scene {
    pub sim: Sim,
    pub server: Fate,
    pub client: Fate,
    pub errors: Rc<RefCell<Vec<String>>>,
}

impl Scene {
    pub fn new() -> Scene {
        let mut sim = Sim::new(7);
        let (server, client) = (sim.host("server"), sim.host("client"));
        Scene { sim, server, client, errors: Rc::default() }
    }

    /// A server that notes errors.
    pub fn settings(&self) -> Server {
        let errors = self.errors.clone();
        Server::new().on_error(move |_, error| {
            let words = error.to_string();
            errors.borrow_mut().push(words.split_once(": ").unwrap().1.to_string());
        })
    }

    /// The same, with deadlines of a few seconds, no two of them alike.
    pub fn impatient(&self) -> Server {
        self.settings()
            .header_deadline(second(5))
            .idle_deadline(second(20))
            .body_deadline(second(7))
            .write_deadline(second(9))
    }

    pub fn serve<F>(&self, settings: Server, closure: impl Fn(Request<Incoming>) -> F + 'static) -> Serving
    where
        F: Future<Output: Reply> + 'static,
    {
        settings.serve(&self.server, self.server.listen_tcp("0.0.0.0:80").unwrap(), closure)
    }

    /// Has somebody speak over a connection, and stops the server after that.
    pub fn speak<F>(self, serving: &Serving, words: impl FnOnce(Fate, TcpStream) -> F + 'static) -> Vec<String>
    where
        F: Future<Output = fate::Result> + 'static,
    {
        self.speak_to("server:80", serving, words)
    }

    /// The same, if the server is on a host of its own.
    pub fn speak_to<F>(
        mut self,
        address: &'static str,
        serving: &Serving,
        words: impl FnOnce(Fate, TcpStream) -> F + 'static,
    ) -> Vec<String>
    where
        F: Future<Output = fate::Result> + 'static,
    {
        let (client, serving) = (self.client.clone(), serving.clone());
        let is_done = Rc::new(Cell::new(false));
        let done = is_done.clone();
        client.clone().spawn(async move {
            let stream = client.connect_tcp(address).await?;
            words(client, stream).await?;
            done.set(true);
            serving.stop();
            fate::Ok(())
        });
        self.sim.run().unwrap();
        assert!(is_done.get(), "the client has not come to its end");
        assert!(self.sim.leaks().is_empty(), "{:?}", self.sim.leaks());
        self.errors.take()
    }
}

/// Sends bytes.
pub async fn say(stream: &TcpStream, words: impl AsRef<[u8]>) -> fate::Result {
    stream.write_bytes(words.as_ref().to_vec().into()).await?;
    fate::Ok(())
}

/// A response: its status, its headers in lower case, and its body by `content-length`.
pub struct Heard {
    pub status: u16,
    pub headers: Vec<String>,
    pub body: String,
}

impl Heard {
    pub fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line == header)
    }
}

/// Reads a response.
pub async fn hear(stream: &TcpStream) -> fate::Result<Heard> {
    let status = stream.read_line(200).await?.ok_or("no response")?;
    let status = status.split(' ').nth(1).ok_or("no status")?.parse()?;
    let mut headers = Vec::new();
    while let Some(line) = stream.read_line(1000).await?.filter(|line| !line.is_empty()) {
        headers.push(line.to_lowercase());
    }
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(Ok(0), str::parse)?];
    stream.read_exact(&mut body).await?;
    fate::Ok(Heard { status, headers, body: String::from_utf8(body)? })
}

/// Waits for the end of the connection, and says how long it took.
pub async fn until_closed(fate: &Fate, stream: &TcpStream) -> Duration {
    let began: Instant = fate.now();
    while let Ok(Some(_)) = stream.read_until(b'\n', 100_000).await {}
    fate.now() - began
}

/// Whether it is about so many seconds: the network takes its time too.
#[track_caller]
pub fn about(seconds: u64, took: Duration) {
    let expected = Duration::from_secs(seconds);
    assert!(took + Duration::from_millis(500) >= expected && took < expected + Duration::from_millis(1500), "{took:?}");
}
