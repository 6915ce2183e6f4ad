use super::frames::{self, Seen, attend, beginning, frame, get, next};
use super::scene::{Scene, say};
use fate_web::Incoming;
use http::Request;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// W2: bodies that nobody reads, and that come when their requests are answered, do no harm to a connection, however many there are.
#[test]
fn bodies_that_nobody_reads_do_not_end_a_connection() {
    const COUNT: u32 = 1500;
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |_| "tea");
    let errors = scene.speak(&serving, async |fate, stream| {
        let stream = Rc::new(stream);
        let (reading, answered) = (stream.clone(), Rc::new(Cell::new(0)));
        let note = answered.clone();
        fate.spawn(async move {
            while let Some(seen) = attend(&reading).await? {
                note.set(note.get() + u32::from(seen.kind == frames::HEADERS));
            }
            fate::Ok(())
        });
        say(&stream, beginning(1000)).await?;
        for number in 0..COUNT {
            let number = 2 * number + 1;
            say(&stream, frame(frames::HEADERS, frames::END_HEADERS, number, frames::POST)).await?;
            fate.sleep(Duration::from_millis(50)).await;
            say(&stream, frame(frames::DATA, frames::END_STREAM, number, b"x")).await?;
        }
        fate.sleep(Duration::from_secs(1)).await;
        assert_eq!(answered.get(), COUNT);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: who has a server reset requests that it works at, by what may not be said of them, is cut off as those are who reset them
/// themselves (CVE-2025-8671).
#[test]
fn requests_that_a_server_is_made_to_reset_are_too_much() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |_| std::future::pending::<()>().await);
    let errors = scene.speak(&serving, async |_, stream| {
        say(&stream, beginning(1000)).await?;
        let too_wide = (u32::MAX >> 1).to_be_bytes();
        for number in 0..10_000 {
            let number = 2 * number + 1;
            let words = [get(number), frame(frames::WINDOW_UPDATE, 0, number, &too_wide)].concat();
            if say(&stream, words).await.is_err() {
                return fate::Ok(());
            }
            let Some(Seen { kind: frames::RST_STREAM, .. }) = attend(&stream).await? else { return fate::Ok(()) };
        }
        panic!("it goes on for ever");
    });
    assert_eq!(errors, ["there is much ado about nothing"]);
}

/// W2: what is to be sent is bounded for somebody who has a server reset a stream that is over, again and again, without taking anything.
#[test]
fn resets_that_are_not_taken_are_not_piled_up() {
    let scene = Scene::new();
    let settings = scene.settings().write_deadline(Duration::from_secs(9));
    let serving = scene.serve(settings, async |_| "tea");
    let errors = scene.speak(&serving, async |fate, stream| {
        say(&stream, beginning(1000)).await?;
        for number in 0..100_000 {
            let number = 2 * number + 1;
            let words = [frame(frames::HEADERS, frames::END_HEADERS, number, &[0x83]), get(number)].concat();
            if say(&stream, words).await.is_err() {
                return fate::Ok(());
            }
            fate.sleep(Duration::from_millis(1)).await;
        }
        panic!("it goes on for ever");
    });
    assert_eq!(errors, ["what was asked for was not taken in time"]);
}

/// W2: an upload may go on, though another on the same connection may not, because nobody reads it.
#[test]
fn a_body_that_nobody_reads_holds_no_other_up() {
    const STALLED: u32 = 199;
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| {
        if request.uri().path() == "/" {
            std::future::pending::<()>().await;
        }
        fate::Ok(request.into_body().bytes().await?.len().to_string())
    });
    let errors = scene.speak(&serving, async |_, stream| {
        say(&stream, beginning(1000)).await?;
        // The windows are those of the settings from when they are agreed to.
        assert_eq!(next(&stream).await?.map(|seen| seen.kind), Some(frames::SETTINGS));
        say(&stream, frame(frames::SETTINGS, frames::ACK, 0, &[])).await?;
        let crowd: Vec<u32> = (0..STALLED).map(|number| 2 * number + 1).collect();
        for stalled in &crowd {
            say(&stream, frame(frames::HEADERS, frames::END_HEADERS, *stalled, frames::POST)).await?;
            // As much as the window of a stream has room for.
            for _ in 0..16 {
                say(&stream, frame(frames::DATA, 0, *stalled, &[7; 16 << 10])).await?;
            }
        }
        let read = [&[0x83, 0x04, 5][..], b"/read", &frames::POST[2..]].concat();
        let last = 2 * STALLED + 1;
        say(&stream, frame(frames::HEADERS, frames::END_HEADERS, last, &read)).await?;
        for _ in 0..15 {
            say(&stream, frame(frames::DATA, 0, last, &[7; 16 << 10])).await?;
        }
        say(&stream, frame(frames::DATA, frames::END_STREAM, last, b"")).await?;
        let seen = attend(&stream).await?.ok_or("it was cut off")?;
        assert_eq!((seen.kind, seen.stream, seen.payload[0]), (frames::HEADERS, last, 0x88));
        fate::Ok(())
    });
    assert!(errors.iter().all(|error| error == "the other side went away"), "{errors:?}");
}
