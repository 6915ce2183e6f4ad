use super::frames;
use super::scene::{Scene, hear, say};
use axum::extract::{Path, State};
use axum::http::{Request, Response, header};
use axum::routing::{get, post};
use axum::{Form, Router};
use fate::{Fate, Homebound};
use fate_web::{Incoming, Outgoing};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::cell::Cell;
use std::collections::HashMap;
use std::future::Ready;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

async fn wait(Path(seconds): Path<u64>, State(fate): State<Homebound<Fate>>) -> String {
    fate.keep_home(fate.sleep(Duration::from_secs(seconds))).await;
    format!("{seconds} seconds later")
}

/// W2: an axum Router runs as it is: paths, forms, states, its own limits and its own errors; and its handlers may sleep.
#[test]
fn a_router_of_axum_runs_as_it_is() {
    let scene = Scene::new();
    let router = Router::new()
        .route("/wait/{seconds}", get(wait))
        .route("/form", post(async |Form(form): Form<HashMap<String, String>>| form["name"].clone()))
        .route("/echo", post(async |body: String| body))
        .with_state(scene.server.keep_home(scene.server.clone()));
    let listener = scene.server.listen_tcp("0.0.0.0:80").unwrap();
    let serving = scene.settings().body_limit(20).serve_service(&scene.server, listener, router);
    let errors = scene.speak(&serving, async |fate, stream| {
        let began = fate.now();
        say(&stream, "GET /wait/30 HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        assert_eq!(hear(&stream).await?.body, "30 seconds later");
        assert_eq!((fate.now() - began).as_secs(), 30);
        let kind = "content-type: application/x-www-form-urlencoded\r\n";
        say(&stream, format!("POST /form HTTP/1.1\r\nhost: server\r\n{kind}content-length: 10\r\n\r\nname=Alice"))
            .await?;
        assert_eq!(hear(&stream).await?.body, "Alice");
        say(&stream, "GET /nowhere HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        assert_eq!(hear(&stream).await?.status, 404);
        let chunk = "a".repeat(21);
        say(
            &stream,
            format!(
                "POST /echo HTTP/1.1\r\nhost: server\r\ntransfer-encoding: chunked\r\n\r\n15\r\n{chunk}\r\n0\r\n\r\n"
            ),
        )
        .await?;
        assert_eq!(hear(&stream).await?.status, 413);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: a connection that was upgraded is none of the server's: it has no deadline, and a stop does not wait for it.
#[test]
fn an_upgraded_connection_speaks_something_else() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.settings(), move |mut request: Request<Incoming>| {
        let upgrade = fate_web::upgrade(&mut request);
        here.spawn(async {
            let mut upgraded = upgrade.await?;
            let mut bytes = [0; 5];
            while upgraded.read_exact(&mut bytes).await.is_ok() {
                upgraded.write_all(&bytes).await?;
            }
            fate::Ok(())
        });
        let response = Response::builder().status(101).header(header::CONNECTION, "upgrade");
        async { response.header(header::UPGRADE, "echo").body(Outgoing::default()) }
    });
    let handle = serving.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly").await?;
        assert_eq!(hear(&stream).await?.status, 101);
        for word in ["early", "later"] {
            if word == "later" {
                fate.sleep(Duration::from_secs(600)).await;
                assert_eq!(handle.connections(), 0);
                handle.stop().await?;
                say(&stream, word).await?;
            }
            let mut bytes = [0; 5];
            stream.read_exact(&mut bytes).await?;
            assert_eq!(&bytes[..], word.as_bytes());
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// Says at once that it is broken. Such a one may not be asked again, as tower has it.
#[derive(Clone)]
struct Broken(Rc<Cell<u32>>);

impl tower_service::Service<Request<Incoming>> for Broken {
    type Response = Response<Outgoing>;
    type Error = io::Error;
    type Future = Ready<Result<Response<Outgoing>, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.0.set(self.0.get() + 1);
        Poll::Ready(Err(io::Error::other("broken")))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        unreachable!()
    }
}

/// W2: a service that has failed is not asked again; whoever asked it is told, over both protocols.
#[test]
fn a_service_that_is_broken_is_not_asked_twice() {
    for is_http2 in [false, true] {
        let scene = Scene::new();
        let count = Rc::new(Cell::new(0));
        let listener = scene.server.listen_tcp("0.0.0.0:80").unwrap();
        let serving = scene.settings().serve_service(&scene.server, listener, Broken(count.clone()));
        let errors = scene.speak(&serving, async move |_, stream| {
            if is_http2 {
                say(&stream, [frames::beginning(1000), frames::get(1)].concat()).await?;
                let seen = frames::attend(&stream).await?.ok_or("it was cut off")?;
                // Packed, `:status: 500`.
                assert_eq!((seen.kind, seen.payload[0]), (frames::HEADERS, 0x8e));
            } else {
                say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
                assert_eq!(hear(&stream).await?.status, 500);
            }
            fate::Ok(())
        });
        assert_eq!((count.get(), &errors[..]), (1, &["the service failed".to_string()][..]));
    }
}

/// W2: a closure that panics before it has given a future ends its own request, and no other on the connection.
#[test]
fn a_closure_that_panics_at_once_is_alone_with_it() {
    let mut scene = Scene::new();
    let builder = fate::Fate::builder().on_fault(|_, _| fate::Verdict::GoOn);
    scene.server = scene.sim.host_with("other", builder);
    let here = scene.server.clone();
    let serving = scene.serve(scene.settings(), move |request: Request<Incoming>| {
        assert!(!request.headers().contains_key("x"), "there is no x here");
        let here = here.clone();
        async move {
            here.sleep(Duration::from_secs(1)).await;
            "tea"
        }
    });
    scene.speak_to("other:80", &serving, async move |_, stream| {
        let bad = frames::frame(frames::HEADERS, 5, 3, &[frames::GET, &[0, 1, b'x', 1, b'y']].concat());
        say(&stream, [frames::beginning(1000), frames::get(1), bad].concat()).await?;
        for expected in [(frames::RST_STREAM, 3), (frames::HEADERS, 1)] {
            let seen = frames::attend(&stream).await?.ok_or("it was cut off")?;
            assert_eq!((seen.kind, seen.stream), expected);
        }
        fate::Ok(())
    });
}
