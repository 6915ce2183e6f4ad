//! What gives or takes one thing after another, as the `futures` crates know it.

use fate::framing::{FrameError, LengthPrefix, Lines};
use fate::sim::Sim;
use fate::{Deferred, DeferredQueue, Fate, Signal};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What a Deferred comes to.
fn kept<T: 'static>(deferred: Deferred<T>) -> Rc<Cell<Option<T>>> {
    let place = Rc::new(Cell::new(None));
    let kept = place.clone();
    deferred.add_callback(move |value| place.set(Some(value)));
    kept
}

fn two(sim: &mut Sim) -> (Fate, Fate) {
    (sim.host("server"), sim.host("client"))
}

/// N1: a listener gives the connections that come, in their order, and ends with a shutdown.
#[test]
fn a_listener_is_a_stream_that_ends_when_it_listens_no_more() -> fate::Result {
    let mut sim = Sim::new(1);
    let (server, client) = two(&mut sim);
    let mut listener = server.listen_tcp("0.0.0.0:7000")?;
    let seen = Rc::new(Cell::new(0));
    let count = seen.clone();
    server.spawn(async move {
        while let Some(accepted) = listener.next().await {
            let (_, peer) = accepted?;
            assert!(peer.ip().is_ipv4());
            count.set(count.get() + 1);
        }
        count.set(count.get() + 100);
        fate::Ok(())
    });
    let visitor = client.clone();
    client.spawn(async move {
        for _ in 0..3 {
            drop(visitor.connect_tcp("server:7000").await?);
        }
        fate::Ok(())
    });
    server.get_fuse(SECOND).set_handler(Fate::shutdown);
    sim.run()?;
    assert_eq!(seen.get(), 103);
    Ok(())
}

/// N10: the same of a listener that has a file.
#[test]
fn a_unix_listener_is_a_stream_that_ends_when_it_listens_no_more() -> fate::Result {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let mut listener = fate.listen_unix("/run/rabbit-hole")?;
    let (seen, visitor) = (Rc::new(Cell::new(0)), fate.clone());
    let count = seen.clone();
    fate.spawn(async move {
        while let Some(accepted) = listener.next().await {
            assert_eq!(accepted?.read_line(100).await?.as_deref(), Some("late"));
            count.set(count.get() + 1);
        }
        count.set(count.get() + 100);
        fate::Ok(())
    });
    fate.spawn(async move {
        for _ in 0..3 {
            visitor.connect_unix("/run/rabbit-hole").await?.write_bytes("late\n".into()).await?;
        }
        fate::Ok(())
    });
    fate.get_fuse(SECOND).set_handler(Fate::shutdown);
    sim.run()?;
    assert_eq!(seen.get(), 103);
    Ok(())
}

/// S1: signals come one after another.
#[test]
fn signals_are_a_stream() -> fate::Result {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let signals = fate.signals(&[Signal::HUP, Signal::USR1])?.keep_alive();
    let heard = kept(fate.spawn(signals.take(2).collect::<Vec<_>>()));
    sim.signal("here", Signal::USR1);
    sim.run_until(SECOND)?;
    sim.signal("here", Signal::HUP);
    sim.run()?;
    assert_eq!(heard.take(), Some(vec![Signal::USR1, Signal::HUP]));
    Ok(())
}

/// S1: after a shutdown, and when the Fate is gone, there are no more. Tasks do not outlast a shutdown, but who has begun
/// anew with the same Fate sees it.
#[test]
fn a_stream_of_signals_ends_with_a_shutdown_and_with_its_fate() -> fate::Result {
    let (before, gone) = {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        let (before, gone) = (fate.signals(&[Signal::HUP])?.keep_alive(), fate.signals(&[Signal::HUP])?);
        fate.get_fuse(SECOND).set_handler(Fate::shutdown);
        sim.run()?;
        (before, gone)
    };
    for mut signals in [before, gone] {
        assert_eq!(futures_lite::future::block_on(StreamExt::next(&mut signals)), None);
    }
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let mut signals = fate.signals(&[Signal::HUP])?.keep_alive();
    fate.get_fuse(SECOND).set_handler(Fate::shutdown);
    sim.run_until(SECOND * 2)?;
    let ended = kept(fate.spawn(async move { StreamExt::next(&mut signals).await }));
    sim.run_until(SECOND * 3)?;
    assert_eq!(ended.take(), Some(None));
    Ok(())
}

/// D10: an item that nobody looked at is in the queue again.
#[test]
fn a_stream_of_items_that_is_dropped_leaves_them_in_the_queue() -> fate::Result {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let queue = DeferredQueue::new(&fate);
    let mut items = queue.items();
    let (both, here) = (queue.clone(), fate.clone());
    fate.spawn(async move {
        assert!(futures_lite::future::poll_once(items.next()).await.is_none());
        drop(both.put("first"));
        drop(both.put("second"));
        drop(items);
        here.sleep(SECOND).await;
        assert_eq!(both.items().take(2).collect::<Vec<_>>().await, ["first", "second"]);
    });
    sim.run()?;
    assert!(queue.is_empty());
    Ok(())
}

/// A queue whose Fate is gone has no more items, and nothing panics.
#[test]
fn items_end_with_their_fate() {
    let queue = {
        let mut sim = Sim::new(1);
        DeferredQueue::<u32>::new(&sim.host("here"))
    };
    assert_eq!(futures_lite::future::block_on(queue.items().next()), None);
}

/// N6: frames go round, also such as are longer than what a stream holds otherwise.
#[test]
fn frames_are_a_stream_and_a_sink() -> fate::Result {
    const LONGEST: usize = 1 << 20;
    let mut sim = Sim::new(1);
    let (server, client) = two(&mut sim);
    let listener = server.listen_tcp("0.0.0.0:7000")?;
    server.spawn(async move {
        let (stream, _) = listener.accept().await?;
        let (words, echo) = (stream.frames(LengthPrefix::u32(LONGEST)), stream.frames(LengthPrefix::u32(LONGEST)));
        words.forward(echo).await
    });
    let lengths = [0, 1, 70_000, 500_000, LONGEST];
    let done = kept(client.clone().spawn(async move {
        let stream = client.connect_tcp("server:7000").await?;
        let mut out = stream.frames(LengthPrefix::u32(LONGEST));
        let sending = async {
            for length in lengths {
                out.send(vec![7; length].into()).await?;
            }
            out.close().await
        };
        let back = stream.frames(LengthPrefix::u32(LONGEST)).map_ok(|frame| frame.len()).try_collect::<Vec<_>>();
        let (sent, back) = futures_lite::future::zip(sending, back).await;
        sent?;
        assert_eq!(back?, lengths);
        fate::Ok(())
    }));
    sim.run()?;
    assert!(matches!(done.take(), Some(Ok(()))));
    Ok(())
}

/// N6: what is no frame is an error, told once; and what would be read as two is not sent.
#[test]
fn an_error_ends_a_stream_of_frames() -> fate::Result {
    let mut sim = Sim::new(1);
    let (server, client) = two(&mut sim);
    let listener = server.listen_tcp("0.0.0.0:7000")?;
    server.spawn(async move {
        let (stream, _) = listener.accept().await?;
        stream.write_bytes("short\nvery long indeed\n".into()).await?;
        fate::Ok(())
    });
    let done = kept(client.clone().spawn(async move {
        let stream = client.connect_tcp("server:7000").await?;
        let mut lines = stream.frames(Lines::new(10));
        let refused = lines.send("two\nlines".into()).await.unwrap_err();
        assert!(refused.get_ref().is_some_and(|error| error.is::<FrameError>()), "{refused}");
        assert_eq!(lines.next().await.transpose()?.as_deref(), Some(&b"short"[..]));
        let error = lines.next().await.and_then(Result::err).map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::InvalidData));
        assert!(lines.next().await.is_none());
        fate::Ok(())
    }));
    sim.run()?;
    assert!(matches!(done.take(), Some(Ok(()))));
    Ok(())
}

/// N6: what one looked for in vain says nothing of what another looks for, whoever of them is still waiting.
#[test]
fn those_who_look_for_different_things_do_not_disturb_each_other() -> fate::Result {
    let mut sim = Sim::new(1);
    let (server, client) = two(&mut sim);
    let listener = server.listen_tcp("0.0.0.0:7000")?;
    let here = server.clone();
    server.spawn(async move {
        let (stream, _) = listener.accept().await?;
        stream.write_bytes("name;tea\r".into()).await?;
        here.sleep(10 * SECOND).await;
        stream.write_bytes("\nmore\n".into()).await?;
        here.sleep(100 * SECOND).await;
        fate::Ok(())
    });
    let done = kept(client.clone().spawn(async move {
        let stream = client.connect_tcp("server:7000").await?;
        let mut lines = stream.frames(Lines::new(100));
        for _ in 0..2 {
            assert!(futures_lite::future::poll_once(lines.next()).await.is_none());
            client.sleep(SECOND).await;
        }
        assert_eq!(stream.read_until(b';', 100).await?.as_deref(), Some(&b"name;"[..]));
        let mut others = stream.frames(LengthPrefix::u32(1 << 31));
        assert!(futures_lite::future::poll_once(lines.next()).await.is_none());
        client.sleep(10 * SECOND).await;
        assert!(futures_lite::future::poll_once(others.next()).await.is_none());
        assert_eq!(lines.next().await.transpose()?.as_deref(), Some(&b"tea"[..]));
        fate::Ok(())
    }));
    sim.run()?;
    assert!(matches!(done.take(), Some(Ok(()))));
    Ok(())
}

/// N3: who only sends frames has nobody hold more of what comes in.
#[test]
fn frames_that_are_only_sent_hold_nothing_that_comes_in() -> fate::Result {
    let mut sim = Sim::new(1);
    let (server, client) = two(&mut sim);
    let listener = server.listen_tcp("0.0.0.0:7000")?;
    let sent = Rc::new(Cell::new(0));
    let count = sent.clone();
    server.spawn(async move {
        let (stream, _) = listener.accept().await?;
        for _ in 0..1000 {
            stream.write_bytes(vec![7; 10_000].into()).await?;
            count.set(count.get() + 10_000);
        }
        fate::Ok(())
    });
    client.clone().spawn(async move {
        let stream = client.connect_tcp("server:7000").await?;
        stream.read_exact(&mut [0]).await?;
        let mut sink = stream.frames(LengthPrefix::u32(1 << 26));
        sink.send("tea".into()).await?;
        stream.read_exact(&mut [0]).await?;
        client.sleep(1000 * SECOND).await;
        fate::Ok(())
    });
    sim.run_until(100 * SECOND)?;
    assert!(sent.get() < 1_000_000, "{}", sent.get());
    Ok(())
}
