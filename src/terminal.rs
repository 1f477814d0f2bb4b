//! Where a command's output goes to.

use std::io::IsTerminal;

/// Columns where nobody says.
const COLUMNS: usize = 80;

/// Room and colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Characters of a line.
    pub columns: usize,
    /// Whether there may be colours.
    pub colours: bool,
}

impl Terminal {
    /// The one standard output goes to, if it does: `COLUMNS` in the environment wins over its width, `NO_COLOR` is obeyed.
    pub fn of_process() -> Terminal {
        let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let seen = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = said.or_else(seen).unwrap_or(COLUMNS).clamp(40, 400);
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Terminal { columns, colours: is_read_by_people() && !refused }
    }
}

/// Whether standard output is a terminal.
pub fn is_read_by_people() -> bool {
    std::io::stdout().is_terminal()
}
