use super::scene::{Scene, about, hear, say, until_closed};
use fate_web::Serving;
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
