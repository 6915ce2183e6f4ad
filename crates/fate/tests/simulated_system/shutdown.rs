//! L2, L7: children in a shutdown.

use crate::log::{Log, SECOND};
use crate::rig::{command, events, leaks, said};
use fate::sim::Sim;
use fate::{Builder, ChildOptions, Kind, Signal};
use std::time::Duration;

/// P1, L2: they are asked to end, and waited for.
#[test]
fn a_shutdown_asks_children_to_end() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    sim.program("here", "polite", |child| async move {
        let mut signals = child.signals(&[Signal::TERM]);
        signals.next().await;
        child.fate().sleep(SECOND * 2).await;
        child.print("good night").await?;
        fate::Ok(7)
    });
    let log = Log::default();
    let seen = log.clone();
    fate.spawn_child_with(command("polite"), ChildOptions::default().as_set())
        .and_then(|child| child.exited())
        .add_callback(move |status| seen.note(said(status)));
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!((log.take(), sim.elapsed()), (vec!["7".to_string()], SECOND * 3));
    assert_eq!(sim.printed("here"), "good night");
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// P1, L2, L7: a stuck thread, a child that nobody reads and one that ignores SIGTERM: it ends at the deadline, names all
/// three, and the children are killed.
#[test]
fn a_shutdown_ends_at_its_deadline_whatever_children_do() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Builder::default().grace(SECOND * 3));
    sim.thread_time("here", Duration::MAX..Duration::MAX);
    sim.program("here", "stubborn", |child| async move {
        child.ignore(Signal::TERM);
        child.fate().sleep(SECOND * 1_000).await;
    });
    sim.program("here", "flood", |child| async move {
        child.ignore(Signal::TERM);
        child.print(vec![b'y'; 1_000_000]).await.ok();
        child.fate().sleep(SECOND * 1_000).await;
    });
    let here = fate.clone();
    fate.spawn(async move {
        let _unread = here.spawn_child(command("flood")).await?;
        let _stubborn = here.spawn_child(command("stubborn")).await?;
        here.sleep(SECOND).await;
        here.shutdown();
        here.sleep(SECOND * 1_000).await;
        fate::Ok(())
    });
    fate.defer_to_thread(|| ()).add_callback(drop).add_errback(drop);
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND * 4);
    let left = fate.report().left;
    let named = |kind, words: &str| left.iter().any(|live| live.kind == kind && live.waits_for.contains(words));
    assert!(named(Kind::Child, "flood") && named(Kind::Child, "stubborn"), "{left:?}");
    assert!(named(Kind::Thread, "its closure to return"), "{left:?}");
    assert_eq!(events(&sim, &["exited"]), ["exited flood[2] SIGKILL", "exited stubborn[3] SIGKILL"]);
    assert!(!leaks(&sim).iter().any(|leak| leak.contains("itself")), "{:?}", leaks(&sim));
    assert!(fate.report().live.is_empty(), "{:?}", fate.report().live);
}
