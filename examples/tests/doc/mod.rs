//! What an example's module doc says that it prints.

/// The lines of the first block of text in a program's module doc.
pub fn first_block(source: &str) -> Vec<&str> {
    let doc = source.lines().map_while(|line| line.strip_prefix("//!"));
    let doc = doc.map(|line| line.strip_prefix(' ').unwrap_or(line));
    doc.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```").collect()
}
