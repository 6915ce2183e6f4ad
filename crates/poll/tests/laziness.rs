//! What the driver takes from the system, and when. Alone in its process, because descriptors are counted.

#![cfg(all(any(target_os = "linux", target_os = "android"), not(fate_portable)))]

#[path = "driver/rig.rs"]
#[allow(dead_code, reason = "made for other tests")]
mod rig;

use fate_core::{Clock, Driver};
use rig::{LONG, Rig};
use std::fs;
use std::time::Duration;

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// L6, L7: a daemon may fork twice before it runs, and nothing is left when it has.
#[test]
fn nothing_is_made_before_it_is_needed_and_nothing_is_left() {
    let before = descriptors();
    let mut rig = Rig::default();
    rig.look();
    rig.driver.random();
    for clock in Clock::ALL {
        let until = rig.within(clock, Duration::ZERO);
        rig.exchange(&until);
    }
    assert_eq!(descriptors(), before, "no wait, no watch, no bell");

    let until = rig.within(Clock::Monotonic, LONG);
    rig.begin_to_wait(&until);
    let with_poller = descriptors();
    assert!(with_poller > before);
    for clock in [Clock::Boot, Clock::Wall] {
        let so_far = descriptors();
        for _ in 0..3 {
            let until = rig.within(clock, LONG);
            rig.begin_to_wait(&until);
            assert_eq!(descriptors(), so_far + 1, "one timer for each clock that is waited for");
        }
    }
    let bell = rig.driver.ringer().unwrap();
    rig.driver.pollable().unwrap();
    assert_eq!(descriptors(), with_poller + 2);
    drop((bell, rig));
    assert_eq!(descriptors(), before);
}
