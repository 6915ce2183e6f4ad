//! User input while other work goes on: a command runs, a number is crunched, a clock ticks, and the prompt still answers.
//!
//! A program that waits for its user cannot do anything else meanwhile, and one that waits for another program, or calculates, does
//! not hear its user. So here nobody waits. The command is another program: Fate is told when it has ended. The calculation does
//! not wait but keeps a processor busy, which would stop everything else as well; so it is handed to a thread. The clock is a
//! fuse that is lit again and again; pages, if you name some, come piece by piece; and the user's lines come as all other events do.
//!
//! `cargo run --example many_things`, or `… many_things https://example.org/`, and type while it runs:
//! ```console
//! The time has come to talk of many things. Of what? (Or quit.)
//! of shoes
//! Ah, of shoes!
//! tick
//! Below a million, 837799 takes the most steps: 524
//! tick
//! The walrus is back from his walk.
//! of cabbages and kings
//! Ah, of cabbages and kings!
//! tick
//! quit
//! ```
//! `quit` ends it all, and so does Ctrl-C: the command is asked to end, and the calculation, which cannot be, is waited for. At the
//! end of the input (Ctrl-D) only the clock stops: what was begun is finished, and then nothing is left to happen.

use fate::{Fate, Looping};
use fate_web::get_page;
use std::{env, process::Command, time::Duration};

/// A page, which comes in small pieces.
fn fetch(fate: &Fate, url: String) {
    let lost = url.clone();
    get_page(fate, &url)
        .add_callback(move |page| println!("{url}: {} bytes", page.len()))
        .add_errback(move |failure| println!("{lost}: {failure}"));
}

/// A program that takes its time, and prints something.
fn run_a_command(fate: &Fate) {
    let mut walk = Command::new("sh");
    walk.args(["-c", "sleep 3; echo The walrus is back from his walk."]);
    fate.output(walk)
        .add_callback(|output| match output.status.success() {
            true => println!("{}", String::from_utf8_lossy(&output.stdout).trim_end()),
            false => println!("The walrus came to grief: {}", output.status),
        })
        .add_errback(|failure| println!("The walrus stays at home: {failure}"));
}

/// How many steps it takes to come to 1, if even numbers are halved, and odd ones tripled, and one is added.
fn steps(mut number: u64) -> u32 {
    let mut steps = 0;
    while number != 1 {
        number = if number.is_multiple_of(2) { number / 2 } else { 3 * number + 1 };
        steps += 1;
    }
    steps
}

/// This takes a second or so. A handler that did it would stop everything else.
fn crunch(fate: &Fate) {
    fate.defer_to_thread(|| (1..1_000_000).max_by_key(|number| steps(*number)).expect("there are numbers"))
        .add_callback(|number| println!("Below a million, {number} takes the most steps: {}", steps(number)));
}

fn tick(fate: &Fate) -> Looping {
    fate.every(Duration::from_secs(1), |_, tick| match tick.missed {
        0 => println!("tick"),
        missed => println!("tick, and {missed} were missed"),
    })
}

/// Whatever else goes on, the user is answered.
fn answer(fate: &Fate, clock: Looping) {
    println!("The time has come to talk of many things. Of what? (Or quit.)");
    let lines = fate.stdin_lines(|fate, line| match line.trim() {
        "quit" => fate.shutdown(),
        "" => {}
        words => println!("Ah, {words}!"),
    });
    // As long as it ticks, `run` goes on.
    lines.ended().add_callback(move |()| clock.stop());
}

/// Begins all four. None of these calls waits for anything.
pub fn set_up(fate: &Fate) {
    run_a_command(fate);
    crunch(fate);
    let clock = tick(fate);
    answer(fate, clock);
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    set_up(&fate);
    env::args().skip(1).for_each(|url| fetch(&fate, url));
    fate.run()
}
