//! `flaky_network`: the Rabbit's two minutes.

mod doc;

#[expect(dead_code, reason = "its stories are lived through here, not its main")]
#[path = "../flaky_network.rs"]
mod flaky_network;

use flaky_network::{Story, is_turning_point, live_through};

fn story(seed: u64) -> Story {
    live_through(seed).expect("the two minutes pass")
}

/// The seconds at which a line of the diary was noted, and whether it is an answer.
fn entry(line: &str) -> (f64, bool) {
    let (time, words) = line.trim_start().split_once("  ").expect("a time and words");
    (time.parse().expect("a number"), words.starts_with("The clock says"))
}

#[test]
fn the_rabbit_hears_from_the_clock_whenever_the_line_lets_it() {
    for seed in 0..200 {
        let Story { diary, history } = story(seed);
        let entries: Vec<(f64, bool)> = diary.iter().map(|line| entry(line)).collect();
        let noted = diary.join("\n");
        assert!(
            entries.iter().take_while(|(time, _)| *time < 25.0).all(|(_, is_answer)| *is_answer),
            "seed {seed}:\n{noted}"
        );
        let in_the_dark = entries.iter().filter(|(time, _)| (27.0..60.0).contains(time));
        assert!(in_the_dark.clone().count() > 2, "seed {seed}:\n{noted}");
        assert!(in_the_dark.clone().all(|(_, is_answer)| !is_answer), "seed {seed}:\n{noted}");
        // Eight seconds is the longest pause, and a question waits for five.
        assert!(
            entries.iter().any(|(time, is_answer)| *is_answer && (60.0..74.0).contains(time)),
            "seed {seed}:\n{noted}"
        );
        assert!(history.contains(" reset "), "seed {seed}:\n{history}");
        assert!(entries.last().is_some_and(|(_, is_answer)| *is_answer), "seed {seed}:\n{noted}");
    }
}

#[test]
fn the_same_seed_is_the_same_story_and_another_is_another() {
    assert_eq!(story(3), story(3));
    assert_ne!(story(3).history, story(4).history);
}

#[test]
fn the_story_of_seed_four_is_the_one_in_the_doc() {
    let Story { diary, history } = story(4);
    let printed: Vec<String> = diary
        .into_iter()
        .chain([String::new()])
        .chain(history.lines().filter(is_turning_point).map(String::from))
        .collect();
    assert_eq!(
        printed,
        doc::first_block(include_str!("../flaky_network.rs")),
        "the doc should show:\n{}",
        printed.join("\n")
    );
}
