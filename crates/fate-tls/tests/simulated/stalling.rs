//! Networks that are slow, fail or fall silent, at each moment of a handshake.

use crate::stage::{PORT, Stage, error_of};
use fate::{Cancelled, ConnectFailed, Failure};
use fate_tls::Phase;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(10);

/// Before the connection, in the midst of the first flight, of the second, of the third, and after.
fn moments() -> impl Iterator<Item = Duration> {
    (0..=70).step_by(5).map(Duration::from_millis)
}

fn far_apart() -> Stage {
    let stage = Stage::new();
    stage.sim.link("client", "server").latency(LATENCY..LATENCY);
    stage
}

/// The bytes of a meeting that comes to its end.
async fn say(mut stream: fate::TcpStream, _: fate_tls::Session) -> Result<(), Failure> {
    stream.write_all(b"tea").await?;
    stream.close().await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// N11.
#[test]
fn latency_costs_a_round_trip_for_the_connection_and_one_for_the_agreement() {
    let mut stage = far_apart();
    let (server, client, took) = (stage.server(), stage.client(), Rc::new(Cell::default()));
    let (here, clock) = (stage.here.clone(), took.clone());
    let noting = async move |_: fate::TcpStream, _| {
        clock.set(here.now().duration_since(fate::Instant::START));
        Ok(())
    };
    stage.meet((server, client), async |_, _| Ok(()), noting).both();
    assert!((4 * LATENCY..4 * LATENCY + Duration::from_millis(1)).contains(&took.get()), "{:?}", took.get());
}

/// N11: a silent network is known by the deadline, to the nanosecond, on either side.
#[test]
fn who_falls_silent_at_any_moment_is_given_up_at_the_deadline() {
    let mut phases = [0; 3];
    for moment in moments() {
        let mut stage = far_apart();
        let outcome = stage.begin((stage.server(), stage.client()), say, say);
        stage.sim.run_until(moment).unwrap();
        stage.sim.link("client", "server").partition();
        stage.sim.run_until(Duration::from_secs(11)).unwrap();
        let outcome = outcome.borrow();
        // A connection that was not made is waited for longer than an agreement.
        match &outcome.client {
            None => phases[0] += 1,
            Some(Err(failure)) => {
                phases[1] += 1;
                let error = error_of(failure);
                assert!(error.is_timed_out() && error.phase() == Phase::Handshake, "{error:?}");
                assert_eq!(error.to_string(), "no TLS with server at 10.0.0.1:443: no agreement within 10s");
            }
            Some(Ok(())) => phases[2] += 1,
        }
        if let Some(Err(failure)) = &outcome.server {
            assert!(error_of(failure).is_timed_out(), "{failure:?}");
        }
    }
    assert!(phases.iter().all(|count| *count > 0), "each of them was met: {phases:?}");
}

/// N11.
#[test]
fn a_reset_at_any_moment_is_told_as_such() {
    let mut phases = [0; 4];
    for moment in moments() {
        let mut stage = far_apart();
        let outcome = stage.begin((stage.server(), stage.client()), say, say);
        stage.sim.run_until(moment).unwrap();
        stage.sim.link("client", "server").reset();
        stage.sim.run_until(Duration::from_secs(60)).unwrap();
        match outcome.borrow_mut().client.take().expect("it has ended") {
            Err(failure) if failure.is::<ConnectFailed>() => phases[0] += 1,
            Err(failure) => match fate_tls::TlsError::find(failure.error()) {
                Some(error) => {
                    phases[1] += 1;
                    assert!(error.is_reset() && error.phase() == Phase::Handshake, "{error:?}");
                    assert_eq!(error.os_error().unwrap().kind(), io::ErrorKind::ConnectionReset);
                }
                None => {
                    phases[2] += 1;
                    assert_eq!(failure.trap::<io::Error>().unwrap().kind(), io::ErrorKind::ConnectionReset);
                }
            },
            Ok(()) => phases[3] += 1,
        }
    }
    assert!(phases[1] > 0 && phases[2] > 0 && phases[3] > 0, "each of them was met: {phases:?}");
}

/// N11.
#[test]
fn a_lossy_network_is_only_slower() {
    for seed in 0..20 {
        let mut stage = Stage::of_seed(seed);
        stage.sim.link("client", "server").latency(LATENCY..5 * LATENCY).loss(0.2).duplicate(0.1);
        let sides = (stage.server(), stage.client());
        stage.meet(sides, say, say).both();
    }
}

/// N11: what comes is no reason to wait for longer.
#[test]
fn who_sends_a_byte_now_and_then_is_given_up_at_the_deadline_too() {
    let mut stage = Stage::new();
    let (listener, server) = (stage.listen(), stage.server().with_handshake_deadline(Duration::from_secs(3)));
    let (there, here) = (stage.there.clone(), stage.here.clone());
    stage.there.spawn(async move {
        let failure = server.accept(&listener).await.unwrap_err();
        assert!(error_of(&failure).is_timed_out());
        assert!(there.now().duration_since(fate::Instant::START) < Duration::from_millis(3010));
    });
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await.unwrap();
        // The beginning of a long hello.
        let hello = [&[22, 3, 1, 1, 200, 1, 0, 1, 196, 3, 3][..], &[0; 400]].concat();
        for byte in hello {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            here.sleep(Duration::from_millis(100)).await;
        }
        panic!("it was never given up");
    });
    stage.sim.run().unwrap();
}

/// N11, D4.
#[test]
fn cancelling_gives_up_at_once_and_leaves_nothing_behind() {
    for moment in moments().take_while(|moment| *moment < 4 * LATENCY) {
        let mut stage = far_apart();
        let (server, client, listener) = (stage.server(), stage.client(), stage.listen());
        stage.there.spawn(async move { server.accept(&listener).await.is_ok() });
        let connecting = client.connect(&stage.here, PORT);
        let control = connecting.control();
        stage.here.spawn(async move { assert!(connecting.await.unwrap_err().is::<Cancelled>()) });
        stage.sim.run_until(moment).unwrap();
        control.cancel();
        stage.sim.run_until(moment + Duration::from_millis(1)).unwrap();
        assert!(stage.here.report().live.is_empty(), "{:?}", stage.here.report());
    }
}

/// N11.
#[test]
fn a_side_that_closes_before_the_agreement_is_told_as_such() {
    let mut stage = Stage::new();
    let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
    stage.there.spawn(async move { listener.accept().await.unwrap().0.read(&mut [0; 10_000]).await.unwrap() });
    stage.here.spawn(async move {
        let error = error_of(&client.connect(&here, PORT).await.unwrap_err());
        assert!(error.is_truncated() && error.phase() == Phase::Handshake, "{error:?}");
    });
    stage.sim.run().unwrap();
}

/// A server that accepts, and says nothing.
fn say_nothing(stage: &Stage) {
    let listener = stage.listen();
    stage.there.spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        // What is said is taken, until it ends.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        fate::Ok(())
    });
}

/// N11: nobody needs to keep what `wrap` gives.
#[test]
fn the_deadline_holds_though_nobody_waits_for_the_agreement() {
    let mut stage = Stage::new();
    say_nothing(&stage);
    let (client, here) = (stage.client(), stage.here.clone());
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await.unwrap();
        client.wrap(&stream, "server").add_both(drop);
        let began = here.now();
        assert!(stream.read(&mut [0]).await.is_err());
        assert_eq!(here.now().duration_since(began), Duration::from_secs(10));
    });
    stage.sim.run().unwrap();
}

/// N11, T4.
#[test]
fn the_deadline_may_be_at_once_or_never() {
    for (deadline, is_up) in [(Duration::ZERO, true), (Duration::from_nanos(1), true), (Duration::MAX, false)] {
        let mut stage = Stage::new();
        say_nothing(&stage);
        let (client, here) = (stage.client().with_handshake_deadline(deadline), stage.here.clone());
        let told = Rc::new(Cell::new(None));
        let seen = told.clone();
        stage.here.spawn(async move {
            let failure = client.connect(&here, PORT).await.unwrap_err();
            seen.set(Some(error_of(&failure).is_timed_out()));
        });
        stage.sim.run_until(Duration::from_secs(3600)).unwrap();
        assert_eq!(told.get(), is_up.then_some(true), "{deadline:?}");
    }
}

/// N11, N5: what is written meanwhile is held, and no more of it than the mark says.
#[test]
fn who_writes_before_the_agreement_is_held_up_at_the_mark() {
    let mut stage = Stage::new();
    say_nothing(&stage);
    let (client, here, written) = (stage.client(), stage.here.clone(), Rc::new(Cell::new(0)));
    let count = written.clone();
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await.unwrap();
        client.wrap(&stream, "server").add_both(drop);
        while let Ok(some) = stream.write(&[7; 10_000]).await {
            count.set(count.get() + some);
        }
    });
    stage.sim.run().unwrap();
    assert!((60_000..70_000).contains(&written.get()), "{}", written.get());
}

/// N11: the agreement is still waited for, or given up; what was written is sent then, and nothing is left.
#[test]
fn a_stream_that_is_dropped_while_they_agree_leaves_nothing_behind() {
    for is_written in [false, true] {
        let mut stage = far_apart();
        let (listener, server) = (stage.listen(), stage.server());
        let heard = Rc::new(Cell::new(None));
        let seen = heard.clone();
        stage.there.spawn(async move {
            let Ok((mut stream, _)) = server.accept(&listener).await else { return };
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            seen.set(Some(all));
        });
        let (client, here, ended) = (stage.client(), stage.here.clone(), Rc::new(Cell::new(false)));
        let end = ended.clone();
        stage.here.spawn(async move {
            let mut stream = here.connect_tcp(PORT).await.unwrap();
            let agreed = client.wrap(&stream, "server");
            if is_written {
                stream.write_all(b"tea").await.unwrap();
            }
            drop(stream);
            assert_eq!(agreed.await.is_ok(), is_written);
            end.set(true);
        });
        stage.sim.run_until(Duration::from_secs(5)).unwrap();
        assert!(ended.get());
        assert_eq!(heard.take(), is_written.then(|| b"tea".to_vec()));
        assert!(stage.sim.leaks().is_empty(), "{:?}", stage.sim.leaks());
    }
}

/// N11, N3: what was held for an agreement that cannot come any more holds up no close.
#[test]
fn a_side_that_closes_before_the_agreement_leaves_nothing_to_be_sent() {
    let mut stage = Stage::new();
    let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
    stage.there.spawn(async move { listener.accept().await.unwrap().0.read(&mut [0; 10_000]).await.unwrap() });
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await.unwrap();
        let agreed = client.wrap(&stream, "server");
        stream.write_all(b"a secret").await.unwrap();
        let drained = stream.drained(&here);
        assert!(error_of(&agreed.await.unwrap_err()).is_truncated());
        assert!(drained.await.is_err());
        assert!(stream.write_all(b"more").await.is_err());
        drop(stream);
    });
    stage.sim.run().unwrap();
    assert!(stage.sim.elapsed() < Duration::from_secs(3), "{:?}", stage.sim.elapsed());
}
