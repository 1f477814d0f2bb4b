//! A field of dots: eight to a character, as Braille has them.

/// Bits of a Braille character by column and row of its dots.
const BITS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const BRAILLE: u32 = 0x2800;

/// A field of characters; each belongs to the series that drew in it last.
#[derive(Clone, Debug)]
pub struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<Option<Cell>>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    bits: u32,
    series: usize,
}

/// A character and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dots {
    /// The Braille character.
    pub character: char,
    /// Who drew in it last.
    pub series: usize,
}

impl Canvas {
    /// An empty field of so many characters.
    pub fn new(columns: usize, rows: usize) -> Canvas {
        Canvas { columns, rows, cells: vec![None; columns * rows] }
    }

    /// Dots from left to right.
    pub fn width(&self) -> usize {
        self.columns * 2
    }

    /// Dots from top to bottom.
    pub fn height(&self) -> usize {
        self.rows * 4
    }

    /// Draws a line between two dots, whose parts outside of the field are not seen. Dots count from the top left.
    pub fn line(&mut self, series: usize, from: (i64, i64), to: (i64, i64)) {
        // A server may answer with any time: dots may lie anywhere.
        let wide = |(x, y): (i64, i64)| (i128::from(x), i128::from(y));
        let (from, to) = (wide(from), wide(to));
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = dx.abs().max(dy.abs()).clamp(1, 1 << 16);
        for step in 0..=steps {
            self.dot(series, (from.0 + dx * step / steps, from.1 + dy * step / steps));
        }
    }

    fn dot(&mut self, series: usize, (x, y): (i128, i128)) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width() || y >= self.height() {
            return;
        }
        let bit = BITS.get(x % 2).and_then(|column| column.get(y % 4)).copied().unwrap_or(0);
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            let bits = cell.map_or(0, |cell| cell.bits) | bit;
            *cell = Some(Cell { bits, series });
        }
    }

    /// The characters of each row, from the top; `None` where nothing is.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Option<Dots>>> {
        let dots =
            |cell: Cell| Dots { character: char::from_u32(BRAILLE + cell.bits).unwrap_or('?'), series: cell.series };
        self.cells.chunks(self.columns.max(1)).map(move |row| row.iter().map(|cell| cell.map(dots)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_dots_and_what_is_outside_is_not_seen() {
        let mut canvas = Canvas::new(3, 1);
        canvas.line(0, (0, 3), (3, 0));
        canvas.line(1, (4, -50), (4, 50));
        let row: Vec<Option<Dots>> = canvas.rows().next().unwrap();
        let shown: String = row.iter().map(|dots| dots.map_or(' ', |dots| dots.character)).collect();
        assert_eq!(shown, "⡠⠊⡇");
        assert_eq!(row[2].map(|dots| dots.series), Some(1));
    }

    #[test]
    fn a_line_from_one_end_of_time_to_the_other_is_drawn() {
        let mut canvas = Canvas::new(3, 1);
        canvas.line(0, (i64::MIN, 0), (i64::MAX, 3));
        canvas.line(0, (0, i64::MAX), (0, i64::MIN));
        assert_eq!(canvas.rows().count(), 1);
    }
}
