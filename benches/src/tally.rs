//! The tables: Markdown, so that they can stand in the README as they were printed.
//!
//! A cell has a peer's figure and, in brackets, how many times Fate's it is. A row may carry demands; whether they are met is said
//! in words and changes nothing else: a slow machine is no reason to fail.

use crate::peers;
use std::fmt;

pub const FATE: &str = "Fate";

/// Fate first, then everybody it is compared with.
pub struct Tally {
    title: String,
    unit: Unit,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Unit {
    Nanoseconds,
    Bytes,
    Calls,
}

struct Row {
    label: String,
    figures: Vec<Cell>,
    demands: Vec<Demand>,
}

/// What is known of one contender in one row.
#[derive(Clone, Copy)]
enum Cell {
    Figure(f64),
    NotBuilt,
    DoesNot,
}

/// What the project asks of Fate in one row.
#[derive(Clone, Copy)]
pub enum Demand {
    /// The rival's figure is at least so many times Fate's.
    Times(Rival, f64),
    /// Fate's figure is at most this.
    AtMost(f64),
}

#[derive(Clone, Copy)]
pub enum Rival {
    Named(&'static str),
    /// Whichever of these did best.
    Best(&'static [&'static str]),
}

impl Tally {
    /// An empty table; `columns` are the peers beside Fate.
    pub fn new(title: impl Into<String>, unit: Unit, columns: &[&'static str]) -> Self {
        let columns = [FATE].iter().chain(columns).copied().collect();
        Tally { title: title.into(), unit, columns, rows: Vec::new() }
    }

    /// Adds a row; `figure` looks one contender's figure up.
    pub fn row(&mut self, label: impl Into<String>, figure: impl Fn(&str) -> Option<f64>, demands: &[Demand]) {
        let cell = |name: &&'static str| match figure(name) {
            Some(figure) => Cell::Figure(figure),
            None if peers::NOT_BUILT.contains(name) => Cell::NotBuilt,
            None => Cell::DoesNot,
        };
        let figures = self.columns.iter().map(cell).collect();
        self.rows.push(Row { label: label.into(), figures, demands: demands.to_vec() });
    }

    /// Prints the table.
    pub fn print(&self) {
        println!("{self}");
    }

    fn header(&self) -> Vec<String> {
        let mut header = vec![self.title.clone()];
        header.extend(self.columns.iter().map(|name| name.to_string()));
        if self.has_demands() {
            header.extend(["asked".to_string(), "verdict".to_string()]);
        }
        header
    }

    fn has_demands(&self) -> bool {
        self.rows.iter().any(|row| !row.demands.is_empty())
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mut cells = vec![row.label.clone()];
        cells.extend(row.figures.iter().enumerate().map(|(column, cell)| self.cell(row, column, *cell)));
        if self.has_demands() {
            let asked: Vec<_> = row.demands.iter().map(|demand| demand.text(self.unit)).collect();
            cells.push(asked.join(", "));
            cells.push(row.verdict(&self.columns));
        }
        cells
    }

    fn cell(&self, row: &Row, column: usize, cell: Cell) -> String {
        let figure = match cell {
            Cell::NotBuilt => return "not built".to_string(),
            Cell::DoesNot => return "—".to_string(),
            Cell::Figure(figure) => figure,
        };
        match row.ratio(figure) {
            Some(ratio) if column > 0 => format!("{} ({ratio:.1} x)", self.unit.text(figure)),
            _ => self.unit.text(figure),
        }
    }
}

impl Row {
    /// How many times Fate's figure this one is; nothing where there is nothing to divide by.
    fn ratio(&self, figure: f64) -> Option<f64> {
        match self.figures[0] {
            Cell::Figure(fate) if fate > 0.0 => Some(figure / fate),
            _ => None,
        }
    }

    fn verdict(&self, columns: &[&str]) -> String {
        let Cell::Figure(fate) = self.figures[0] else { return "no figure".to_string() };
        let of =
            |name: &str| columns.iter().position(|column| *column == name).and_then(|at| self.figures[at].figure());
        let rival = |rival: Rival| match rival {
            Rival::Named(name) => of(name),
            Rival::Best(names) => names.iter().filter_map(|name| of(name)).min_by(f64::total_cmp),
        };
        let below = |demand: &&Demand| match **demand {
            Demand::Times(who, times) => rival(who).is_some_and(|figure| figure < times * fate),
            Demand::AtMost(most) => fate > most,
        };
        let failed: Vec<_> = self.demands.iter().filter(below).map(|demand| demand.name()).collect();
        match (self.demands.is_empty(), failed.is_empty()) {
            (true, _) => String::new(),
            (false, true) => "PASS".to_string(),
            (false, false) => format!("below ({})", failed.join(", ")),
        }
    }
}

impl Cell {
    fn figure(&self) -> Option<f64> {
        if let Cell::Figure(figure) = self { Some(*figure) } else { None }
    }
}

impl Demand {
    fn name(self) -> &'static str {
        match self {
            Demand::Times(Rival::Named(name), _) => name,
            Demand::Times(Rival::Best(_), _) => "the best",
            Demand::AtMost(_) => "the limit",
        }
    }

    fn text(self, unit: Unit) -> String {
        match self {
            Demand::Times(_, times) if times < 1.0 => {
                format!("≤ {} x {}", (100.0 / times).round() / 100.0, self.name())
            }
            Demand::Times(_, times) => format!("{} ≥ {times:.0} x", self.name()),
            Demand::AtMost(most) => format!("≤ {}", unit.text(most)),
        }
    }
}

impl Unit {
    fn text(self, figure: f64) -> String {
        match self {
            Unit::Nanoseconds if figure < 10.0 => format!("{figure:.1} ns"),
            Unit::Nanoseconds => format!("{figure:.0} ns"),
            Unit::Bytes => format!("{figure:.0} B"),
            Unit::Calls => format!("{figure:.4}"),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let header = self.header();
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| self.cells(row)).collect();
        let wide = |column: usize| {
            rows.iter().chain([&header]).map(|row| row[column].chars().count()).max().unwrap_or_default().max(3)
        };
        let widths: Vec<usize> = (0..header.len()).map(wide).collect();
        let mut line = |cells: &[String]| -> fmt::Result {
            for (cell, width) in cells.iter().zip(&widths) {
                write!(out, "| {cell:width$} ")?;
            }
            writeln!(out, "|")
        };
        line(&header)?;
        line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>())?;
        rows.iter().try_for_each(|row| line(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(fate: f64, peer: Option<f64>, demands: &[Demand]) -> String {
        let mut tally = Tally::new("each", Unit::Nanoseconds, &["tokio", "nobody"]);
        let figure = |name: &str| if name == FATE { Some(fate) } else { peer.filter(|_| name == "tokio") };
        tally.row("light", figure, demands);
        tally.to_string()
    }

    #[test]
    fn a_row_has_ratios_and_says_which_demand_was_not_met() {
        let demands =
            [Demand::Times(Rival::Named("tokio"), 8.0), Demand::Times(Rival::Best(&["tokio", "nobody"]), 5.0)];
        let table = printed(40.0, Some(320.0), &demands);
        assert!(
            table.contains("| 40 ns | 320 ns (8.0 x) | —      | tokio ≥ 8 x, the best ≥ 5 x | PASS    |"),
            "{table}"
        );
        assert!(printed(50.0, Some(320.0), &demands).contains("| below (tokio) |"));
        assert!(
            printed(50.0, None, &[Demand::AtMost(20.0)]).contains("| —     | —      | ≤ 20 ns | below (the limit) |")
        );
    }

    #[test]
    fn a_rival_that_is_not_there_beats_nobody() {
        assert!(printed(50.0, Some(1.0), &[Demand::Times(Rival::Named("nobody"), 2.0)]).contains("PASS"));
    }
}
