//! A table drawn in letters of one width.

use chatbox_connector_api::markup::{Block, Inline, Markup, plain};

/// Between two cells.
const GAP: &str = " | ";

/// The table with its columns aligned.
pub(super) fn drawn(header: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) -> String {
    let title = texts(header);
    let rows: Vec<Vec<String>> = rows.iter().map(|row| texts(row)).collect();
    let columns = rows
        .iter()
        .map(Vec::len)
        .chain([title.len()])
        .max()
        .unwrap_or(0);
    let width = |column: usize| {
        let cells = rows
            .iter()
            .chain([&title])
            .filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut lines = Vec::new();
    if title.iter().any(|cell| !cell.trim().is_empty()) {
        lines.push(line(&title, &widths));
        let bars = widths.iter().map(|width| "-".repeat((*width).max(1)));
        lines.push(bars.collect::<Vec<_>>().join("-+-"));
    }
    lines.extend(rows.iter().map(|row| line(row, &widths)));
    lines.join("\n")
}

fn texts(cells: &[Vec<Inline>]) -> Vec<String> {
    let text = |cell: &Vec<Inline>| {
        plain(&Markup(vec![Block::Paragraph(cell.clone())])).replace('\n', " ")
    };
    cells.iter().map(text).collect()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = |(cell, width): (&String, &usize)| {
        let gap = width.saturating_sub(cell.chars().count());
        format!("{cell}{}", " ".repeat(gap))
    };
    let cells: Vec<String> = cells.iter().zip(widths).map(padded).collect();
    cells.join(GAP).trim_end().to_owned()
}
