//! W2: hyper's own connections, on streams of a Fate.

use fate::{Fate, HyperExecutor, HyperTimer, TcpStream, sim::Sim};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Executor, Timer};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

/// Answers with as many bytes as the path says.
async fn bytes(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let count = request.uri().path()[1..].parse().unwrap();
    Ok(Response::new(Full::new(vec![b'x'; count].into())))
}

async fn serve(fate: Fate, stream: TcpStream) -> hyper::Result<()> {
    let mut settings = server::conn::http1::Builder::new();
    settings.timer(HyperTimer::new(&fate)).header_read_timeout(Duration::from_secs(5));
    settings.serve_connection(stream, service_fn(bytes)).await
}

/// A world with a server, and how its one connection ended.
fn served(sim: &mut Sim) -> (Fate, Rc<RefCell<Option<hyper::Result<()>>>>) {
    let (server, client) = (sim.host("server"), sim.host("client"));
    let end = Rc::new(RefCell::new(None));
    let (listener, told) = (server.listen_tcp("0.0.0.0:80").unwrap(), end.clone());
    server.clone().spawn(async move {
        let (stream, _) = listener.accept().await?;
        *told.borrow_mut() = Some(serve(server, stream).await);
        fate::Ok(())
    });
    (client, end)
}

/// W2: pages of any size come whole, one after another on one connection, and the connection ends without an error.
#[test]
fn pages_come_over_one_connection() {
    let mut sim = Sim::new(1);
    let (fate, end) = served(&mut sim);
    let lengths = Rc::new(RefCell::new(Vec::new()));
    let seen = lengths.clone();
    fate.clone().spawn(async move {
        let stream = fate.connect_tcp("server:80").await?;
        let (mut sender, connection) = client::conn::http1::handshake(stream).await?;
        fate.spawn(connection);
        for count in [0, 1, 100_000, 3_000_000] {
            let request = Request::get(format!("/{count}")).header("Host", "server").body(Empty::<Bytes>::new())?;
            let page = sender.send_request(request).await?.collect().await?.to_bytes();
            assert!(page.iter().all(|byte| *byte == b'x'));
            seen.borrow_mut().push(page.len());
        }
        fate::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(*lengths.borrow(), [0, 1, 100_000, 3_000_000]);
    assert!(end.borrow_mut().take().unwrap().is_ok());
}

/// W2: hyper's deadlines are on the time of the simulation.
#[test]
fn a_deadline_of_hyper_is_in_virtual_time() {
    let mut sim = Sim::new(1);
    let (fate, end) = served(&mut sim);
    fate.clone().spawn(async move {
        let stream = fate.connect_tcp("server:80").await?;
        stream.write_bytes(Bytes::from_static(b"GET / HT")).await?;
        stream.peer_closed().await;
        fate::Ok(())
    });
    sim.run().unwrap();
    assert!(end.borrow_mut().take().unwrap().unwrap_err().is_timeout());
    assert!((5..6).contains(&sim.elapsed().as_secs()), "{:?}", sim.elapsed());
}

/// W2: a stream that the other side resets is an error for hyper, and nothing else.
#[test]
fn a_reset_is_an_error_of_the_connection() {
    let mut sim = Sim::new(1);
    let (fate, end) = served(&mut sim);
    fate.clone().spawn(async move {
        let stream = fate.connect_tcp("server:80").await?;
        stream.write_bytes(Bytes::from_static(b"GET / HT")).await?;
        drop(stream);
        fate::Ok(())
    });
    sim.run().unwrap();
    assert!(end.borrow_mut().take().unwrap().unwrap_err().is_incomplete_message());
}

/// W2: what the executor is given runs on the loop, and needs no `Send`.
#[test]
fn an_executor_runs_what_is_not_send() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let executor = HyperExecutor::new(&fate);
    let count = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (count, fate) = (count.clone(), fate.clone());
        executor.execute(async move {
            fate.sleep(Duration::from_secs(1)).await;
            count.set(count.get() + 1);
        });
    }
    sim.run().unwrap();
    assert_eq!((count.get(), sim.elapsed()), (3, Duration::from_secs(1)));
}

/// W2: a sleep that is dropped leaves no fuse behind, and one that is moved on sleeps until then.
#[test]
fn sleeps_come_and_go() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let timer = HyperTimer::new(&fate);
    drop(timer.sleep(Duration::from_secs(9)));
    fate.spawn(async move {
        let mut sleep = timer.sleep_until(timer.now() + Duration::from_secs(1));
        timer.reset(&mut sleep, timer.now() + Duration::from_secs(2));
        sleep.await;
    });
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), Duration::from_secs(2));
}

/// W2: a sleep can be held by another thread: to poll it there is a bug and panics, to drop it there puts its fuse out at home.
#[test]
fn a_sleep_belongs_to_its_thread() {
    let fate = Fate::new().unwrap();
    let timer = HyperTimer::new(&fate);
    let (polled, dropped) = (timer.sleep(Duration::from_secs(600)), timer.sleep(Duration::from_secs(600)));
    let remote = fate.remote().keep_alive();
    let thread = std::thread::spawn(move || {
        drop(dropped);
        drop(remote);
        futures_lite::future::block_on(polled);
    });
    fate.run().unwrap();
    assert!(thread.join().is_err());
    fate.turn(Duration::ZERO).unwrap();
    assert_eq!(fate.report().live.len(), 0);
}
