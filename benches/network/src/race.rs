//! Runs contenders against each other: A B C, A B C, A B C, so that a slow minute of the machine falls on all of them alike.
//! Ratios are taken within each round, and then their median: the machine drifts more from minute to minute than they differ.

use crate::contender::Contender;
use std::io;

/// What one contender needed in one round: figures by name.
pub type Score = Vec<(Figure, f64)>;

/// What can be measured. Times are nanoseconds, memory is bytes, and all are for one message, visit or connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    Cpu,
    /// How often the server slept.
    Sleeps,
    Median,
    NinetyNine,
    /// Calls to the allocator.
    Calls,
    Heap,
    Resident,
    /// The server's peak, for all connections together.
    Peak,
}

/// What all of them needed, round by round.
#[derive(Clone, Default)]
pub struct Standings {
    scores: Vec<(&'static str, Vec<Score>)>,
}

/// Who did not do his work, and what happened.
pub type Failure = String;

/// Lets every contender play `rounds` times, one after another within each round. Who cannot run on this machine, or fails, is out
/// and has no figures.
pub fn race(
    contenders: &[&'static Contender],
    rounds: usize,
    mut play: impl FnMut(&'static Contender) -> io::Result<Score>,
) -> (Standings, Vec<Failure>) {
    let mut failures = Vec::new();
    let mut running: Vec<_> = contenders.iter().map(|contender| (*contender, Vec::new())).collect();
    for _ in 0..rounds {
        running.retain_mut(|(contender, scores)| match play(contender) {
            Ok(score) => {
                scores.push(score);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => false,
            Err(error) => {
                failures.push(format!("{}: {error}", contender.name));
                false
            }
        });
    }
    let scores = running.into_iter().map(|(contender, scores)| (contender.name, scores)).collect();
    (Standings { scores }, failures)
}

impl Standings {
    /// One figure of a contender, round by round; nothing if it was never measured.
    pub fn figures(&self, contender: &str, figure: Figure) -> Vec<f64> {
        let Some((_, scores)) = self.scores.iter().find(|(name, _)| *name == contender) else { return Vec::new() };
        scores.iter().flatten().filter(|(name, _)| *name == figure).map(|(_, value)| *value).collect()
    }

    /// How many times another's figure a contender's is, round by round.
    pub fn ratios(&self, contender: &str, other: &str, figure: Figure) -> Vec<f64> {
        let (ours, theirs) = (self.figures(contender, figure), self.figures(other, figure));
        ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
    }
}

/// The middle of some figures.
pub fn median(figures: &[f64]) -> Option<f64> {
    spread(figures).map(|[_, middle, _]| middle)
}

/// The quartiles of some figures.
pub fn spread(figures: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some([1, 2, 3].map(|quarter| sorted[(last * quarter + 2) / 4]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn idle(_: crate::contender::Setting) -> io::Result<()> {
        Ok(())
    }

    static A: Contender = Contender {
        name: "a",
        serve: idle,
        serve_tls: None,
        serve_web: None,
        driver: None,
        counted: true,
        usual: true,
    };
    static B: Contender = Contender {
        name: "b",
        serve: idle,
        serve_tls: None,
        serve_web: None,
        driver: None,
        counted: true,
        usual: true,
    };

    #[test]
    fn contenders_take_turns_and_ratios_are_taken_within_a_round() {
        let turns = Cell::new(0.0);
        let play = |one: &'static Contender| {
            turns.set(turns.get() + 1.0);
            Ok(vec![(Figure::Cpu, if one.name == "a" { turns.get() } else { 10.0 })])
        };
        let (standings, failures) = race(&[&A, &B], 3, play);
        assert!(failures.is_empty());
        assert_eq!(standings.figures("a", Figure::Cpu), [1.0, 3.0, 5.0]);
        assert_eq!(standings.ratios("a", "b", Figure::Cpu), [0.1, 0.3, 0.5]);
        assert_eq!(median(&standings.ratios("a", "b", Figure::Cpu)), Some(0.3));
        assert_eq!(median(&standings.ratios("a", "c", Figure::Cpu)), None);
    }

    #[test]
    fn who_cannot_run_here_has_no_figures_and_who_fails_is_named_too() {
        let play = |kind: io::ErrorKind| {
            move |one: &'static Contender| match one.name {
                "a" => Err(kind.into()),
                _ => Ok(vec![(Figure::Cpu, 1.0)]),
            }
        };
        let (standings, failures) = race(&[&A, &B], 2, play(io::ErrorKind::Unsupported));
        assert!(standings.figures("a", Figure::Cpu).is_empty() && failures.is_empty());
        assert_eq!(standings.figures("b", Figure::Cpu), [1.0, 1.0]);
        let (standings, failures) = race(&[&A, &B], 2, play(io::ErrorKind::TimedOut));
        assert!(standings.figures("a", Figure::Cpu).is_empty());
        assert_eq!(failures, ["a: timed out"]);
    }
}
