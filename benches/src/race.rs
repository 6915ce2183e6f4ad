//! Runs contenders against each other: A B C, A B C, A B C, so that a slow minute of the machine falls on all of them alike, and
//! takes the median of the rounds.

use crate::stopwatch::{Reading, Stopwatch};

/// One who can run a workload from the start to the end, in named laps.
pub struct Contender<'a> {
    pub name: &'static str,
    play: Box<dyn Fn(&mut Stopwatch) + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(name: &'static str, play: impl Fn(&mut Stopwatch) + 'a) -> Self {
        Contender { name, play: Box::new(play) }
    }
}

/// What all of them needed, round by round.
pub struct Standings {
    contenders: Vec<(&'static str, Vec<Stopwatch>)>,
}

/// Lets every contender play `rounds` times, one after another within each round.
pub fn race(contenders: &[Contender], rounds: usize) -> Standings {
    let mut standings: Vec<_> = contenders.iter().map(|one| (one.name, Vec::new())).collect();
    for _ in 0..rounds {
        for (contender, (_, watches)) in contenders.iter().zip(&mut standings) {
            let mut watch = Stopwatch::default();
            (contender.play)(&mut watch);
            watches.push(watch);
        }
    }
    Standings { contenders: standings }
}

impl Standings {
    /// The median over the rounds of one figure of a contender's lap; nothing if it has no such lap.
    pub fn median(&self, contender: &str, lap: &str, figure: impl Fn(Reading) -> f64) -> Option<f64> {
        let (_, watches) = self.contenders.iter().find(|(name, _)| *name == contender)?;
        let mut figures: Vec<f64> = watches.iter().filter_map(|watch| watch.reading(lap)).map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }

    /// The median CPU time of a lap in nanoseconds, for each of the `operations` done in it.
    pub fn nanoseconds(&self, contender: &str, lap: &str, operations: usize) -> Option<f64> {
        self.median(contender, lap, |reading| reading.cpu.as_nanos() as f64 / operations as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contenders_take_turns_and_laps_of_one_name_add_up() {
        let turns = std::cell::RefCell::new(String::new());
        let contender = |name: &'static str| {
            let turns = &turns;
            Contender::new(name, move |watch| {
                watch.lap("twice", || turns.borrow_mut().push_str(name));
                watch.lap("twice", || ());
            })
        };
        let standings = race(&[contender("a"), contender("b")], 3);
        assert_eq!(*turns.borrow(), "ababab");
        assert!(standings.median("a", "twice", |_| 1.0).is_some());
        assert!(standings.median("a", "never", |_| 1.0).is_none());
        assert!(standings.median("c", "twice", |_| 1.0).is_none());
    }
}
