//! The last things: what a shutdown still hears, and what it does not lose.

use fate::sim::Sim;
use fate::{Builder, DeferredQueue, Failure, Fate, Promise, Verdict};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn with_unheard(sim: &mut Sim) -> (Fate, Rc<RefCell<Vec<String>>>) {
    let unheard = Rc::<RefCell<Vec<String>>>::default();
    let log = unheard.clone();
    let settings = Builder::default().on_fault(move |_, fault| {
        log.borrow_mut().push(fault.failure().map(Failure::to_string).unwrap_or_default());
        Verdict::GoOn
    });
    (sim.host_with("here", settings), unheard)
}

/// D7, L2: a failure that a task held when the shutdown dropped it is reported.
#[test]
fn a_failure_inside_a_task_that_a_shutdown_drops_is_reported() {
    let mut sim = Sim::new(1);
    let (fate, unheard) = with_unheard(&mut sim);
    let here = fate.clone();
    fate.spawn(async move {
        let _held = here.fail::<()>("the jam is gone");
        here.sleep(HOUR).await;
    });
    fate.get_fuse(Duration::from_secs(1)).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(*unheard.borrow(), ["the jam is gone"]);
}

/// D4: a Deferred that is cancelled while everything is dropped is cancelled to its end.
#[test]
fn what_is_cancelled_in_a_drop_of_a_shutdown_completes() {
    struct Cancels(Fate, Rc<Cell<Option<bool>>>, Rc<Cell<Option<Promise<()>>>>);
    impl Drop for Cancels {
        fn drop(&mut self) {
            let (promise, deferred) = self.0.deferred::<()>();
            promise.on_cancel(drop);
            deferred.cancel();
            let told = self.1.clone();
            drop(deferred.add_both(move |result| told.set(Some(result.is_err()))));
            self.2.set(Some(promise));
        }
    }
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let (told, unfired) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
    let cancels = Cancels(fate.clone(), told.clone(), unfired.clone());
    fate.get_fuse(HOUR).set_handler(move |_| drop(cancels));
    fate.call_soon(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(told.get(), Some(true));
}

/// L2: a future that asks for a shutdown, and is done, still gets one.
#[test]
fn a_shutdown_asked_for_by_the_future_of_run_until_takes_place() {
    let fate = Fate::new().unwrap();
    let saved = Rc::new(Cell::new(false));
    let flag = saved.clone();
    fate.before_shutdown(move |_| flag.set(true));
    assert_eq!(fate.run_until(async { fate.shutdown() }), ());
    assert!(saved.get());
}

/// D9: a queue's item that loses a race stays in the queue.
#[test]
fn an_item_that_comes_too_late_to_win_a_race_goes_back_to_its_queue() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let queue = DeferredQueue::new(&fate);
    drop(queue.put("tart"));
    fate.race([fate.succeed("other"), queue.get()]).add_callback(|won| assert_eq!(won, (0, "other")));
    sim.run().unwrap();
    assert_eq!((queue.len(), queue.try_get()), (1, Some("tart")));
}

/// D3: Deferreds that wait for each other fail, and whoever cancels one of them is not kept.
#[test]
fn deferreds_that_wait_for_each_other_fail() {
    let mut sim = Sim::new(1);
    let (fate, unheard) = with_unheard(&mut sim);
    let handles: [Rc<RefCell<Option<fate::Deferred<()>>>>; 2] = Default::default();
    for number in 0..2 {
        let other = handles[1 - number].clone();
        let own = fate.succeed(()).and_then(move |()| other.take().expect("each is taken once"));
        *handles[number].borrow_mut() = Some(own);
    }
    let leash = handles[0].borrow().as_ref().map(fate::Deferred::control);
    sim.run().unwrap();
    leash.unwrap().cancel();
    drop(handles);
    sim.run().unwrap();
    assert!(unheard.borrow().iter().all(|words| words.starts_with("abandoned")), "{unheard:?}");
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// L5: what the hook around the wait makes ready is not slept over.
#[test]
fn a_call_queued_by_the_hook_around_the_wait_is_not_slept_over() {
    let own = Rc::<RefCell<Option<Fate>>>::default();
    let hooked = own.clone();
    let fate = Fate::builder()
        .around_wait(move |wait| {
            if let Some(fate) = hooked.take() {
                fate.call_soon(|fate| fate.shutdown());
            }
            wait();
        })
        .build()
        .unwrap();
    *own.borrow_mut() = Some(fate.clone());
    fate.get_fuse(HOUR).set_handler(|fate| assert!(fate.report().turns == 0, "an hour has passed"));
    fate.run().unwrap();
}
