//! What was measured, as a table with ratios.

use std::fmt;

/// One line for each measure, one column for each peer.
#[derive(Default)]
pub(crate) struct Table {
    peers: Vec<&'static str>,
    rows: Vec<Row>,
}

struct Row {
    measure: String,
    unit: &'static str,
    values: Vec<Option<f64>>,
}

impl Table {
    /// What is noted from now on belongs to this peer.
    pub(crate) fn add_peer(&mut self, name: &'static str) {
        self.peers.push(name);
        for row in &mut self.rows {
            row.values.push(None);
        }
    }

    /// Notes a figure of the present peer; less is better.
    pub(crate) fn note(&mut self, measure: impl Into<String>, unit: &'static str, value: f64) {
        let measure = measure.into();
        eprintln!("{:>24}  {measure}: {value:.2} {unit}", self.peers.last().unwrap_or(&""));
        let at = self.rows.iter().position(|row| row.measure == measure).unwrap_or_else(|| {
            self.rows.push(Row { measure, unit, values: vec![None; self.peers.len()] });
            self.rows.len() - 1
        });
        if let Some(last) = self.rows.get_mut(at).and_then(|row| row.values.last_mut()) {
            *last = Some(value);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measure | unit | {} | ratio |", self.peers.join(" | "))?;
        writeln!(f, "|---|---|{}---|", "---|".repeat(self.peers.len()))?;
        for row in &self.rows {
            write!(f, "| {} | {} |", row.measure, row.unit)?;
            for value in &row.values {
                match value {
                    Some(value) => write!(f, " {} |", figure(*value))?,
                    None => write!(f, " - |")?,
                }
            }
            match row.values[..] {
                [Some(ours), Some(theirs)] if ours > 0.0 => writeln!(f, " {:.1} |", theirs / ours)?,
                _ => writeln!(f, " - |")?,
            }
        }
        Ok(())
    }
}

fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
