//! N1, N2, N4, N5 and N6 on each driver, where two things meet: corners in which bytes were lost, or somebody slept for ever.

use fate::{Bytes, Fate, Protocol, Setting, Transport};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening, recorded};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    many_pieces_written_in_one_turn_all_leave_although_nothing_else_happens,
    a_send_that_had_to_wait_is_told_to_those_who_came_later,
    a_port_that_pauses_and_resumes_in_one_turn_goes_on,
    a_row_of_waiting_connections_is_accepted_one_by_one,
    what_run_until_has_written_is_sent_though_the_fate_is_dropped,
    a_source_finds_a_new_sink_after_its_old_one_has_died,
    two_tasks_may_ask_for_connections_at_once,
    one_task_may_flush_while_another_waits_for_room,
    connections_accepted_within_a_server_are_served_after_it,
    a_reset_that_nobody_has_heard_of_is_the_reason_of_the_close,
    a_protocol_that_panics_at_the_end_is_dropped,
    a_line_is_found_although_something_else_was_read_meanwhile,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// N2.
fn many_pieces_written_in_one_turn_all_leave_although_nothing_else_happens(ground: &Ground) {
    ground.run(async |fate| {
        let record = Record::default();
        let stream = recorded(fate, &record).await;
        record.wait_for(fate, "made").await;
        fate.sleep(MILLISECOND).await;
        for number in 0..100 {
            record.transport().write_bytes(Bytes::from(vec![number; 10]));
        }
        let mut heard = [0; 1000];
        stream.read_exact(&mut heard).await.unwrap();
        assert!(heard.iter().enumerate().all(|(place, byte)| usize::from(*byte) == place / 10));
    });
}

/// N2, N3, N5.
fn a_send_that_had_to_wait_is_told_to_those_who_came_later(ground: &Ground) {
    for is_closing in [false, true] {
        let (record, done) = (Record::default(), Rc::new(Cell::new(false)));
        ground.another().run(async |fate| {
            let stream = recorded(fate, &record).await;
            record.wait_for(fate, "made").await;
            let transport = record.transport();
            transport.set(Setting::SendBuffer(8192)).unwrap();
            transport.set_write_marks(1 << 20, 1 << 30);
            // Under the mark, so that nobody waits for it; in the end more than the kernel takes.
            let mut length = 0;
            while transport.buffered() == 0 {
                transport.write(&[7; 20_000]);
                length += 20_000;
                fate.sleep(MILLISECOND / 10).await;
            }
            fate.sleep(MILLISECOND).await;
            if is_closing {
                transport.lose_connection();
            } else {
                let flag = done.clone();
                transport.drained().add_callback(move |()| flag.set(true));
            }
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            if is_closing {
                assert_eq!((&stream).read(&mut [0]).await.unwrap(), 0);
            }
            while !is_closing && !done.get() {
                fate.sleep(MILLISECOND / 10).await;
            }
        });
    }
}

/// N6.
fn a_port_that_pauses_and_resumes_in_one_turn_goes_on(ground: &Ground) {
    ground.run(async |fate| {
        let (record, listener) = (Record::default(), listening(fate));
        let (address, kept) = (listener.local_addr(), record.clone());
        let port = listener.serve(move |_| Recorder::new(&kept));
        for round in 1..4 {
            let stream = connected(fate, address).await;
            while record.count("made") < round {
                fate.sleep(MILLISECOND / 10).await;
            }
            port.pause();
            port.resume();
            drop(stream);
        }
    });
}

/// N1.
fn a_row_of_waiting_connections_is_accepted_one_by_one(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        let mut clients = Vec::new();
        for _ in 0..80 {
            clients.push(connected(fate, address).await);
        }
        for _ in 0..80 {
            let (mut server, _) = listener.accept().await.unwrap();
            server.write_all(b"!").await.unwrap();
        }
        for client in &clients {
            client.read_exact(&mut [0]).await.unwrap();
        }
    });
}

/// N2, L7.
fn what_run_until_has_written_is_sent_though_the_fate_is_dropped(ground: &Ground) {
    if ground.is_simulated() {
        // A host that is dropped has no kernel to go on sending for it.
        return;
    }
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let fate = ground.fate();
    fate.run_until(async {
        let mut stream = fate.connect_tcp(&address).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
    });
    drop(fate);
    let mut heard = String::new();
    std::io::Read::read_to_string(&mut server.accept().unwrap().0, &mut heard).unwrap();
    assert_eq!(heard, "hello");
}

/// N5.
fn a_source_finds_a_new_sink_after_its_old_one_has_died(ground: &Ground) {
    ground.run(async |fate| {
        let (source, first, second) = (Record::default(), Record::default(), Record::default());
        let (mut client, one, _two) =
            (recorded(fate, &source).await, recorded(fate, &first).await, recorded(fate, &second).await);
        for record in [&source, &first, &second] {
            record.wait_for(fate, "made").await;
        }
        let from = source.transport();
        from.pause_while_full(&first.transport());
        first.transport().write(&vec![0; 10_000_000]);
        first.transport().abort_connection();
        drop(one);
        first.wait_for(fate, "lost").await;
        from.write(&vec![0; 10_000_000]);
        from.pause_while_full(&second.transport());
        client.write_all(b"goes on").await.unwrap();
        source.wait_for(fate, "data").await;
        from.pause_while_full(&from);
        assert!(from.buffered() > 0);
    });
}

/// N1.
fn two_tasks_may_ask_for_connections_at_once(ground: &Ground) {
    ground.run(async |fate| {
        let listener = Rc::new(listening(fate));
        let address = listener.local_addr();
        let served = Rc::new(Cell::new(0));
        for _ in 0..2 {
            let (listener, served) = (listener.clone(), served.clone());
            fate.spawn(async move {
                let _connection = listener.accept().await?;
                served.set(served.get() + 1);
                fate::Ok(())
            });
        }
        fate.sleep(MILLISECOND).await;
        let _clients = (connected(fate, address).await, connected(fate, address).await);
        while served.get() < 2 {
            fate.sleep(MILLISECOND / 10).await;
        }
    });
}

/// N5.
fn one_task_may_flush_while_another_waits_for_room(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let client = connected(fate, listener.local_addr()).await;
        let (server, _) = listener.accept().await.unwrap();
        let write = async { (&client).write_all(&vec![0; 20_000_000]).await.unwrap() };
        let flush = async { (&client).flush().await.unwrap() };
        let read = async { server.read_exact(&mut vec![0; 20_000_000]).await.unwrap() };
        futures_lite::future::zip(futures_lite::future::zip(write, flush), read).await;
    });
}

/// N1.
fn connections_accepted_within_a_server_are_served_after_it(ground: &Ground) {
    ground.run(async |fate| {
        let (record, listener) = (Record::default(), listening(fate));
        let (address, kept, here) = (listener.local_addr(), record.clone(), fate.clone());
        listener.serve(move |_| {
            for _ in 0..5 {
                here.turn(MILLISECOND / 2).unwrap();
            }
            Recorder::new(&kept)
        });
        let _clients = [connected(fate, address).await, connected(fate, address).await, connected(fate, address).await];
        while record.count("made") < 3 {
            fate.sleep(MILLISECOND / 10).await;
        }
        assert_eq!(record.count("lost"), 0);
    });
}

/// N1, N4.
fn a_reset_that_nobody_has_heard_of_is_the_reason_of_the_close(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "made" {
            transport.pause_reading();
        }
    });
    ground.run(async |fate| {
        let stream = recorded(fate, &record).await;
        record.wait_for(fate, "made").await;
        stream.drive(Recorder::new(&Record::default())).abort_connection();
        record.wait_for(fate, "peer closed").await;
        record.transport().lose_connection();
        record.wait_for(fate, "lost").await;
    });
    assert_eq!(record.words(), ["made", "peer closed", "lost: connection lost"]);
}

/// E2, L7.
fn a_protocol_that_panics_at_the_end_is_dropped(ground: &Ground) {
    struct Keeper(Option<Transport>, #[expect(dead_code, reason = "its drop is what matters")] Rc<()>);
    impl Protocol for Keeper {
        fn connection_made(&mut self, transport: &Transport) {
            self.0 = Some(transport.clone());
            transport.lose_connection();
        }
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
        fn connection_lost(&mut self, _: &Transport, _: fate::Reason) {
            panic!("a panic that was asked for");
        }
    }
    let token = Rc::new(());
    let settings = Fate::builder().on_fault(|_, _| fate::Verdict::GoOn);
    let fate = ground.fate_with(settings);
    fate.run_until(async {
        let (listener, kept) = (listening(&fate), token.clone());
        let address = listener.local_addr();
        let port = listener.serve(move |_| Keeper(None, kept.clone()));
        let mut stream = connected(&fate, address).await;
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        port.stop();
        fate.sleep(MILLISECOND).await;
    });
    assert_eq!(Rc::strong_count(&token), 1);
}

/// A4.
fn a_line_is_found_although_something_else_was_read_meanwhile(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let mut client = connected(fate, listener.local_addr()).await;
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(b"abcdef").await.unwrap();
        let mut line = Box::pin(server.read_line(100));
        let early = async {
            fate.sleep(MILLISECOND).await;
            None
        };
        assert!(futures_lite::future::or(async { Some((&mut line).await) }, early).await.is_none());
        server.read_exact(&mut [0; 6]).await.unwrap();
        client.write_all(b"x\ny").await.unwrap();
        assert_eq!(line.await.unwrap().as_deref(), Some("x"));
    });
}
