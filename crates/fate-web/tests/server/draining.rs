use super::frames;
use super::scene::{Scene, about, hear, say, until_closed};
use fate::{Fate, TcpStream};
use fate_tls::TlsServer;
use fate_web::{Incoming, Outgoing, Server, Serving};
use http::{Request, Response};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// A server whose every answer takes ten seconds.
fn slow(scene: &Scene) -> Serving {
    let here = scene.server.clone();
    scene.serve(scene.settings(), move |_| {
        let here = here.clone();
        async move {
            here.sleep(Duration::from_secs(10)).await;
            "done"
        }
    })
}

/// W2: a server that is stopped answers what it was asked, closes what it kept, and listens no more; then it says so.
#[test]
fn a_stopped_server_answers_what_it_was_asked() {
    let scene = Scene::new();
    let serving = slow(&scene);
    let (server, handle, stopped) = (scene.server.clone(), serving.clone(), Rc::new(Cell::new(0)));
    let told = stopped.clone();
    let errors = scene.speak(&serving, async move |fate, busy| {
        let (kept, fresh) = (fate.connect_tcp("server:80").await?, fate.connect_tcp("server:80").await?);
        say(&kept, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        hear(&kept).await?;
        say(&busy, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        fate.sleep(Duration::from_secs(1)).await;
        assert_eq!(handle.connections(), 3);
        let began = server.now();
        handle.stop().add_callback(move |()| told.set((server.now() - began).as_secs()));
        about(0, until_closed(&fate, &kept).await);
        about(0, until_closed(&fate, &fresh).await);
        assert!(fate.connect_tcp("server:80").await.is_err());
        let heard = hear(&busy).await?;
        assert!(heard.body == "done" && heard.has("connection: close"), "{:?}", heard.headers);
        about(0, until_closed(&fate, &busy).await);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
    assert!((8..=9).contains(&stopped.get()), "{}", stopped.get());
}

/// W2: a shutdown does the same, up to its deadline.
#[test]
fn a_shutdown_waits_for_what_was_asked() {
    let mut scene = Scene::new();
    let server = scene.sim.host_with("other", fate::Fate::builder().grace(Duration::from_secs(60)));
    scene.server = server.clone();
    drop(slow(&scene));
    let (client, heard) = (scene.client.clone(), Rc::new(Cell::new(0)));
    let told = heard.clone();
    client.clone().spawn(async move {
        let (kept, busy) = (client.connect_tcp("other:80").await?, client.connect_tcp("other:80").await?);
        say(&busy, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        client.sleep(Duration::from_secs(1)).await;
        server.shutdown();
        about(0, until_closed(&client, &kept).await);
        told.set(hear(&busy).await?.status);
        fate::Ok(())
    });
    scene.sim.run().unwrap();
    assert_eq!(heard.get(), 200);
    about(10, scene.sim.elapsed());
}

/// W2: what is not answered by the deadline of a shutdown is cut off.
#[test]
fn a_shutdown_does_not_wait_beyond_its_deadline() {
    let mut scene = Scene::new();
    let server = scene.sim.host_with("other", fate::Fate::builder().grace(Duration::from_secs(3)));
    scene.server = server.clone();
    drop(slow(&scene));
    let client = scene.client.clone();
    client.clone().spawn(async move {
        let busy = client.connect_tcp("other:80").await?;
        say(&busy, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        client.sleep(Duration::from_secs(1)).await;
        server.shutdown();
        about(3, until_closed(&client, &busy).await);
        fate::Ok(())
    });
    scene.sim.run().unwrap();
}

/// W2: of several requests that came at once the one that is being answered still is, and says that it was the last.
#[test]
fn a_stopped_server_answers_the_first_of_those_that_came_together() {
    let scene = Scene::new();
    let serving = slow(&scene);
    let handle = serving.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n".repeat(5)).await?;
        fate.sleep(Duration::from_secs(1)).await;
        let (began, stopped) = (fate.now(), handle.stop());
        let heard = hear(&stream).await?;
        assert!(heard.body == "done" && heard.has("connection: close"), "{:?}", heard.headers);
        until_closed(&fate, &stream).await;
        stopped.await?;
        about(9, fate.now() - began);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: a request that has begun when the server is stopped has come, and is answered.
#[test]
fn a_request_that_has_begun_is_answered_by_a_stopped_server() {
    for (is_first, begun) in [(true, 2), (true, 8), (false, 2), (false, 8)] {
        let scene = Scene::new();
        let serving = scene.serve(scene.settings(), async |_| "tea");
        let handle = serving.clone();
        let errors = scene.speak(&serving, async move |fate, stream| {
            if !is_first {
                say(&stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
                assert_eq!(hear(&stream).await?.status, 200);
                fate.sleep(Duration::from_secs(2)).await; // the connection rests
            }
            let (beginning, rest) = "GET / HTTP/1.1\r\nhost: a\r\n\r\n".split_at(begun);
            say(&stream, beginning).await?;
            fate.sleep(Duration::from_secs(1)).await;
            let stopped = handle.stop();
            say(&stream, rest).await?;
            let heard = hear(&stream).await?;
            assert!(heard.status == 200 && heard.has("connection: close"), "{:?}", heard.headers);
            stopped.await?;
            fate::Ok(())
        });
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// W2: a stop loses no download over HTTP/2 that goes on, though what the other side is told stands behind it, and nothing of it comes
/// back within the deadlines.
#[test]
fn a_slow_download_over_http2_survives_a_stop() {
    for length in [2_000_000, 1_000_000, 100_000] {
        let scene = Scene::new();
        let settings = scene.settings().header_deadline(Duration::from_secs(5)).write_deadline(Duration::from_secs(9));
        let serving = scene.serve(settings, move |_| async move { vec![7; length] });
        let handle = serving.clone();
        let errors = scene.speak(&serving, async move |fate, stream| {
            let window = frames::frame(frames::WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes());
            say(&stream, [frames::beginning(1 << 30), window, frames::get(1)].concat()).await?;
            fate.sleep(Duration::from_secs(1)).await;
            drop(handle.stop());
            let mut count = 0;
            while count < length {
                let seen = frames::attend(&stream).await?.ok_or_else(|| format!("cut off after {count}"))?;
                if seen.kind == frames::DATA {
                    count += seen.payload.len();
                    fate.sleep(Duration::from_secs(2)).await;
                }
            }
            fate::Ok(())
        });
        assert!(errors.is_empty(), "{length}: {errors:?}");
    }
}

/// W2: nor an upload, though what the other side answers stands behind it; also one that was sent before the stop, and comes after it.
#[test]
fn a_slow_upload_over_http2_survives_a_stop() {
    const LENGTH: usize = 1_000_000;
    for is_late in [false, true] {
        let scene = Scene::new();
        let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| {
            fate::Ok(request.into_body().bytes().await?.len().to_string())
        });
        let handle = serving.clone();
        let _link = scene.sim.link("server", "client").bandwidth(20_000);
        let errors = scene.speak(&serving, async move |fate, stream| {
            let stream = Rc::new(stream);
            let post = frames::frame(frames::HEADERS, frames::END_HEADERS, 1, frames::POST);
            say(&stream, frames::beginning(1 << 20)).await?;
            let reading = stream.clone();
            let reader = fate.spawn(async move { frames::attend_all(&reading).await });
            fate.sleep(Duration::from_secs(1)).await;
            if is_late {
                drop(handle.stop());
            }
            say(&stream, post).await?;
            fate.get_fuse(Duration::from_secs(1)).set_handler(move |_| drop(handle.stop()));
            for piece in 1..=LENGTH / 10_000 {
                let flags = if piece == LENGTH / 10_000 { frames::END_STREAM } else { 0 };
                say(&stream, frames::frame(frames::DATA, flags, 1, &[7; 10_000])).await?;
            }
            let seen = reader.await??;
            assert!(seen.iter().any(|seen| seen.payload == LENGTH.to_string().as_bytes()), "no answer");
            fate::Ok(())
        });
        assert!(errors.is_empty(), "{is_late}: {errors:?}");
    }
}

/// How long a stop takes, and a shutdown with three seconds of grace, while somebody is in the middle of something.
fn ends<F>(
    settings: impl Fn(Server) -> Server,
    words: impl Fn(Fate, TcpStream) -> F + Clone + 'static,
) -> (Duration, Duration)
where
    F: Future<Output = fate::Result> + 'static,
{
    let [stop, shutdown] = [false, true].map(|is_shutdown| {
        let mut scene = Scene::new();
        let server = scene.sim.host_with("other", Fate::builder().grace(Duration::from_secs(3)));
        scene.server = server.clone();
        let here = server.clone();
        let serving = scene.serve(settings(scene.settings()), move |mut request: Request<Incoming>| {
            let (here, upgrade) = (here.clone(), fate_web::upgrade(&mut request));
            async move {
                if request.headers().contains_key("upgrade") {
                    here.spawn(async {
                        let _upgraded = upgrade.await?;
                        std::future::pending::<fate::Result>().await
                    });
                    let response = Response::builder().status(101).header("connection", "upgrade");
                    return fate::Ok(response.header("upgrade", "echo").body(Outgoing::default())?);
                }
                request.into_body().bytes().await?;
                here.sleep(Duration::from_secs(1000)).await;
                fate::Ok(Response::default())
            }
        });
        let took = Rc::new(Cell::new(Duration::MAX));
        let (client, words, note) = (scene.client.clone(), words.clone(), took.clone());
        client.clone().spawn(async move {
            let stream = client.connect_tcp("other:80").await?;
            let (began, here) = (client.now() + Duration::from_secs(2), client.clone());
            client.get_fuse(Duration::from_secs(2)).set_handler(move |_| {
                if is_shutdown {
                    server.shutdown();
                } else {
                    serving.stop().add_callback(move |()| {
                        note.set(here.now() - began);
                        server.shutdown();
                    });
                }
            });
            words(client.clone(), stream).await
        });
        scene.sim.run().unwrap();
        if is_shutdown { scene.sim.elapsed() - Duration::from_secs(2) } else { took.get() }
    });
    (stop, shutdown)
}

/// W2: a stop ends within the deadlines, and a shutdown within its own, whatever somebody is in the middle of: agreeing on TLS, the
/// headers of a request, its body, and something else than HTTP.
#[test]
fn nobody_holds_an_end_beyond_its_deadline() {
    let impatient = |server: Server| {
        let second = Duration::from_secs;
        server.header_deadline(second(15)).body_deadline(second(20)).idle_deadline(second(25))
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["server".to_string()]).unwrap().self_signed(&key).unwrap().pem();
    let tls = TlsServer::new(&certificate, key.serialize_pem()).unwrap();
    let saying = |words: Vec<u8>| {
        move |fate: Fate, stream: TcpStream| {
            let words = words.clone();
            async move {
                say(&stream, words).await?;
                until_closed(&fate, &stream).await;
                fate::Ok(())
            }
        }
    };
    let (stop, shutdown) =
        ends(|server| impatient(server).tls(tls.clone()), saying(b"\x16\x03\x01\x02\x00\x01".to_vec()));
    about(8, stop);
    about(3, shutdown);
    let half = frames::frame(frames::HEADERS, 1, 1, frames::GET);
    let body = frames::frame(frames::HEADERS, frames::END_HEADERS, 1, frames::POST);
    for (words, seconds) in [
        (b"GE".to_vec(), 13),
        (b"GET / HTTP/1.1\r\nho".to_vec(), 13),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na".to_vec(), 18),
        (b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n".to_vec(), 0),
        ([frames::beginning(0), half].concat(), 13),
        // What is to end is said, and not heard.
        ([frames::beginning(0), body].concat(), 15),
        (frames::beginning(0), 15),
    ] {
        let (stop, shutdown) = ends(impatient, saying(words.clone()));
        let words = String::from_utf8_lossy(&words);
        assert!((stop.as_secs_f32() - seconds as f32).abs() < 1.5, "{words:?}: {stop:?}");
        assert!((shutdown.as_secs_f32() - 3.0).abs() < 1.0 || seconds == 0, "{words:?}: {shutdown:?}");
    }
}
