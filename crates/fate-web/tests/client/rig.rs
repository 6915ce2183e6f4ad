//! A server that plays by the script, and a client on another host.

use fate::sim::Sim;
use fate::{Failure, Fate, TcpStream};
use fate_web::{Bytes, Client, ClientBuilder, WebError};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

pub const SECOND: Duration = Duration::from_secs(1);

/// A world with a host `server` and a host `here`.
pub struct World {
    pub sim: Sim,
    pub server: Fate,
    pub here: Fate,
    /// What the servers were asked, header by header.
    pub asked: Rc<RefCell<Vec<String>>>,
    /// How many connections were accepted.
    pub visits: Rc<Cell<usize>>,
    pub open: Rc<Cell<usize>>,
    /// The most that were open at once.
    pub most_open: Rc<Cell<usize>>,
}

impl World {
    pub fn new() -> World {
        let mut sim = Sim::new(1);
        let (server, here) = (sim.host("server"), sim.host("here"));
        let (asked, visits, open, most_open) = Default::default();
        World { sim, server, here, asked, visits, open, most_open }
    }

    /// Serves on port 80 of `server`, each connection by `serve`.
    pub fn serve<F: Future<Output = fate::Result> + 'static>(&self, serve: impl Fn(Line) -> F + 'static) {
        self.serve_on(&self.server, 80, serve);
    }

    pub fn serve_on<F: Future<Output = fate::Result> + 'static>(
        &self,
        host: &Fate,
        port: u16,
        serve: impl Fn(Line) -> F + 'static,
    ) {
        let listener = host.listen_tcp(("0.0.0.0", port)).unwrap();
        let (fate, asked, visits) = (host.clone(), self.asked.clone(), self.visits.clone());
        let (open, most_open) = (self.open.clone(), self.most_open.clone());
        host.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                visits.set(visits.get() + 1);
                open.set(open.get() + 1);
                most_open.set(most_open.get().max(open.get()));
                let line = Line { fate: fate.clone(), stream, asked: asked.clone(), number: visits.get() };
                let (served, open) = (serve(line), open.clone());
                fate.spawn(async move {
                    // That a client goes is no mistake of the server.
                    let _ = served.await;
                    open.set(open.get() - 1);
                });
            }
        });
    }

    /// Answers every request with the same bytes.
    pub fn always(&self, response: &'static [u8]) {
        self.serve(move |mut line| async move {
            while line.hear().await?.is_some() {
                line.say(response).await?;
            }
            Ok(())
        });
    }

    /// Runs until nothing happens any more to the client.
    pub fn run(&mut self) {
        let server = self.server.clone();
        self.here.get_fuse(SECOND * 100_000).set_handler(move |_| server.shutdown());
        self.sim.run().unwrap();
    }

    /// Fetches one page with a client that is set up like that, and says when it was there, or was not.
    pub fn fetch(mut self, builder: ClientBuilder, url: &str) -> (Result<Bytes, WebError>, Duration) {
        let client = builder.build(&self.here);
        let (here, seen) = (self.here.clone(), Rc::new(RefCell::new(None)));
        let (url, note) = (url.to_owned(), seen.clone());
        self.here.spawn(async move {
            let page = page(&client, &url).await;
            *note.borrow_mut() = Some((page, here.now() - fate::Instant::START));
            client.close_idle();
        });
        self.sim.run_until(SECOND * 10_000).unwrap();
        let seen = seen.take();
        self.end();
        seen.expect("everything comes to an end")
    }

    /// Ends all that still waits.
    pub fn end(mut self) {
        self.here.shutdown();
        self.server.shutdown();
        self.sim.run().unwrap();
    }
}

/// The whole body, or what went wrong.
pub async fn page(client: &Client, url: &str) -> Result<Bytes, WebError> {
    let response = client.get(url).send().await.map_err(web)?;
    response.ok()?.bytes().await.map_err(web)
}

pub fn web(failure: Failure) -> WebError {
    failure.trap::<WebError>().expect("what a client says is a WebError")
}

/// A connection, in the hand of a server.
pub struct Line {
    pub fate: Fate,
    pub stream: TcpStream,
    pub asked: Rc<RefCell<Vec<String>>>,
    /// Which one of all.
    pub number: usize,
}

impl Line {
    /// The header of the next request, without the lines that every client sends; nothing at the end.
    pub async fn hear(&mut self) -> fate::Result<Option<String>> {
        let mut header = String::new();
        loop {
            match self.stream.read_line(100_000).await? {
                None => return Ok(None),
                Some(line) if line.is_empty() => break,
                Some(line) => header += &(line + "\n"),
            }
        }
        self.asked.borrow_mut().push(header.clone());
        Ok(Some(header))
    }

    /// So many bytes of body.
    pub async fn hear_body(&mut self, length: usize) -> fate::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(body)
    }

    pub async fn say(&mut self, words: impl AsRef<[u8]>) -> fate::Result {
        Ok(self.stream.write_all(words.as_ref()).await?)
    }

    /// Says a whole response.
    pub async fn answer(&mut self, headers: &str, body: impl AsRef<[u8]>) -> fate::Result {
        let body = body.as_ref();
        self.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len())).await?;
        self.say(body).await
    }

    /// Sends the client elsewhere.
    pub async fn send_elsewhere(&mut self, status: u16, to: &str) -> fate::Result {
        self.say(format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")).await
    }

    /// Waits until the client goes.
    pub async fn linger(&mut self) -> fate::Result {
        while self.stream.read(&mut [0; 1000]).await? > 0 {}
        Ok(())
    }
}

/// The value of a header in what a server was asked.
pub fn header<'a>(asked: &'a str, name: &str) -> Option<&'a str> {
    let lines = asked.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}
