//! A client that outlives its network: two minutes of bad luck, in no time at all.
//!
//! The White Rabbit is late, and asks the clock for the time every ten seconds. The line between the two is bad. For a while
//! nothing passes at all; and once everything on it is reset, as by a box that has lost its memory. What the Rabbit does about
//! that is what any client has to do: no question waits for ever, what has failed is thrown away, and the next attempt begins
//! anew, each time after a longer pause.
//!
//! To see such a program fail one would have to pull out cables, and to be lucky. Here the two run on two hosts of a
//! [`Sim`], on virtual time: the line does what it is told, how long it takes follows from a seed, and the same seed gives the
//! same two minutes, byte for byte. The code of the two is the code that would run on a real network.
//!
//! `cargo run --example flaky_network 4` prints the Rabbit's diary, and under it the turning points of the history:
//! ```text
//!        0.362  The clock says 0.196.
//!       10.630  The clock says 10.433.
//!       20.866  The clock says 20.701.
//!       35.866  No answer: time is up. Again in 1 s.
//!       41.866  No answer: time is up. Again in 2 s.
//!       48.866  No answer: time is up. Again in 4 s.
//!       57.866  No answer: time is up. Again in 8 s.
//!       66.423  The clock says 66.236.
//!       76.631  The clock says 76.525.
//!       86.964  The clock says 86.774.
//!       97.080  The clock says 96.984.
//!      107.080  No answer: Connection reset by peer (os error 104). Again in 1 s.
//!      108.602  The clock says 108.545.
//!      118.705  The clock says 118.636.
//!
//!         0.096123305 rabbit   opened   10.0.0.2:32768 > 10.0.0.1:7000
//!        25.000000000 clock    parted   rabbit
//!        60.000000000 clock    healed   rabbit
//!        66.073563613 rabbit   opened   10.0.0.2:32775 > 10.0.0.1:7000
//!        69.068397742 clock    reset    10.0.0.1:7000 > 10.0.0.2:32768
//!       100.000000000 rabbit   reset    10.0.0.2:32775 > 10.0.0.1:7000
//!       100.000000000 clock    reset    10.0.0.1:7000 > 10.0.0.2:32775
//!       108.407549829 rabbit   opened   10.0.0.2:32776 > 10.0.0.1:7000
//! ```
//! (At 69 s the clock learns what became of the first connection: the Rabbit has given it up long ago.)
//!
//! Leave out the last filter in `main` to see the whole history: every byte that was sent, and what became of it.

use fate::framing::{FrameProtocol, FrameTransport, Framed, Lines};
use fate::sim::Sim;
use fate::{Fate, Instant, TcpStream};
use std::{cell::RefCell, env, rc::Rc, time::Duration};

const LINES: Lines = Lines::new(100);
const SECOND: Duration = Duration::from_secs(1);

/// How long the Rabbit waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers every line with the time.
struct Clock;

impl FrameProtocol for Clock {
    fn frame_received(&mut self, transport: &FrameTransport<'_>, _: &[u8]) {
        transport.send(time(transport.fate()).as_bytes());
    }
}

fn time(fate: &Fate) -> String {
    format!("{:.3}", (fate.now() - Instant::START).as_secs_f64())
}

/// Asks over the line there is, or over a new one, and gives it back with the answer. If this fails, or is dropped half way,
/// the line is dropped with it, and so closed.
async fn ask(fate: Fate, line: Option<TcpStream>) -> fate::Result<(TcpStream, String)> {
    let line = match line {
        Some(line) => line,
        None => fate.connect_tcp("clock:7000").await?,
    };
    line.write_frame(&LINES, b"What time is it?").await?;
    let answer = line.read_line(100).await?.ok_or("the clock has hung up")?;
    Ok((line, answer))
}

/// Asks for two minutes.
async fn keep_asking(fate: Fate, diary: Rc<RefCell<Vec<String>>>) {
    let note = |words: String| diary.borrow_mut().push(format!("{:>12}  {words}", time(&fate)));
    let (mut line, mut pause) = (None, SECOND);
    while fate.now() < Instant::START + 120 * SECOND {
        // When time is up the task is cancelled: whatever it waits for, connecting included, it waits no more.
        let question = fate.spawn(ask(fate.clone(), line.take())).and_then(|answer| answer).add_timeout(PATIENCE);
        match question.await {
            Ok((same_line, answer)) => {
                note(format!("The clock says {answer}."));
                (line, pause) = (Some(same_line), SECOND);
                fate.sleep(10 * SECOND).await;
            }
            Err(failure) => {
                note(format!("No answer: {failure}. Again in {} s.", pause.as_secs()));
                fate.sleep(pause).await;
                pause *= 2;
            }
        }
    }
}

/// How the two minutes went.
#[derive(PartialEq, Eq, Debug)]
pub struct Story {
    /// What the Rabbit noted.
    pub diary: Vec<String>,
    /// What happened, one line an event.
    pub history: String,
}

/// Lives through the two minutes that belong to this seed.
pub fn live_through(seed: u64) -> fate::Result<Story> {
    let mut sim = Sim::new(seed);
    let (clock, rabbit) = (sim.host("clock"), sim.host("rabbit"));
    clock.listen_tcp("0.0.0.0:7000")?.serve(|_peer| Framed::new(LINES, Clock));
    let diary = Rc::<RefCell<Vec<String>>>::default();
    rabbit.spawn(keep_asking(rabbit.clone(), diary.clone()));

    let line = sim.link("clock", "rabbit").latency(SECOND / 100..SECOND / 5);
    let (parted, healed, reset) = (line.clone(), line.clone(), line);
    rabbit.get_fuse(25 * SECOND).set_handler(move |_| parted.partition());
    rabbit.get_fuse(60 * SECOND).set_handler(move |_| healed.heal());
    rabbit.get_fuse(100 * SECOND).set_handler(move |_| reset.reset());

    sim.run()?;
    Ok(Story { diary: diary.take(), history: sim.history() })
}

/// Whether a line of the history is a turning point, and not one of the many small things that happen all the time.
pub fn is_turning_point(line: &&str) -> bool {
    ["opened", "parted", "healed", "reset"].iter().any(|word| line.contains(word))
}

fn main() -> fate::Result {
    let seed = env::args().nth(1).map_or(Ok(4), |seed| seed.parse())?;
    let story = live_through(seed)?;
    story.diary.iter().for_each(|line| println!("{line}"));
    println!();
    story.history.lines().filter(is_turning_point).for_each(|line| println!("{line}"));
    Ok(())
}
