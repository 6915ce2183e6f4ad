//! N1 to N5, E3 and N13 on each driver: connections, from both ends, over loopback.

use fate::{Bytes, Failure, Fate, Protocol, Reason, Transport, Verdict, Written};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening, recorded};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    a_connection_is_made_once_then_has_data_then_is_lost_once,
    a_protocol_that_echoes_gives_back_every_byte_in_order,
    a_connection_that_is_reset_says_so_with_the_kernels_error,
    an_abort_a_fault_and_a_close_are_told_apart,
    nobody_listening_is_a_refusal,
    what_is_written_before_the_close_arrives_and_what_is_written_after_is_refused,
    a_large_answer_arrives_whole_although_the_client_has_more_to_say,
    a_peer_that_never_reads_is_aborted_after_the_deadline,
    an_abort_throws_away_what_was_not_sent,
    each_side_can_finish_by_itself,
    a_paused_reader_learns_that_the_peer_is_gone_and_gets_the_rest_on_resume,
    pausing_holds_bytes_back_and_resuming_delivers_them,
    an_echo_to_a_peer_that_never_reads_is_bounded,
    writers_are_told_to_pause_and_to_resume_in_turn,
    a_source_is_paused_while_its_sink_is_full,
    drained_fires_when_all_is_sent,
    pieces_and_shared_bytes_leave_in_order,
    a_protocol_that_panics_loses_its_connection_alone,
    a_protocol_that_finds_a_fault_loses_its_connection_with_it,
    a_protocol_is_not_entered_twice,
    bytes_that_came_before_a_stream_is_driven_come_first,
    a_flood_on_one_connection_costs_the_others_no_more_than_a_turn,
    a_hundred_connections_at_once_keep_their_bytes_apart,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const BIG: usize = 3_000_000;

/// Bytes of which no two stretches are alike.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

/// N1.
fn a_connection_is_made_once_then_has_data_then_is_lost_once(ground: &Ground) {
    let record = Record::default();
    ground.run(async |fate| {
        let mut stream = recorded(fate, &record).await;
        stream.write_all(b"tea").await.unwrap();
        stream.close().await.unwrap();
        record.wait_for(fate, "lost").await;
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    });
    assert_eq!(record.words(), ["made", "data", "eof", "lost: closed"]);
    assert_eq!(record.bytes(), b"tea");
}

/// N1, N2.
fn a_protocol_that_echoes_gives_back_every_byte_in_order(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        listener.serve(|_| Echo);
        let stream = connected(fate, address).await;
        let sent = noise(BIG);
        let (mut reader, mut writer) = (&stream, &stream);
        let write = async {
            writer.write_all(&sent).await.unwrap();
            writer.close().await.unwrap();
        };
        let mut answer = Vec::new();
        let read = async { reader.read_to_end(&mut answer).await.unwrap() };
        futures_lite::future::zip(write, read).await;
        assert!(answer == sent, "{} of {} bytes came back, or others", answer.len(), sent.len());
    });
}

/// N1.
fn a_connection_that_is_reset_says_so_with_the_kernels_error(ground: &Ground) {
    let (record, is_reset) = (Record::default(), Rc::new(Cell::new(false)));
    struct Witness(Rc<Cell<bool>>, Record);
    impl Protocol for Witness {
        fn connection_made(&mut self, transport: &Transport) {
            Recorder::new(&self.1).connection_made(transport);
        }
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
        fn connection_lost(&mut self, transport: &Transport, reason: Reason) {
            self.0.set(reason.is_reset() && reason.os_error().is_some_and(|error| error.raw_os_error().is_some()));
            Recorder::new(&self.1).connection_lost(transport, reason);
        }
    }
    ground.run(async |fate| {
        let (listener, seen) = (listening(fate), is_reset.clone());
        let (address, kept) = (listener.local_addr(), record.clone());
        listener.serve(move |_| Witness(seen.clone(), kept.clone()));
        let stream = connected(fate, address).await;
        record.wait_for(fate, "made").await;
        stream.drive(Recorder::new(&Record::default())).abort_connection();
        record.wait_for(fate, "lost").await;
    });
    assert_eq!(record.words(), ["made", "lost: connection lost"]);
    assert!(is_reset.get());
}

/// N1.
fn an_abort_a_fault_and_a_close_are_told_apart(ground: &Ground) {
    type End = fn(&Transport);
    let ends: [(End, &str); 3] = [
        (|transport| transport.abort_connection(), "lost: aborted"),
        (|transport| transport.fail("a spoon is missing"), "lost: the protocol failed"),
        (|transport| transport.lose_connection(), "lost: closed"),
    ];
    for (end, word) in ends {
        let record = Record::default();
        ground.another().run(async |fate| {
            let stream = recorded(fate, &record).await;
            record.wait_for(fate, "made").await;
            end(&record.transport());
            assert_eq!(record.words(), ["made"], "never in place");
            end(&record.transport());
            record.wait_for(fate, "lost").await;
            drop(stream);
            fate.sleep(MILLISECOND).await;
        });
        assert_eq!(record.words(), ["made", word]);
    }
}

/// N1, N7.
fn nobody_listening_is_a_refusal(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        drop(listener);
        fate.sleep(MILLISECOND).await;
        let failure = fate.connect_tcp(&address.to_string()).await.unwrap_err();
        let error = failure.to_string();
        assert!(error.to_lowercase().contains("refused"), "{error}");
    });
}

/// N2.
fn what_is_written_before_the_close_arrives_and_what_is_written_after_is_refused(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "made" {
            assert_eq!(transport.write(b"before"), Written::Taken);
            transport.lose_connection();
            assert_eq!(transport.write(b"after"), Written::Refused);
            assert!(!transport.is_open());
        }
    });
    ground.run(async |fate| {
        let mut stream = recorded(fate, &record).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"before");
        drop(stream);
        record.wait_for(fate, "lost").await;
    });
    assert_eq!(record.words(), ["made", "lost: closed"]);
}

/// N3.
fn a_large_answer_arrives_whole_although_the_client_has_more_to_say(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "data" && transport.is_open() {
            transport.write(&noise(BIG));
            transport.lose_connection();
        }
    });
    ground.run(async |fate| {
        let stream = recorded(fate, &record).await;
        let (mut reader, mut writer) = (&stream, &stream);
        writer.write_all(b"give").await.unwrap();
        record.wait_for(fate, "data").await;
        // Nobody will read this; a kernel would reset the connection for it, and lose the answer.
        let _ = writer.write_all(&[0; 4000]).await;
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).await.unwrap();
        assert!(answer == noise(BIG), "{} bytes", answer.len());
    });
}

/// N3.
fn a_peer_that_never_reads_is_aborted_after_the_deadline(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "made" {
            transport.write(&vec![0; 30_000_000]);
            transport.lose_connection_within(5 * MILLISECOND);
        }
    });
    ground.run(async |fate| {
        let stream = recorded(fate, &record).await;
        let begin = fate.now();
        record.wait_for(fate, "lost").await;
        assert!(fate.now() >= begin);
        drop(stream);
    });
    assert_eq!(record.words(), ["made", "lost: not taken by the other side in time"]);
}

/// N3.
fn an_abort_throws_away_what_was_not_sent(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "made" {
            transport.write(b"never seen");
            transport.abort_connection();
            assert_eq!(transport.buffered(), 0);
        }
    });
    ground.run(async |fate| {
        let mut stream = recorded(fate, &record).await;
        let mut answer = Vec::new();
        let outcome = stream.read_to_end(&mut answer).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(answer.is_empty());
    });
    assert_eq!(record.words(), ["made", "lost: aborted"]);
}

/// N4.
fn each_side_can_finish_by_itself(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "eof" {
            assert_eq!(transport.write(b"I have heard all"), Written::Taken);
            transport.lose_write_connection();
            assert_eq!(transport.write(b"too late"), Written::Refused);
        }
    });
    ground.run(async |fate| {
        let (listener, kept) = (listening(fate), record.clone());
        let address = listener.local_addr();
        listener.serve(move |_| Recorder::half_open(&kept));
        let mut stream = connected(fate, address).await;
        stream.write_all(b"that is all").await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(stream.write(b"no").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"I have heard all");
        record.wait_for(fate, "lost").await;
    });
    assert_eq!(
        (record.words().join(" "), record.bytes()),
        ("made data eof lost: closed".into(), b"that is all".into())
    );
}

/// N4.
fn a_paused_reader_learns_that_the_peer_is_gone_and_gets_the_rest_on_resume(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "made" {
            transport.pause_reading();
        }
    });
    ground.run(async |fate| {
        let mut stream = recorded(fate, &record).await;
        record.wait_for(fate, "made").await;
        stream.write_all(b"the rest").await.unwrap();
        drop(stream);
        record.wait_for(fate, "peer closed").await;
        fate.sleep(MILLISECOND).await;
        assert_eq!(record.words(), ["made", "peer closed"]);
        record.transport().resume_reading();
        assert_eq!(record.words(), ["made", "peer closed"], "never in place");
        record.wait_for(fate, "lost").await;
    });
    assert_eq!(record.words(), ["made", "peer closed", "data", "eof", "lost: closed"]);
    assert_eq!(record.bytes(), b"the rest");
}

/// N4, N5.
fn pausing_holds_bytes_back_and_resuming_delivers_them(ground: &Ground) {
    let record = Record::default();
    record.on_each(|word, transport, _| {
        if word == "data" {
            transport.pause_reading();
        }
    });
    let sent = noise(500_000);
    ground.run(async |fate| {
        let stream = recorded(fate, &record).await;
        let mut writer = &stream;
        let write = async {
            writer.write_all(&sent).await.unwrap();
            writer.close().await.unwrap();
        };
        let resume = async {
            while record.received() < sent.len() {
                fate.sleep(MILLISECOND / 5).await;
                if record.is_made() {
                    record.transport().resume_reading();
                }
            }
            record.wait_for(fate, "lost").await;
        };
        futures_lite::future::zip(write, resume).await;
    });
    assert!(record.bytes() == sent);
}

/// N5.
fn an_echo_to_a_peer_that_never_reads_is_bounded(ground: &Ground) {
    let record = Record::default();
    let most = Rc::new(Cell::new(0));
    let seen = most.clone();
    record.on_each(move |word, transport, data| {
        if word == "data" {
            transport.write(data);
            seen.set(seen.get().max(transport.buffered()));
        }
    });
    ground.run(async |fate| {
        let stream = recorded(fate, &record).await;
        let mut writer = &stream;
        let flood = async {
            let _ = writer.write_all(&vec![0; 50_000_000]).await;
        };
        let enough = async {
            let mut before = usize::MAX;
            while before != record.received() {
                before = record.received();
                fate.sleep(20 * MILLISECOND).await;
            }
        };
        futures_lite::future::or(flood, enough).await;
    });
    assert!(record.received() > 0 && record.received() < 50_000_000);
    assert!(most.get() < 1_000_000, "{} bytes", most.get());
}

/// N5.
fn writers_are_told_to_pause_and_to_resume_in_turn(ground: &Ground) {
    let record = Record::default();
    ground.run(async |fate| {
        let stream = recorded(fate, &record).await;
        record.wait_for(fate, "made").await;
        for round in 1..4 {
            let transport = record.transport();
            transport.set_write_marks(1000, 100_000);
            assert_eq!(transport.write(&[0; 100]), Written::Taken);
            // More than a kernel takes at once.
            assert_eq!(transport.write(&vec![0; 20_000_000]), Written::OverTheMark);
            assert_eq!(record.count("pause"), round - 1, "never in place");
            while record.count("pause") < round {
                fate.sleep(MILLISECOND / 5).await;
            }
            assert_eq!(record.count("resume"), round - 1);
            stream.read_exact(&mut vec![0; 20_000_100]).await.unwrap();
            while record.count("resume") < round {
                fate.sleep(MILLISECOND / 5).await;
            }
            assert!(transport.buffered() <= 1000);
        }
    });
    assert_eq!(record.words(), ["made", "pause", "resume", "pause", "resume", "pause", "resume"]);
}

/// N5.
fn a_source_is_paused_while_its_sink_is_full(ground: &Ground) {
    ground.run(async |fate| {
        let (source, sink) = (Record::default(), Record::default());
        let source_end = recorded(fate, &source).await;
        let sink_end = recorded(fate, &sink).await;
        source.wait_for(fate, "made").await;
        sink.wait_for(fate, "made").await;
        source.transport().pause_while_full(&sink.transport());
        let (into, most) = (sink.transport(), Rc::new(Cell::new(0)));
        let seen = most.clone();
        source.on_each(move |word, _, data| {
            if word == "data" {
                into.write(data);
                seen.set(seen.get().max(into.buffered()));
            }
        });
        let sent = noise(BIG);
        let (mut writer, mut reader) = (&source_end, &sink_end);
        let write = async { writer.write_all(&sent).await.unwrap() };
        let mut answer = vec![0; BIG];
        let read = async {
            fate.sleep(5 * MILLISECOND).await;
            AsyncReadExt::read_exact(&mut reader, &mut answer).await.unwrap();
        };
        futures_lite::future::zip(write, read).await;
        assert!(answer == sent);
        assert!(most.get() < 1_000_000, "{} bytes", most.get());
    });
}

/// N5.
fn drained_fires_when_all_is_sent(ground: &Ground) {
    ground.run(async |fate| {
        let record = Record::default();
        let stream = recorded(fate, &record).await;
        record.wait_for(fate, "made").await;
        let transport = record.transport();
        transport.drained().await.unwrap();
        transport.write(b"a little");
        transport.drained().await.unwrap();
        assert_eq!(transport.buffered(), 0);
        transport.write(&vec![0; 20_000_000]);
        let drained = transport.drained();
        stream.read_exact(&mut vec![0; 20_000_008]).await.unwrap();
        drained.await.unwrap();
        transport.write(&vec![0; 20_000_000]);
        let never = transport.drained();
        transport.abort_connection();
        assert!(never.await.is_err());
        assert!(transport.drained().await.is_err());
    });
}

/// N2.
fn pieces_and_shared_bytes_leave_in_order(ground: &Ground) {
    ground.run(async |fate| {
        let record = Record::default();
        let stream = recorded(fate, &record).await;
        record.wait_for(fate, "made").await;
        let (transport, page) = (record.transport(), Bytes::from(noise(100_000)));
        let mut expected = Vec::new();
        for _ in 0..20 {
            transport.write(b"head");
            transport.write_bytes(page.clone());
            transport.write_vectored(&[IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")]);
            expected.extend_from_slice(&[b"head", &page[..], b"onetwo"].concat());
        }
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer == expected);
        stream.write_bytes(page.clone()).await.unwrap();
        while record.received() < page.len() {
            fate.sleep(MILLISECOND / 5).await;
        }
        assert_eq!(record.bytes(), page);
    });
}

/// E3, E2.
fn a_protocol_that_panics_loses_its_connection_alone(ground: &Ground) {
    let faults = Rc::new(Cell::new(0));
    let count = faults.clone();
    let settings = Fate::builder().on_fault(move |_, _| {
        count.set(count.get() + 1);
        Verdict::GoOn
    });
    let fate = ground.fate_with(settings);
    fate.run_until(async {
        let (first, second) = (Record::default(), Record::default());
        first.on_each(|word, _, _| assert_ne!(word, "data", "a panic that was asked for"));
        let (mut one, mut other) = (recorded(&fate, &first).await, recorded(&fate, &second).await);
        one.write_all(b"panic").await.unwrap();
        first.wait_for(&fate, "lost").await;
        assert_eq!(first.words(), ["made", "data", "lost: the protocol failed"]);
        assert_eq!(one.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        other.write_all(b"go on").await.unwrap();
        second.wait_for(&fate, "data").await;
    });
    assert_eq!(faults.get(), 1);
}

/// E3.
fn a_protocol_that_finds_a_fault_loses_its_connection_with_it(ground: &Ground) {
    #[derive(Default)]
    struct Picky(Rc<RefCell<Option<String>>>);
    impl Protocol for Picky {
        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            if let Err(error) = std::str::from_utf8(data) {
                transport.fail(error);
            }
        }
        fn connection_lost(&mut self, _: &Transport, reason: Reason) {
            let Reason::Failed(failure) = reason else { panic!("{reason:?}") };
            assert!(failure.is::<std::str::Utf8Error>());
            *self.0.borrow_mut() = Some(Failure::to_string(&failure));
        }
    }
    ground.run(async |fate| {
        let (listener, seen) = (listening(fate), Rc::new(RefCell::new(None)));
        let (address, told) = (listener.local_addr(), seen.clone());
        listener.serve(move |_| Picky(told.clone()));
        let mut stream = connected(fate, address).await;
        stream.write_all(b"\xff").await.unwrap();
        assert!(stream.read(&mut [0; 8]).await.is_err());
        assert!(seen.borrow().as_ref().is_some_and(|words| words.contains("utf-8")));
    });
}

/// N1: also when the protocol lets other things happen while it is being called.
fn a_protocol_is_not_entered_twice(ground: &Ground) {
    ground.run(async |fate| {
        let (record, depth) = (Record::default(), Rc::new(Cell::new(0)));
        let inside = depth.clone();
        struct Nested(Record, Rc<Cell<i32>>);
        impl Protocol for Nested {
            fn data_received(&mut self, transport: &Transport, data: &[u8]) {
                assert_eq!(self.1.replace(self.1.get() + 1), 0, "entered twice");
                for _ in 0..3 {
                    transport.fate().turn(MILLISECOND).unwrap();
                }
                self.1.set(0);
                Recorder::new(&self.0).data_received(transport, data);
            }
            fn connection_lost(&mut self, transport: &Transport, reason: Reason) {
                assert_eq!(self.1.get(), 0);
                Recorder::new(&self.0).connection_lost(transport, reason);
            }
        }
        let (listener, kept) = (listening(fate), record.clone());
        let address = listener.local_addr();
        listener.serve(move |_| Nested(kept.clone(), inside.clone()));
        let mut stream = connected(fate, address).await;
        for piece in [&b"one "[..], b"two ", b"three"] {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
            fate.sleep(MILLISECOND / 2).await;
        }
        drop(stream);
        record.wait_for(fate, "lost").await;
        assert_eq!(record.bytes(), b"one two three");
        assert_eq!(depth.get(), 0);
    });
}

/// N1, A4.
fn bytes_that_came_before_a_stream_is_driven_come_first(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        let mut client = connected(fate, address).await;
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(b"0123456789").await.unwrap();
        let mut first = [0; 4];
        server.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"0123");
        let record = Record::default();
        server.drive(Recorder::new(&record));
        client.write_all(b"abc").await.unwrap();
        client.close().await.unwrap();
        record.wait_for(fate, "lost").await;
        assert_eq!(
            (record.words().join(" "), record.bytes()),
            ("made data eof lost: closed".into(), b"456789abc".into())
        );
    });
}

/// N13.
fn a_flood_on_one_connection_costs_the_others_no_more_than_a_turn(ground: &Ground) {
    ground.run(async |fate| {
        let flood = Record::default();
        let flooding = recorded(fate, &flood).await;
        let listener = listening(fate);
        let address = listener.local_addr();
        listener.serve(|_| Echo);
        let mut others = Vec::new();
        for _ in 0..9 {
            others.push(connected(fate, address).await);
        }
        let mut writer = &flooding;
        let pour = async { while writer.write_all(&[0; 65_536]).await.is_ok() {} };
        let ask = async {
            for _ in 0..20 {
                for stream in &mut others {
                    let before = fate.report().turns;
                    stream.write_all(b"still there?").await.unwrap();
                    let mut answer = [0; 12];
                    stream.read_exact(&mut answer).await.unwrap();
                    let turns = fate.report().turns - before;
                    assert!(turns < 100, "{turns} turns for an answer");
                }
            }
        };
        futures_lite::future::or(pour, ask).await;
        assert!(flood.received() > 0);
    });
}

/// N1.
fn a_hundred_connections_at_once_keep_their_bytes_apart(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        listener.serve(|_| Echo);
        let clients = (0..100_u32).map(|number| {
            let here = fate.clone();
            fate.spawn(async move {
                let mut stream = connected(&here, address).await;
                for round in 0..10_u32 {
                    let question = format!("{number}:{round};").repeat(50);
                    stream.write_all(question.as_bytes()).await?;
                    let mut answer = vec![0; question.len()];
                    stream.read_exact(&mut answer).await?;
                    assert_eq!(answer, question.as_bytes());
                }
                fate::Ok(())
            })
        });
        for outcome in fate.gather_results(clients).await.unwrap() {
            outcome.unwrap();
        }
    });
}
