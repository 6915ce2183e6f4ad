use super::frames;
use super::frames::{DATA, HEADERS, attend, beginning, get};
use super::scene::{Scene, about, hear, say, second, until_closed};
use fate::TcpStream;
use fate_tls::{TlsClient, TlsServer};
use fate_web::Incoming;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use http::Request;
use std::time::Duration;

async fn read(request: Request<Incoming>) -> fate::Result<String> {
    Ok(request.into_body().bytes().await?.len().to_string())
}

/// W2: who connects and says nothing is not waited for.
#[test]
fn a_silent_connection_is_closed() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), read);
    let errors = scene.speak(&serving, async |fate, stream| {
        about(5, until_closed(&fate, &stream).await);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: headers that come a byte a second are too late as a whole, from their first byte on.
#[test]
fn headers_that_trickle_in_are_too_late() {
    for beginning in ["", "GET / HTTP/1.1\r\n"] {
        let scene = Scene::new();
        let serving = scene.serve(scene.impatient(), read);
        let errors = scene.speak(&serving, async move |fate, stream| {
            let began = fate.now();
            say(&stream, beginning).await?;
            for byte in b"GET / HTTP/1.1\r\nx: y" {
                fate.sleep(second(1)).await;
                if say(&stream, [*byte]).await.is_err() || fate.now() - began > second(10) {
                    break;
                }
            }
            assert_eq!(hear(&stream).await?.status, 408);
            fate::Ok(())
        });
        assert_eq!(errors, ["a request has begun and did not come in time"]);
    }
}

/// W2: a kept connection is closed when nothing was asked for long enough, and not before.
#[test]
fn an_idle_connection_is_closed() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), read);
    let errors = scene.speak(&serving, async |fate, stream| {
        for _ in 0..3 {
            say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
            assert_eq!(hear(&stream).await?.body, "0");
            fate.sleep(second(19)).await;
        }
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        hear(&stream).await?;
        about(20, until_closed(&fate, &stream).await);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: a body that does not come, or only trickles, fails with a typed error, which the other side is told.
#[test]
fn a_body_that_does_not_come_is_too_slow() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |request: Request<Incoming>| {
        let result = request.into_body().text().await;
        assert!(result.as_ref().is_err_and(|error| error.is_too_slow()));
        result
    });
    let errors = scene.speak(&serving, async |fate, stream| {
        let began = fate.now();
        say(&stream, "POST / HTTP/1.1\r\nhost: server\r\ncontent-length: 100\r\n\r\n").await?;
        for _ in 0..5 {
            fate.sleep(second(1)).await;
            say(&stream, "x").await?;
        }
        assert_eq!(hear(&stream).await?.status, 408);
        about(7, fate.now() - began);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: a body that keeps the pace may take as long as it wants.
#[test]
fn a_slow_and_steady_body_arrives() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), read);
    scene.speak(&serving, async |fate, stream| {
        say(&stream, "POST / HTTP/1.1\r\nhost: server\r\ncontent-length: 100000\r\n\r\n").await?;
        for _ in 0..100 {
            fate.sleep(second(1)).await;
            say(&stream, [b'x'; 1000]).await?;
        }
        assert_eq!(hear(&stream).await?.body, "100000");
        fate::Ok(())
    });
}

/// W2: a service may take its time: no deadline is the service's.
#[test]
fn a_slow_service_is_waited_for() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.impatient(), move |_| {
        let here = here.clone();
        async move {
            here.sleep(second(600)).await;
            "done"
        }
    });
    scene.speak(&serving, async |_, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        assert_eq!(hear(&stream).await?.body, "done");
        fate::Ok(())
    });
}

/// W2: who asks for much and takes nothing is cut off; memory is bounded meanwhile.
#[test]
fn a_reader_that_takes_nothing_is_cut_off() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |_| vec![b'x'; 50_000_000]);
    let errors = scene.speak(&serving, async |fate, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        fate.sleep(second(60)).await;
        let mut count = 0;
        let mut piece = [0; 100_000];
        while let Ok(more @ 1..) = (&stream).read(&mut piece).await {
            count += more;
        }
        assert!(count < 10_000_000, "{count}");
        fate::Ok(())
    });
    assert_eq!(errors, ["what was asked for was not taken in time"]);
}

/// W2: a slow reader that goes on reading gets it all.
#[test]
fn a_slow_and_steady_reader_gets_it_all() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |_| vec![b'x'; 1_000_000]);
    scene.speak(&serving, async |fate, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        while stream.read_line(1000).await?.is_some_and(|line| !line.is_empty()) {}
        let mut piece = [0; 10_000];
        for _ in 0..100 {
            fate.sleep(second(1)).await;
            stream.read_exact(&mut piece).await?;
        }
        fate::Ok(())
    });
}

/// W2: its first byte is its first byte, wherever that came from.
#[test]
fn a_request_that_began_behind_another_is_too_late_as_well() {
    let scene = Scene::new();
    let settings = scene.settings().header_deadline(second(5)).idle_deadline(second(1000));
    let serving = scene.serve(settings, async |_| "tea");
    scene.speak(&serving, async |client, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost:").await?;
        assert_eq!(hear(&stream).await?.status, 200);
        assert!(until_closed(&client, &stream).await < second(20));
        fate::Ok(())
    });
}

/// W2: a body that nobody reads, and that only trickles in, does not hold its connection.
#[test]
fn a_body_that_nobody_reads_is_not_waited_for() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |_| "tea");
    scene.speak(&serving, async |fate, stream| {
        let began = fate.now();
        say(&stream, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nx").await?;
        assert_eq!(hear(&stream).await?.status, 200);
        while say(&stream, "x").await.is_ok() {
            fate.sleep(second(1)).await;
        }
        assert!(fate.now() - began < second(30));
        fate::Ok(())
    });
}

/// W2: agreeing on TLS has a deadline of its own: a request that comes at once after it is in time, however long it took.
#[test]
fn a_request_behind_a_slow_agreement_is_in_time() {
    let (certificate, key) = identity();
    let scene = Scene::new();
    let settings = scene.settings().header_deadline(second(1)).tls(TlsServer::new(&certificate, key).unwrap());
    let serving = scene.serve(settings, async |_| "tea");
    let tls = TlsClient::builder().only_roots(&certificate).alpn(["http/1.1"]).build().unwrap();
    let errors = scene.speak(&serving, async move |fate, stream| {
        fate.sleep(Duration::from_millis(1500)).await; // the network is slow
        tls.wrap(&stream, "server").await?;
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        assert_eq!(hear(&stream).await?.body, "tea");
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: an end without a word of farewell is nobody's business while nothing goes on, whatever was spoken, and however short the rest.
#[test]
fn an_end_at_rest_without_a_farewell_is_no_error() {
    for (is_http2, rest) in [(false, 0), (false, 3), (true, 3)] {
        let (certificate, key) = identity();
        let mut scene = Scene::new();
        let serving = scene.serve(scene.settings().tls(TlsServer::new(&certificate, key).unwrap()), async |_| "tea");
        let between = scene.sim.host("between");
        let door = between.listen_tcp("0.0.0.0:80").unwrap();
        between.clone().spawn(async move {
            let (near, _) = door.accept().await?;
            let far = between.connect_tcp("server:80").await?;
            let late = async {
                between.sleep(Duration::from_millis(100) + second(rest)).await;
                fate::Ok(())
            };
            let both = future::or(pass(&near, &far), pass(&far, &near));
            future::or(both, late).await
        });
        let tls = TlsClient::builder().only_roots(&certificate).alpn([if is_http2 { "h2" } else { "http/1.1" }]);
        let tls = tls.build().unwrap();
        let errors = scene.speak_to("between:80", &serving, async move |fate, stream| {
            tls.wrap(&stream, "server").await?;
            if is_http2 {
                say(&stream, [frames::beginning(1000), frames::get(1)].concat()).await?;
                while frames::attend(&stream).await?.ok_or("it was cut off")?.kind != frames::DATA {}
            } else {
                say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
                assert_eq!(hear(&stream).await?.body, "tea");
            }
            fate.sleep(second(5)).await;
            fate::Ok(())
        });
        assert!(errors.is_empty(), "{is_http2} {rest}: {errors:?}");
    }
}

/// A certificate and its key.
fn identity() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["server".to_string()]).unwrap().self_signed(&key).unwrap().pem();
    (certificate, key.serialize_pem())
}

/// Passes on what comes, and understands nothing of it.
async fn pass(mut from: &TcpStream, mut to: &TcpStream) -> fate::Result {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer).await? {
            0 => return fate::Ok(()),
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}

/// W2: a deadline may be as good as none.
#[test]
fn deadlines_of_for_ever_are_none() {
    let scene = Scene::new();
    let long = Duration::MAX;
    let settings = scene.settings().header_deadline(long).idle_deadline(long).body_deadline(long).write_deadline(long);
    let serving = scene.serve(settings, read);
    let errors = scene.speak(&serving, async |fate, stream| {
        for _ in 0..2 {
            for word in ["POST / HT", "TP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na", "bc"] {
                fate.sleep(second(100_000)).await;
                say(&stream, word).await?;
            }
            assert_eq!(hear(&stream).await?.body, "3");
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: the same with HTTP/2, whatever hyper makes of such a time.
#[test]
fn deadlines_of_for_ever_are_none_with_http2_too() {
    let scene = Scene::new();
    let long = Duration::MAX;
    let settings = scene.settings().header_deadline(long).idle_deadline(long).body_deadline(long).write_deadline(long);
    let here = scene.server.clone();
    let serving = scene.serve(settings, move |_| {
        let here = here.clone();
        async move {
            here.sleep(second(100_000)).await;
            "tea"
        }
    });
    let errors = scene.speak(&serving, async |fate, stream| {
        say(&stream, beginning(1000)).await?;
        for number in [1, 3] {
            fate.sleep(second(100_000)).await;
            say(&stream, get(number)).await?;
            let seen = [attend(&stream).await?.unwrap(), attend(&stream).await?.unwrap()];
            assert_eq!(seen.map(|seen| (seen.kind, seen.stream)), [(HEADERS, number), (DATA, number)]);
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}
