//! The table and the file.

use crate::stats::{median, spread};
use anyhow::Result;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// What is asked of a figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Aim {
    /// The ratio to the limit is at least this.
    RatioAtLeast(f64),
    /// The ratio to the limit is at most this.
    RatioAtMost(f64),
    /// The value itself is at most this.
    AtMost(f64),
    /// It is recorded only.
    None,
}

/// One figure, as it goes into the file.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Ours: the median of the repeats.
    pub value: f64,
    /// Of `value` and `limit`.
    pub unit: &'static str,
    /// The limit's median.
    pub limit: Option<f64>,
    /// The median over the repeats of ours by the limit's.
    pub ratio: Option<f64>,
    /// How far apart the repeats' ratios (or values, without a limit) are, as a part of the median.
    pub spread: f64,
    /// What is asked.
    pub aim: String,
    /// Whether it holds; nothing where nothing is asked or the limit is at fault.
    pub holds: Option<bool>,
    /// What the same limit reached on this kind of machine before.
    #[serde(skip)]
    pub known: Option<f64>,
    /// Whether the limit program did so badly that the ratio says nothing.
    #[serde(skip)]
    pub limit_at_fault: bool,
}

impl Figure {
    /// A figure beside its limit, from repeats that took turns: (ours, the limit's) of each.
    pub fn beside(
        name: impl Into<String>,
        unit: &'static str,
        pairs: &[(f64, f64)],
        aim: Aim,
    ) -> Self {
        let ratios: Vec<f64> = pairs.iter().map(|(ours, limit)| ours / limit).collect();
        let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
        let limit: Vec<f64> = pairs.iter().map(|(_, limit)| *limit).collect();
        let mut figure = Self::alone(name, unit, &ours, aim);
        figure.limit = Some(median(&limit));
        figure.ratio = Some(median(&ratios));
        figure.spread = spread(&ratios);
        figure.judged(aim)
    }

    /// A figure by itself.
    pub fn alone(name: impl Into<String>, unit: &'static str, values: &[f64], aim: Aim) -> Self {
        let figure = Self {
            name: name.into(),
            value: median(values),
            unit,
            limit: None,
            ratio: None,
            spread: spread(values),
            aim: match aim {
                Aim::RatioAtLeast(least) => format!(">={least}"),
                Aim::RatioAtMost(most) => format!("<={most}"),
                Aim::AtMost(most) => format!("<={most} {unit}"),
                Aim::None => String::new(),
            },
            holds: None,
            known: None,
            limit_at_fault: false,
        };
        figure.judged(aim)
    }

    fn judged(mut self, aim: Aim) -> Self {
        self.holds = match aim {
            Aim::RatioAtLeast(least) => self.ratio.map(|ratio| ratio >= least),
            Aim::RatioAtMost(most) => self.ratio.map(|ratio| ratio <= most),
            Aim::AtMost(most) => Some(self.value <= most),
            Aim::None => None,
        };
        self
    }

    /// The limit reached so many per second before: half of that now means that the limit program is at fault.
    #[must_use]
    pub fn limit_known_rate(self, known: f64) -> Self {
        let fault = self.limit.is_some_and(|limit| limit < known / 2.0);
        self.limit_known(known, fault)
    }

    /// The limit took so many milliseconds before: twice that now means that the limit program is at fault.
    #[must_use]
    pub fn limit_known_time(self, known: f64) -> Self {
        let fault = self.limit.is_some_and(|limit| limit > known * 2.0);
        self.limit_known(known, fault)
    }

    fn limit_known(mut self, known: f64, fault: bool) -> Self {
        self.known = Some(known);
        self.limit_at_fault = fault;
        if fault {
            self.holds = None;
        }
        self
    }
}

/// The figures as a table for people.
pub fn table(figures: &[Figure]) -> String {
    let mut text = format!(
        "{:<34} {:>10} {:>10} {:>8} {:>8} {:>9} {:>10}  {:<7} {}\n",
        "what", "ours", "limit", "known", "unit", "ratio", "aim", "spread", "holds"
    );
    for figure in figures {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
        let holds = match figure.holds {
            Some(true) => "yes",
            Some(false) => "NO",
            None if figure.limit_at_fault => "LIMIT AT FAULT",
            None => "-",
        };
        let ratio = figure
            .ratio
            .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let _ = writeln!(
            text,
            "{:<34} {:>10} {:>10} {:>8} {:>8} {:>9} {:>10}  {:<7} {}",
            figure.name,
            short(figure.value),
            number(figure.limit),
            number(figure.known),
            figure.unit,
            ratio,
            figure.aim,
            format!("{:.0}%", figure.spread * 100.0),
            holds
        );
    }
    text
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

/// Writes the figures as a list of JSON objects.
///
/// # Errors
/// The file cannot be written.
pub fn save(figures: &[Figure], path: &Path) -> Result<()> {
    std::fs::write(path, serde_json::to_vec_pretty(figures)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_pairs_not_of_the_sides() {
        let pairs = [(1.0, 2.0), (4.0, 4.0), (10.0, 100.0)];
        let figure = Figure::beside("x", "1/s", &pairs, Aim::RatioAtLeast(0.5));
        assert_eq!((figure.ratio, figure.holds), (Some(0.5), Some(true)));
    }

    #[test]
    fn a_limit_that_fails_proves_nothing() {
        let figure = Figure::beside("x", "1/s", &[(90.0, 100.0)], Aim::RatioAtLeast(0.5));
        assert_eq!(figure.clone().limit_known_rate(150.0).holds, Some(true));
        let figure = figure.limit_known_rate(250.0);
        assert!(figure.holds.is_none() && table(&[figure]).contains("LIMIT AT FAULT"));
    }

    #[test]
    fn nothing_asked_is_nothing_held() {
        let figure = Figure::alone("x", "MB", &[3.0], Aim::None);
        assert_eq!((figure.holds, figure.aim.as_str()), (None, ""));
        assert_eq!(
            Figure::alone("x", "MB", &[3.0], Aim::AtMost(2.0)).holds,
            Some(false)
        );
    }
}
