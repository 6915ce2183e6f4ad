//! The tables: Markdown, so that they can stand in the README as they were printed.
//!
//! In a table of times, tokio's cell has the time itself; the others have how many times tokio's theirs is, the median of the
//! rounds, and in brackets the quartiles. A row may carry demands; whether they are met is said in words and changes
//! nothing else: a slow machine is no reason to fail. A figure in bold is one that misses its demand.

use crate::peers::BASE;
use crate::race::{Figure, Standings, median, spread};
use std::fmt;

/// One table; a column for each contender.
pub struct Tally {
    title: &'static str,
    unit: Unit,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Unit {
    /// Times of tokio's.
    Nanoseconds,
    Bytes,
    Count,
}

struct Row {
    label: String,
    figure: Figure,
    standings: Standings,
    demands: Vec<Demand>,
}

/// What the project asks of one contender in one row.
#[derive(Clone, Copy)]
pub struct Demand {
    pub who: &'static str,
    pub at_most: f64,
    pub of: Of,
}

/// What a demand counts in.
#[derive(Clone, Copy)]
pub enum Of {
    /// This contender's figure.
    Rival(&'static str),
    Unit,
}

impl Tally {
    pub fn new(title: &'static str, unit: Unit, columns: &[&'static str]) -> Tally {
        Tally { title, unit, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with one figure of everybody, and shows it at once: the table itself is long in coming. Demands on those who do
    /// not take part are not made.
    pub fn row(&mut self, label: impl Into<String>, figure: Figure, standings: &Standings, demands: &[Demand]) {
        let takes_part = |name: &&'static str| self.columns.contains(name);
        let demands =
            demands.iter().filter(|demand| takes_part(&demand.who) && demand.rival().is_none_or(|it| takes_part(&it)));
        let demands = demands.copied().collect();
        let row = Row { label: label.into(), figure, standings: standings.clone(), demands };
        let cells: Vec<_> = self.columns.iter().map(|name| format!("{name} {}", row.cell(name, self.unit))).collect();
        eprintln!("{}, {}: {} {}", self.title, row.label, cells.join(", "), row.verdict(self.unit));
        self.rows.push(row);
    }

    /// Prints the table, if there is anything in it.
    pub fn print(&self) {
        if !self.rows.is_empty() {
            println!("{self}");
        }
    }

    fn has_demands(&self) -> bool {
        self.rows.iter().any(|row| !row.demands.is_empty())
    }

    fn header(&self) -> Vec<String> {
        let mut header = vec![self.title.to_string()];
        header.extend(self.columns.iter().map(|name| name.to_string()));
        if self.has_demands() {
            header.extend(["asked".to_string(), "verdict".to_string()]);
        }
        header
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mut cells = vec![row.label.clone()];
        cells.extend(self.columns.iter().map(|name| row.cell(name, self.unit)));
        if self.has_demands() {
            cells.extend([row.asked(self.unit), row.verdict(self.unit)]);
        }
        cells
    }
}

impl Row {
    fn cell(&self, name: &str, unit: Unit) -> String {
        let ratios = self.standings.ratios(name, BASE, self.figure);
        match spread(&ratios) {
            Some([least, middle, greatest]) if name != BASE && unit == Unit::Nanoseconds => {
                format!("{middle:.2} ({least:.2}–{greatest:.2})")
            }
            _ => {
                median(&self.standings.figures(name, self.figure)).map_or("—".to_string(), |figure| unit.text(figure))
            }
        }
    }

    fn asked(&self, unit: Unit) -> String {
        self.listed(|demand| match demand.of {
            Of::Rival(rival) => format!("≤ {} {rival}", demand.at_most),
            Of::Unit => format!("≤ {}", unit.text(demand.at_most)),
        })
    }

    fn verdict(&self, unit: Unit) -> String {
        if self.demands.is_empty() {
            return String::new();
        }
        let met: Vec<_> = self.demands.iter().map(|demand| self.meets(demand)).collect();
        let word = match (met.contains(&Some(false)), met.contains(&None)) {
            (true, _) => "below",
            (false, true) => "no figure",
            (false, false) => "PASS",
        };
        let measured = self.listed(|demand| {
            let text = match (self.measured(demand), demand.of) {
                (None, _) => return "—".to_string(),
                (Some(measured), Of::Rival(rival)) => format!("{measured:.2} {rival}"),
                (Some(measured), Of::Unit) => unit.text(measured),
            };
            if self.meets(demand) == Some(true) { text } else { format!("**{text}**") }
        });
        format!("{word}: {measured}")
    }

    fn measured(&self, demand: &Demand) -> Option<f64> {
        match demand.of {
            Of::Rival(rival) => median(&self.standings.ratios(demand.who, rival, self.figure)),
            Of::Unit => median(&self.standings.figures(demand.who, self.figure)),
        }
    }

    fn meets(&self, demand: &Demand) -> Option<bool> {
        self.measured(demand).map(|measured| measured <= demand.at_most)
    }

    /// Something about each demand, with the name before the first of each contender.
    fn listed(&self, text: impl Fn(&Demand) -> String) -> String {
        let mut list = String::new();
        let mut last = "";
        for demand in &self.demands {
            list += match (last.is_empty(), last == demand.who) {
                (true, _) => "",
                (false, true) => ", ",
                (false, false) => "; ",
            };
            if last != demand.who {
                list += &format!("{} ", demand.who);
            }
            list += &text(demand);
            last = demand.who;
        }
        list
    }
}

impl Demand {
    fn rival(&self) -> Option<&'static str> {
        if let Of::Rival(rival) = self.of { Some(rival) } else { None }
    }
}

impl Unit {
    fn text(self, figure: f64) -> String {
        match self {
            Unit::Nanoseconds => format!("{:.2} µs", figure / 1000.0),
            Unit::Bytes if figure >= 10_000_000.0 => format!("{:.1} MB", figure / 1e6),
            Unit::Bytes => format!("{figure:.0} B"),
            Unit::Count => format!("{figure:.5}"),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| self.cells(row)).collect();
        let mut line = |cells: &[String]| writeln!(out, "| {} |", cells.join(" | "));
        line(&self.header())?;
        line(&vec!["---".to_string(); self.header().len()])?;
        rows.iter().try_for_each(|row| line(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Contender;
    use crate::race::race;

    static TOKIO: Contender = Contender {
        serve_tls: None,
        serve_web: None,
        name: BASE,
        serve: |_| Ok(()),
        driver: None,
        counted: true,
        usual: true,
    };
    static OURS: Contender = Contender {
        serve_tls: None,
        serve_web: None,
        name: "ours",
        serve: |_| Ok(()),
        driver: None,
        counted: true,
        usual: true,
    };

    fn table(demands: &[Demand]) -> String {
        let play = |one: &Contender| Ok(vec![(Figure::Cpu, if one.name == BASE { 2000.0 } else { 1800.0 })]);
        let (standings, _) = race(&[&TOKIO, &OURS], 3, play);
        let mut tally = Tally::new("echo", Unit::Nanoseconds, &[BASE, "ours"]);
        tally.row("a row", Figure::Cpu, &standings, demands);
        tally.to_string()
    }

    #[test]
    fn a_time_is_told_in_times_of_tokios() {
        assert!(table(&[]).ends_with("| a row | 2.00 µs | 0.90 (0.90–0.90) |\n"));
    }

    #[test]
    fn what_misses_its_demand_is_bold() {
        let demand = |at_most| Demand { who: "ours", at_most, of: Of::Rival(BASE) };
        assert!(table(&[demand(0.95)]).ends_with("| ours ≤ 0.95 tokio | PASS: ours 0.90 tokio |\n"));
        assert!(table(&[demand(0.85)]).ends_with("| ours ≤ 0.85 tokio | below: ours **0.90 tokio** |\n"));
    }

    #[test]
    fn who_has_failed_passes_nothing() {
        let (standings, _) = race(&[&TOKIO], 1, |_| Ok(vec![(Figure::Cpu, 1.0)]));
        let mut tally = Tally::new("echo", Unit::Nanoseconds, &[BASE, "gone"]);
        let demand = Demand { who: "gone", at_most: 1.0, of: Of::Rival(BASE) };
        tally.row("a row", Figure::Cpu, &standings, &[demand]);
        assert!(tally.to_string().ends_with("| — | gone ≤ 1 tokio | no figure: gone — |\n"));
    }

    #[test]
    fn nothing_is_asked_of_who_is_not_there() {
        let demand = Demand { who: "nobody", at_most: 1.0, of: Of::Rival(BASE) };
        assert!(!table(&[demand]).contains("asked"));
    }
}
