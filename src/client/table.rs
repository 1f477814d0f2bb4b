//! Columns as Go's `text/tabwriter` aligns them, with two blanks between: a cell ends with a tab, a line's last cell
//! belongs to no column, and a column ends with the first line that has no cell in it.

/// Blanks behind the widest cell of a column.
const PADDING: usize = 2;

/// Lines of cells; what is behind the last tab of a line is its last cell.
#[derive(Debug, Default)]
pub struct Table(String);

impl Table {
    /// Adds a line whose cells are all columns, the last one too, as amtool ends each line with a tab.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        for cell in cells {
            self.0.push_str(cell.as_ref());
            self.0.push('\t');
        }
        self.0.push('\n');
    }

    /// Adds a line whose last cell is not aligned.
    pub fn open_row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        self.0.push_str(&cells.join("\t"));
        self.0.push('\n');
    }

    /// The aligned text.
    pub fn text(&self) -> String {
        let lines: Vec<Vec<&str>> = self.0.split('\n').map(|line| line.split('\t').collect()).collect();
        let mut out = String::new();
        align(&lines, &mut Vec::new(), &mut out);
        // the text ends with a line break, behind which there is no line
        out.pop();
        out
    }
}

/// Writes lines whose first columns, those in `widths`, are known.
fn align(lines: &[Vec<&str>], widths: &mut Vec<usize>, out: &mut String) {
    let column = widths.len();
    let mut rest = lines;
    while let Some((line, behind)) = rest.split_first() {
        let block = rest.iter().take_while(|line| column + 1 < line.len()).count();
        if block == 0 {
            write(line, widths, out);
            rest = behind;
            continue;
        }
        let (lines, behind) = rest.split_at(block);
        let cells = lines.iter().filter_map(|line| line.get(column));
        widths.push(cells.map(|cell| cell.chars().count() + PADDING).max().unwrap_or(PADDING));
        align(lines, widths, out);
        widths.pop();
        rest = behind;
    }
}

fn write(line: &[&str], widths: &[usize], out: &mut String) {
    for (at, cell) in line.iter().enumerate() {
        out.push_str(cell);
        if let Some(width) = widths.get(at) {
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::default();
        table.row(&["ID", "Müller", "End"]);
        table.row(&["a-long-id", "", "x"]);
        assert_eq!(table.text(), "ID         Müller  End  \na-long-id          x    \n");
    }

    #[test]
    fn the_last_cell_of_an_open_row_is_not_padded() {
        let mut table = Table::default();
        table.open_row(&["Status:", "ready"]);
        table.open_row(&["Name:", "n"]);
        table.open_row(&[""]);
        table.open_row(&["Address", "Name"]);
        assert_eq!(table.text(), "Status:  ready\nName:    n\n\nAddress  Name\n");
    }

    #[test]
    fn a_line_without_the_cell_ends_the_column() {
        let mut table = Table::default();
        table.row(&["comment over two\nlines", "x"]);
        table.row(&["a", "b"]);
        assert_eq!(table.text(), "comment over two\nlines  x  \na      b  \n");
    }

    #[test]
    fn no_row_is_no_text() {
        assert_eq!(Table::default().text(), "");
    }
}
