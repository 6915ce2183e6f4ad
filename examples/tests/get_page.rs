//! `get_page` under virtual time.

#[macro_use]
mod stage;
#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../get_page.rs"]
mod get_page;

use fate::{Fate, sim::Sim};
use fate_web::Client;
use futures_lite::io::AsyncWriteExt;
use get_page::{Tally, Wishes, set_up};
use stage::{STAGE, Show, direct};
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Serves pages that take as many seconds as their path says; a page that is called otherwise is not there.
fn serve(fate: &Fate) {
    let listener = fate.listen_tcp("0.0.0.0:80").expect("the port is free");
    let here = fate.clone();
    fate.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let fate = here.clone();
            here.spawn(async move {
                let line = stream.read_line(1000).await?.unwrap_or_default();
                while stream.read_line(1000).await?.is_some_and(|line| !line.is_empty()) {}
                let Ok(seconds) = line.split(['/', ' ']).nth(2).unwrap_or_default().parse::<u32>() else {
                    stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await?;
                    return fate::Ok(());
                };
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n").await?;
                for half in ["half", "full"] {
                    fate.sleep(SECOND * seconds / 2).await;
                    stream.write_all(half.as_bytes()).await?;
                }
                fate::Ok(())
            });
        }
    });
    fate.get_fuse(SECOND * 100).set_handler(|fate| fate.shutdown());
}

fn play(paths: &[&str]) -> (Show, Rc<Tally>, Duration) {
    let (mut sim, tally, ended) = (Sim::new(1), OnceCell::new(), Duration::ZERO);
    serve(&sim.host("server"));
    sim.host(STAGE);
    let urls = paths.iter().map(|path| format!("http://server/{path}")).collect();
    let mut ended = ended;
    let show = direct(
        sim,
        |fate| drop(tally.set(set_up(fate, &Client::new(fate), Wishes { urls, save: false, seconds: 3 }))),
        |sim| {
            while sim.elapsed() < SECOND * 10 && !sim.host(STAGE).report().live.is_empty() {
                let next = sim.elapsed() + SECOND / 10;
                sim.run_until(next).expect("nobody fails");
            }
            ended = sim.elapsed();
        },
    );
    assert_eq!(show.ended, 100.0, "the server has an end of its own");
    (show, tally.into_inner().expect("it was set up"), ended)
}

#[test]
fn pages_come_at_once_and_it_ends_with_the_last_one() {
    let (show, tally, ended) = play(&["2", "1", "lost"]);
    let said: Vec<_> = show.lines.iter().map(|line| line.split_once("http").map_or("", |(_, rest)| rest)).collect();
    assert_eq!(said, ["://server/1:\nhalffull", "://server/2:\nhalffull"]);
    assert!(!tally.all_came());
    assert_eq!(tally.bar(), "[####################] 2 of 3 pages, 0 kB");
    assert_eq!(ended.as_secs(), 2);
}

#[test]
fn it_ends_after_three_seconds_in_any_case() {
    let (show, tally, ended) = play(&["1", "5"]);
    assert_eq!(show.lines.len(), 1);
    assert!(!tally.all_came());
    assert_eq!(tally.bar(), "[###############.....] 1 of 2 pages, 0 kB");
    assert_eq!(ended.as_secs(), 3);
}
