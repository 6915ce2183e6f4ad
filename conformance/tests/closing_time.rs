//! L2, L3 and L5 on each driver, with live connections: what a shutdown does to them, and when a run ends because of them.

use fate::{Fate, Kind, Protocol, Reason, Transport};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    a_shutdown_sends_what_was_written_and_closes,
    a_shutdown_aborts_who_does_not_read_once_the_deadline_is_over,
    a_shutdown_accepts_nobody_while_it_waits_for_its_triggers,
    what_a_task_wrote_is_sent_although_the_task_is_dropped,
    a_run_ends_when_the_last_connection_does,
    the_report_names_who_listens_and_who_is_connected,
    a_run_after_a_shutdown_can_listen_again_at_the_same_port,
    a_write_after_the_last_turn_is_sent_by_the_next_run,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// L2.
fn a_shutdown_sends_what_was_written_and_closes(ground: &Ground) {
    let fate = ground.fate();
    let (record, heard) = (Record::default(), Rc::new(RefCell::new(Vec::new())));
    record.on_each(|word, transport, _| {
        if word == "data" {
            transport.write(&[7; 2_000_000]);
            transport.fate().shutdown();
        }
    });
    let (listener, kept) = (listening(&fate), record.clone());
    let address = listener.local_addr();
    listener.serve(move |_| Recorder::new(&kept));
    struct Client(Rc<RefCell<Vec<u8>>>);
    impl Protocol for Client {
        fn connection_made(&mut self, transport: &Transport) {
            transport.write(b"go");
        }
        fn data_received(&mut self, _: &Transport, data: &[u8]) {
            self.0.borrow_mut().extend_from_slice(data);
        }
    }
    // The client is on the same Fate, and closes when the server does: what it is sent until then it still hears.
    let into = heard.clone();
    fate.connect_tcp(&address.to_string()).add_callback(move |stream| {
        stream.drive(Client(into));
    });
    fate.run().unwrap();
    assert_eq!(record.words(), ["made", "data", "pause", "lost: closed"]);
    assert!(heard.borrow().iter().all(|byte| *byte == 7));
    assert!(fate.report().left.is_empty(), "{}", fate.report());
}

/// L2, N3.
fn a_shutdown_aborts_who_does_not_read_once_the_deadline_is_over(ground: &Ground) {
    let fate = ground.fate_with(Fate::builder().grace(5 * MILLISECOND));
    let record = Record::default();
    let (listener, kept) = (listening(&fate), record.clone());
    let address = listener.local_addr();
    listener.serve(move |_| Recorder::new(&kept));
    let stream = Rc::new(RefCell::new(None));
    let held = stream.clone();
    fate.connect_tcp(&address.to_string()).add_callback(move |stream| *held.borrow_mut() = Some(stream));
    record.on_each(|word, transport, _| {
        if word == "made" {
            transport.write(&vec![0; 30_000_000]);
            transport.fate().shutdown();
        }
    });
    fate.run().unwrap();
    assert_eq!(record.words(), ["made", "pause", "lost: shut down"]);
    let left = fate.report().left;
    assert!(left.iter().any(|live| live.kind == Kind::Connection && live.waits_for.contains("bytes")), "{left:?}");
    drop(stream);
}

/// L2.
fn a_shutdown_accepts_nobody_while_it_waits_for_its_triggers(ground: &Ground) {
    let fate = ground.fate();
    let refused = Rc::new(RefCell::new(false));
    let (listener, seen) = (listening(&fate), refused.clone());
    let address = listener.local_addr().to_string();
    let port = listener.serve(|_| Recorder::new(&Record::default()));
    fate.before_shutdown(move |fate| {
        let here = fate.clone();
        fate.spawn(async move {
            here.sleep(MILLISECOND).await;
            *seen.borrow_mut() = here.connect_tcp(&address).await.is_err();
        })
    });
    fate.call_soon(|fate| fate.shutdown());
    fate.run().unwrap();
    assert!(*refused.borrow());
    assert!(!port.is_listening());
}

/// L2.
fn what_a_task_wrote_is_sent_although_the_task_is_dropped(ground: &Ground) {
    let fate = ground.fate();
    let record = Record::default();
    let (listener, kept) = (listening(&fate), record.clone());
    let address = listener.local_addr();
    listener.serve(move |_| Recorder::new(&kept));
    let here = fate.clone();
    fate.spawn(async move {
        let mut stream = connected(&here, address).await;
        stream.write_all(b"famous last words").await?;
        here.shutdown();
        std::future::pending::<()>().await;
        fate::Ok(())
    });
    fate.run().unwrap();
    assert_eq!(record.count("lost"), record.count("made"));
}

/// L3.
fn a_run_ends_when_the_last_connection_does(ground: &Ground) {
    let fate = ground.fate();
    let record = Record::default();
    let (listener, kept) = (listening(&fate), record.clone());
    let address = listener.local_addr();
    let port = listener.serve(move |_| Recorder::new(&kept));
    let (here, seen) = (fate.clone(), record.clone());
    fate.spawn(async move {
        let mut stream = connected(&here, address).await;
        seen.wait_for(&here, "made").await;
        port.stop();
        stream.write_all(b"is anybody there?").await?;
        here.sleep(MILLISECOND).await;
        fate::Ok(())
    });
    fate.run().unwrap();
    assert_eq!(record.words(), ["made", "data", "eof", "lost: closed"]);
    assert!(fate.report().live.is_empty(), "{}", fate.report());
}

/// O2.
fn the_report_names_who_listens_and_who_is_connected(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let client = connected(fate, listener.local_addr()).await;
        let (server, _) = listener.accept().await.unwrap();
        let live = fate.report().live;
        let count = |kind| live.iter().filter(|live| live.kind == kind).count();
        assert_eq!((count(Kind::Listener), count(Kind::Connection)), (1, 2), "{live:?}");
        let here = live.iter().find(|live| live.kind == Kind::Listener).unwrap();
        assert!(here.place.file().ends_with("recorder.rs") && here.waits_for.contains("127.0.0.1"), "{here}");
        drop((client, server, listener));
        fate.sleep(MILLISECOND).await;
        let report = fate.report();
        assert!(report.live.iter().all(|live| live.kind != Kind::Listener), "{report}");
    });
}

/// L1.
fn a_run_after_a_shutdown_can_listen_again_at_the_same_port(ground: &Ground) {
    let fate = ground.fate();
    let mut listener = listening(&fate);
    let address = listener.local_addr();
    for _ in 0..3 {
        listener.serve(|_| Recorder::new(&Record::default()));
        fate.call_soon(|fate| fate.shutdown());
        fate.run().unwrap();
        listener = fate.listen_tcp(address).unwrap();
    }
}

/// N2.
fn a_write_after_the_last_turn_is_sent_by_the_next_run(ground: &Ground) {
    let fate = ground.fate();
    let (mut client, mut server) = fate.run_until(async {
        let listener = listening(&fate);
        let client = connected(&fate, listener.local_addr()).await;
        (client, listener.accept().await.unwrap().0)
    });
    fate.run_until(async { client.write_all(b"between two runs").await.unwrap() });
    let mut heard = [0; 16];
    fate.run_until(async { AsyncReadExt::read_exact(&mut server, &mut heard).await.unwrap() });
    assert_eq!(&heard, b"between two runs");
    struct Deaf;
    impl Protocol for Deaf {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
        fn connection_lost(&mut self, _: &Transport, reason: Reason) {
            assert!(reason.is_clean());
        }
    }
    server.drive(Deaf);
    drop(client);
    fate.run().unwrap();
}
