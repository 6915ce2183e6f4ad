//! A server and a client on two hosts, what lies between them, and what each of them was told.

use super::identity::Identity;
use super::tongue::Tongue;
use fate::sim::{Link, Sim};
use fate::{Fate, Instant};
use fate_web::http::Request;
use fate_web::{Bytes, Client, ClientBuilder, Incoming, Reply, RequestBody, Server, Serving};
use http_body_util::StreamBody;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

pub const SECOND: Duration = Duration::from_secs(1);

pub struct World {
    pub sim: Sim,
    pub server: Fate,
    pub here: Fate,
    pub link: Link,
    pub client: Client,
    pub serving: Serving,
    /// What the server said of errors, and when.
    pub complaints: Rc<RefCell<Vec<(String, Duration)>>>,
}

impl World {
    pub fn new<F: Future<Output: Reply> + 'static>(
        seed: u64,
        tongue: Tongue,
        server: Server,
        client: ClientBuilder,
        service: impl Fn(Fate, Request<Incoming>) -> F + 'static,
    ) -> World {
        let mut sim = Sim::new(seed);
        let (there, here) = (sim.host("server"), sim.host("here"));
        let (link, identity) = (sim.link("server", "here"), Identity::good());
        let complaints = Rc::<RefCell<Vec<_>>>::default();
        let note = complaints.clone();
        let server = server.on_error(move |fate, error| {
            let words = error.to_string();
            note.borrow_mut().push((words.split_once(": ").unwrap().1.to_owned(), since_the_start(fate)));
        });
        let server = if tongue.is_secret() { server.tls(identity.server(&[])) } else { server };
        let listener = there.listen_tcp(("0.0.0.0", if tongue.is_secret() { 443 } else { 80 })).unwrap();
        let host = there.clone();
        let serving = server.serve(&there, listener, move |request| service(host.clone(), request));
        let client = client.tls(identity.client());
        let client = if tongue.is_two() { client.http2_only() } else { client.http1_only() }.build(&here);
        World { sim, server: there, here, link, client, serving, complaints }
    }

    /// What a task of the client has found out. Its program goes on for a while after that, so that it hears what the
    /// server says.
    pub fn ask<T: 'static>(&mut self, task: impl AsyncFnOnce(Fate, Client) -> T + 'static) -> T {
        let (here, client, found) = (self.here.clone(), self.client.clone(), Rc::new(RefCell::new(None)));
        let note = found.clone();
        self.here.spawn(async move { *note.borrow_mut() = Some(task(here, client).await) });
        let clock = self.here.every(SECOND, |_, _| {});
        let until = self.sim.elapsed() + SECOND * 1000;
        self.sim.run_until(until).unwrap();
        clock.stop();
        found.take().expect("it comes to an end")
    }

    /// Has both sides end, by a stop or by a shutdown, which must not take long; then nothing may be left.
    pub fn end(mut self, by_shutdown: bool, what: &str) {
        let (began, ended) = (self.sim.elapsed(), Rc::new(RefCell::new(None)));
        if by_shutdown {
            self.here.shutdown();
            self.server.shutdown();
        } else {
            let (note, there) = (ended.clone(), self.server.clone());
            self.client.close_idle();
            self.serving.stop().add_callback(move |()| *note.borrow_mut() = Some(since_the_start(&there)));
        }
        self.sim.run().unwrap();
        assert!(self.sim.elapsed() < began + SECOND * 60, "{what}: it ended after {:?}", self.sim.elapsed() - began);
        assert!(by_shutdown || ended.borrow().is_some(), "{what}: the stop never fired");
        assert!(self.sim.leaks().is_empty(), "{what}: {:?}", self.sim.leaks());
        assert_eq!(self.serving.connections(), 0, "{what}");
    }
}

/// When it is.
pub fn since_the_start(fate: &Fate) -> Duration {
    fate.now() - Instant::START
}

/// Pieces of a body, one each second.
pub fn pieces(fate: &Fate, count: usize) -> impl futures_lite::Stream<Item = Result<Bytes, Infallible>> + use<> {
    let fate = fate.clone();
    futures_lite::stream::unfold(0, move |number| {
        let fate = fate.clone();
        async move {
            if number > 0 {
                fate.sleep(SECOND).await;
            }
            (number < count).then(|| (Ok(piece(number)), number + 1))
        }
    })
}

fn piece(number: usize) -> Bytes {
    vec![b'a' + number as u8 % 26; 1000].into()
}

/// All the pieces.
pub fn whole(count: usize) -> Vec<u8> {
    (0..count).flat_map(piece).collect()
}

/// The same, to be sent with a request.
pub fn flowing(fate: &Fate, count: usize) -> RequestBody {
    use futures_lite::StreamExt;
    RequestBody::stream(StreamBody::new(pieces(fate, count).map(|piece| piece.map(http_body::Frame::data))))
}
