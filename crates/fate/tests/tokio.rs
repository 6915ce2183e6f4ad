//! Futures that insist on tokio, on a runtime beside the Fate.

use fate::{Cancelled, Fate, ThreadPanicked, sim::Sim};
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Says when it is dropped, and on which thread.
struct Mark(std::sync::mpsc::Sender<Option<String>>);

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.send(thread::current().name().map(String::from)).unwrap();
    }
}

/// What a failed Deferred failed with, by a look at it.
fn failing<T: 'static>(deferred: fate::Deferred<T>) -> Rc<RefCell<Option<fate::Failure>>> {
    let failure = Rc::new(RefCell::new(None));
    let told = failure.clone();
    deferred.add_both(move |result| *told.borrow_mut() = result.err());
    failure
}

/// H1: tokio's network and time work over there, and what they give comes home to the loop's own thread.
#[test]
fn networks_and_timers_of_tokio_work() {
    let fate = Fate::new().unwrap();
    let echo = fate.defer_to_tokio(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let (server, _) = listener.accept().await?;
        server.writable().await?;
        server.try_write(b"curiouser")?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        client.readable().await?;
        let mut bytes = [0; 20];
        let count = client.try_read(&mut bytes)?;
        io::Result::Ok(bytes[..count].to_vec())
    });
    let (home, seen) = (thread::current().id(), Rc::new(RefCell::new(Vec::new())));
    let told = seen.clone();
    echo.and_then(|result| result).add_callback(move |bytes| {
        assert_eq!(thread::current().id(), home);
        *told.borrow_mut() = bytes;
    });
    fate.run().unwrap();
    assert_eq!(*seen.borrow(), b"curiouser");
}

/// H1: a thousand of them, all under way at once, on one thread.
#[test]
fn many_are_under_way_at_once() {
    let fate = Fate::new().unwrap();
    let total = Rc::new(Cell::new(0));
    for number in 0..1000u64 {
        let total = total.clone();
        fate.defer_to_tokio(async move {
            tokio::time::sleep(Duration::from_micros(number)).await;
            tokio::task::yield_now().await;
            number
        })
        .add_callback(move |number| total.set(total.get() + number));
    }
    fate.run().unwrap();
    assert_eq!(total.get(), 499_500);
}

/// H1: cancelling drops the future over there, and the run goes on no more for it.
#[test]
fn cancelling_drops_the_future_over_there() {
    let fate = Fate::new().unwrap();
    let (sender, dropped) = channel();
    let mark = Mark(sender);
    let deferred = fate.defer_to_tokio(async move {
        pending::<()>().await;
        drop(mark);
    });
    fate.call_soon({
        let control = deferred.control();
        move |_| control.cancel()
    });
    let failure = failing(deferred);
    fate.run().unwrap();
    assert!(failure.borrow().as_ref().unwrap().is::<Cancelled>());
    assert_eq!(dropped.recv().unwrap().as_deref(), Some("fate-tokio"));
}

/// H1: a future that panics fails its Deferred with the words, and the others go on.
#[test]
fn a_panic_comes_home() {
    let fate = Fate::new().unwrap();
    let failure = failing(fate.defer_to_tokio(async { panic!("no tea") }));
    let after = Rc::new(Cell::new(false));
    let told = after.clone();
    fate.defer_to_tokio(async { tokio::task::yield_now().await }).add_callback(move |()| told.set(true));
    fate.run().unwrap();
    assert_eq!(failure.borrow().as_ref().unwrap().to_string(), "panicked on a thread: no tea");
    assert!(failure.borrow().as_ref().unwrap().is::<ThreadPanicked>());
    assert!(after.get());
}

/// L2: a shutdown does not wait for what is over there, and cancels it.
#[test]
fn a_shutdown_does_not_wait_for_tokio() {
    let fate = Fate::builder().grace(Duration::from_secs(600)).build().unwrap();
    let failure = failing(fate.defer_to_tokio(pending::<()>()));
    fate.call_soon(|fate| fate.shutdown());
    fate.run().unwrap();
    assert!(failure.borrow().as_ref().unwrap().is::<Cancelled>());
}

/// L2: but it waits for what a trigger gives.
#[test]
fn a_trigger_may_use_tokio() {
    let fate = Fate::new().unwrap();
    let saved = Arc::new(AtomicBool::new(false));
    let flag = saved.clone();
    fate.before_shutdown(move |fate| {
        fate.defer_to_tokio(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            flag.store(true, Ordering::SeqCst);
        })
    });
    fate.call_soon(|fate| fate.shutdown());
    fate.run().unwrap();
    assert!(saved.load(Ordering::SeqCst));
}

/// L7: the thread and what is on it go with the Fate.
#[test]
fn nothing_is_left_when_the_fate_goes() {
    let fate = Fate::new().unwrap();
    let (sender, dropped) = channel();
    let mark = Mark(sender);
    let handle = fate.tokio_handle().unwrap();
    handle.spawn(async move {
        pending::<()>().await;
        drop(mark);
    });
    fate.run().unwrap();
    assert!(dropped.try_recv().is_err());
    drop(fate);
    assert_eq!(dropped.try_recv().unwrap().as_deref(), Some("fate-tokio"));
}

/// V1: a simulation has one history, so what has a thread and a time of its own is refused there.
#[test]
fn there_is_no_tokio_in_a_simulation() {
    let mut sim = Sim::new(1);
    let failure = failing(sim.host("here").defer_to_tokio(async {}));
    sim.run().unwrap();
    let error = failure.take().unwrap().trap::<io::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
