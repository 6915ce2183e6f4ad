//! L3 on each driver: what ties a run to a connection, and what does not.

use fate::{Fate, TcpStream, Tether};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    a_run_ends_though_something_may_come_over_a_loose_connection,
    what_comes_over_a_loose_connection_is_told_while_the_run_goes_on,
    a_connection_that_is_fastened_again_keeps_the_run_going,
    a_tether_may_be_loosened_while_somebody_reads_and_at_any_time_before,
    the_end_of_the_other_side_is_no_reason_either_while_reading_is_paused,
    what_a_loose_connection_has_to_send_is_sent_before_the_run_ends,
    a_tether_outlives_its_connection_and_its_fate,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Two ends of a connection, neither of which is read from.
fn pair(fate: &Fate) -> (TcpStream, TcpStream) {
    fate.run_until(async {
        let listener = listening(fate);
        let here = connected(fate, listener.local_addr()).await;
        (here, listener.accept().await.unwrap().0)
    })
}

/// A loose connection that is told of what comes, its tether, and its other end.
fn loose(fate: &Fate, record: &Record) -> (Tether, TcpStream) {
    let (here, there) = pair(fate);
    let tether = here.tether();
    tether.loosen();
    here.drive(Recorder::new(record));
    (tether, there)
}

/// L3.
fn a_run_ends_though_something_may_come_over_a_loose_connection(ground: &Ground) {
    let (fate, record) = (ground.fate(), Record::default());
    let (_tether, there) = loose(&fate, &record);
    fate.run().unwrap();
    assert_eq!(record.words(), ["made"], "it is as open as before");
    // And again, though something has come meanwhile.
    fate.run_until(async { (&there).write_all(b"tea").await.unwrap() });
    fate.run_until(record.wait_for(&fate, "data"));
    fate.run().unwrap();
    assert_eq!(record.words(), ["made", "data"]);
    record.transport().abort_connection();
    fate.run().unwrap();
}

/// L3, N1.
fn what_comes_over_a_loose_connection_is_told_while_the_run_goes_on(ground: &Ground) {
    let (fate, record) = (ground.fate(), Record::default());
    let (_tether, there) = loose(&fate, &record);
    fate.run_until(async {
        for cup in 1..=3 {
            (&there).write_all(b"tea").await.unwrap();
            while record.received() < 3 * cup {
                fate.sleep(MILLISECOND / 10).await;
            }
        }
        drop(there);
        record.wait_for(&fate, "lost").await;
    });
    assert_eq!(record.words(), ["made", "data", "eof", "lost: closed"]);
    fate.run().unwrap();
}

/// L3: whether it was told before or while something is waited for.
fn a_connection_that_is_fastened_again_keeps_the_run_going(ground: &Ground) {
    for is_under_way in [false, true] {
        let ground = ground.another();
        let (fate, record) = (ground.fate(), Record::default());
        let (tether, there) = loose(&fate, &record);
        if is_under_way {
            fate.run().unwrap();
        }
        tether.fasten();
        fate.get_fuse(MILLISECOND).set_handler(move |_| drop(there));
        fate.run().unwrap();
        assert_eq!(record.words(), ["made", "eof", "lost: closed"]);
    }
}

/// L3, A4: and who reads goes on reading in the next run, where nothing is lost.
fn a_tether_may_be_loosened_while_somebody_reads_and_at_any_time_before(ground: &Ground) {
    for is_reading_first in [false, true] {
        let ground = ground.another();
        let fate = ground.fate();
        let (mut here, there) = pair(&fate);
        let tether = here.tether();
        if !is_reading_first {
            tether.loosen();
            tether.loosen();
        }
        let reading = fate.spawn(async move {
            let mut words = Vec::new();
            here.read_to_end(&mut words).await.map(|_| words)
        });
        if is_reading_first {
            fate.run_until(fate.sleep(MILLISECOND));
            tether.loosen();
        }
        fate.run().unwrap();
        let words = fate.run_until(async {
            (&there).write_all(b"more tea").await.unwrap();
            drop(there);
            reading.await.unwrap().unwrap()
        });
        assert_eq!(words, b"more tea");
    }
}

/// L3, N4: it is told, if the run goes on.
fn the_end_of_the_other_side_is_no_reason_either_while_reading_is_paused(ground: &Ground) {
    let (fate, record) = (ground.fate(), Record::default());
    let (_tether, there) = loose(&fate, &record);
    fate.run_until(record.wait_for(&fate, "made"));
    record.transport().pause_reading();
    fate.run().unwrap();
    drop(there);
    fate.run_until(record.wait_for(&fate, "peer closed"));
    record.transport().resume_reading();
    fate.run_until(record.wait_for(&fate, "lost"));
    assert_eq!(record.words(), ["made", "peer closed", "eof", "lost: closed"]);
}

/// L3, N2: only what may come is no reason.
fn what_a_loose_connection_has_to_send_is_sent_before_the_run_ends(ground: &Ground) {
    const MUCH: usize = 8_000_000;
    let (fate, record) = (ground.fate(), Record::default());
    let (tether, mut there) = loose(&fate, &record);
    fate.run_until(record.wait_for(&fate, "made"));
    let transport = record.transport();
    transport.write(&vec![7; MUCH]);
    let (count, seen) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let total = count.clone();
    let there_tether = there.tether();
    // Neither is who reads it.
    there_tether.loosen();
    fate.spawn(async move {
        let mut buffer = vec![0; 100_000];
        while let Ok(1..) = there.read(&mut buffer).await.inspect(|count| total.set(total.get() + count)) {}
    });
    let sent = seen.clone();
    transport.drained().add_callback(move |()| sent.set(1));
    fate.run().unwrap();
    assert_eq!((seen.get(), transport.buffered()), (1, 0));
    assert!(count.get() > 0);
    tether.fasten();
    transport.lose_connection();
    there_tether.fasten();
    fate.run().unwrap();
    assert_eq!(count.get(), MUCH);
}

/// L7, E4.
fn a_tether_outlives_its_connection_and_its_fate(ground: &Ground) {
    let fate = ground.fate();
    let (here, there) = pair(&fate);
    let tether = here.tether();
    drop((here, there));
    tether.loosen();
    fate.run().unwrap();
    tether.fasten();
    drop(fate);
    tether.loosen();
    assert_eq!(format!("{tether:?}"), "Tether");
}
