use super::scene::{Scene, hear, say};
use axum::extract::{Path, State};
use axum::http::{Request, Response, header};
use axum::routing::{get, post};
use axum::{Form, Router};
use fate::{Fate, Homebound};
use fate_web::{Incoming, Outgoing};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::collections::HashMap;
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
