//! Lines over time, with axes and a legend.

use ui::plot::axis::{ValueAxis, time_marks, time_title};
use ui::plot::unit::Unit;

use super::canvas::{Canvas, Dots};
use super::{Line, painted, shortened};
use crate::terminal::Terminal;

/// Rows of the drawing.
const ROWS: usize = 15;

/// Columns a mark of time takes with the space around it.
const TIME_MARK_COLUMNS: usize = 14;

/// What stands for a series where there are no colours.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// The series.
    pub lines: &'a [Line],
    /// First instant.
    pub start_ms: i64,
    /// Last instant.
    pub end_ms: i64,
    /// Between points; where one is missing the line is interrupted.
    pub step_ms: i64,
    /// What the values are.
    pub unit: Unit,
}

impl Chart<'_> {
    /// The drawing. Values that are no numbers are left out, infinite ones lie on the edge.
    pub fn drawn(&self, terminal: Terminal) -> String {
        let axis = self.value_axis();
        let labels: Vec<String> = axis.marks().map(|mark| self.unit.shown(mark, axis.step)).collect();
        let margin = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        let columns = terminal.columns.saturating_sub(margin + 2).max(10);
        let mut canvas = Canvas::new(columns, ROWS);
        for (series, line) in self.lines.iter().enumerate() {
            self.draw(&mut canvas, axis, series, line);
        }
        let beside = beside(&axis, &labels);
        let mut text = String::new();
        for (row, cells) in canvas.rows().enumerate() {
            let label = beside.iter().find(|(at, _)| *at == row).map(|(_, label)| label.as_str());
            let tick = if label.is_some() { '┤' } else { '│' };
            let drawn: String = cells.into_iter().map(|dots| self.cell(terminal, dots)).collect();
            text.push_str(&format!("{:>margin$} {tick}{}\n", label.unwrap_or_default(), drawn.trim_end()));
        }
        text.push_str(&self.time_axis(margin, columns));
        text.push_str(&self.legend(terminal));
        text
    }

    fn value_axis(&self) -> ValueAxis {
        let values = || {
            self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).filter(|value| value.is_finite())
        };
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let grain = self.unit.grain(high.abs().max(low.abs()));
        ValueAxis::of_grain(low, high, ROWS / 3, grain)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "within the field, or not seen")]
    fn draw(&self, canvas: &mut Canvas, axis: ValueAxis, series: usize, line: &Line) {
        let length = self.end_ms.saturating_sub(self.start_ms).max(1) as f64;
        let (right, bottom) = (canvas.width().saturating_sub(1) as f64, canvas.height().saturating_sub(1) as f64);
        let place = |(at_ms, value): (i64, f64)| {
            let x = at_ms.saturating_sub(self.start_ms) as f64 / length * right;
            let y = (axis.high - value.clamp(axis.low, axis.high)) / (axis.high - axis.low) * bottom;
            (x.round() as i64, y.round() as i64)
        };
        let mut before: Option<(i64, f64)> = None;
        for &point in line.points.iter().filter(|(_, value)| !value.is_nan()) {
            // Half a step more than one: clocks of points may be rounded.
            let follows = |before: &(i64, f64)| {
                point.0.saturating_sub(before.0).saturating_mul(2) <= self.step_ms.saturating_mul(3)
            };
            let from = before.filter(follows).unwrap_or(point);
            canvas.line(series, place(from), place(point));
            before = Some(point);
        }
    }

    fn cell(&self, terminal: Terminal, dots: Option<Dots>) -> String {
        match dots {
            None => " ".to_owned(),
            Some(dots) if terminal.colours || self.lines.len() == 1 => {
                painted(terminal, dots.series, &dots.character.to_string())
            }
            Some(dots) => letter(dots.series).to_string(),
        }
    }

    fn time_axis(&self, margin: usize, columns: usize) -> String {
        let marks = time_marks(self.start_ms, self.end_ms, columns / TIME_MARK_COLUMNS);
        let length = self.end_ms.saturating_sub(self.start_ms).max(1);
        let last = i64::try_from(columns.saturating_sub(1)).unwrap_or(i64::MAX);
        let mut line: Vec<char> = vec!['─'; columns];
        let mut texts: Vec<char> = vec![' '; columns];
        for (at_ms, text) in marks {
            let column = at_ms.saturating_sub(self.start_ms).saturating_mul(last) / length;
            let column = usize::try_from(column).unwrap_or(0);
            if let Some(place) = line.get_mut(column) {
                *place = '┬';
            }
            let width = text.chars().count();
            let begin = column.saturating_sub(width / 2).min(columns.saturating_sub(width));
            let is_free =
                texts.get(begin.saturating_sub(1)..begin + width).is_some_and(|room| room.iter().all(|c| *c == ' '));
            if is_free {
                texts.iter_mut().skip(begin).zip(text.chars()).for_each(|(place, c)| *place = c);
            }
        }
        let (line, texts): (String, String) = (line.into_iter().collect(), texts.into_iter().collect());
        let title = time_title(self.start_ms).map(|title| format!("{:margin$}  {title}\n", "")).unwrap_or_default();
        format!("{:margin$} └{line}\n{:margin$}  {}\n{title}", "", "", texts.trim_end())
    }

    fn legend(&self, terminal: Terminal) -> String {
        let mut text = String::new();
        for (series, line) in self.lines.iter().enumerate() {
            let mark = if terminal.colours || self.lines.len() == 1 {
                "━━".to_owned()
            } else {
                format!("{} ", letter(series))
            };
            let values = || line.points.iter().map(|(_, value)| *value).filter(|value| !value.is_nan());
            let shown = |value: f64| self.unit.shown(value, 0.0);
            let figures = match values().next_back() {
                Some(last) => {
                    let (least, most) =
                        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
                    format!("last {}, least {}, most {}", shown(last), shown(least), shown(most))
                }
                None => "no numbers".to_owned(),
            };
            let room = terminal.columns.saturating_sub(figures.chars().count() + 5);
            text.push_str(&format!(
                "{} {}  {figures}\n",
                painted(terminal, series, &mark),
                shortened(&line.name, room.max(12))
            ));
        }
        text
    }
}

/// Which row each label of the value axis stands in.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a few rows")]
fn beside(axis: &ValueAxis, labels: &[String]) -> Vec<(usize, String)> {
    let bottom = (ROWS * 4 - 1) as f64;
    let row = |mark: f64| ((axis.high - mark) / (axis.high - axis.low) * bottom).round() as usize / 4;
    axis.marks().map(row).zip(labels.iter().cloned()).collect()
}

fn letter(series: usize) -> char {
    LETTERS.chars().nth(series % LETTERS.len()).unwrap_or('?')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(lines: &[Line], colours: bool) -> String {
        let chart = Chart { lines, start_ms: 0, end_ms: 600_000, step_ms: 60_000, unit: Unit::None };
        chart.drawn(Terminal { columns: 60, colours })
    }

    fn line(name: &str, value: impl Fn(i64) -> f64) -> Line {
        Line { name: name.to_owned(), points: (0..=10).map(|step| (step * 60_000, value(step))).collect() }
    }

    #[test]
    fn a_line_has_axes_and_a_legend() {
        let text = drawn(&[line("up{a=\"b\"}", |step| step as f64 * 2.0)], false);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), ROWS + 3);
        assert!(rows[0].starts_with("20 ┤") && rows[0].ends_with('⠊'), "{text}");
        assert!(rows[ROWS - 1].starts_with(" 0 ┤"), "{text}");
        assert!(rows[ROWS].starts_with("   └┬"), "{text}");
        assert_eq!(rows[ROWS + 1].split_whitespace().collect::<Vec<_>>(), ["0s", "5m", "10m"], "{text}");
        assert_eq!(rows[ROWS + 2], "━━ up{a=\"b\"}  last 20, least 0, most 20");
        assert!(rows.iter().all(|row| row.chars().count() <= 60), "{text}");
    }

    #[test]
    fn series_are_told_apart_with_and_without_colours() {
        let lines = [line("rising", |step| step as f64), line("falling", |step| 10.0 - step as f64)];
        let plain = drawn(&lines, false);
        assert!(plain.contains("aaa") && plain.contains("bbb") && !plain.contains('\x1b'), "{plain}");
        assert!(plain.contains("a  rising") && plain.contains("b  falling"), "{plain}");
        assert!(drawn(&lines, true).contains("\x1b[36m"));
    }

    #[test]
    fn gaps_infinities_and_nothing_at_all() {
        let gap = Line { name: "gap".to_owned(), points: vec![(0, 1.0), (300_000, f64::NAN), (600_000, 1.0)] };
        let text = drawn(&[gap], false);
        let dots =
            text.lines().take(ROWS).flat_map(str::chars).filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
        assert_eq!(dots, 2, "no line where there are no points\n{text}");
        let infinite = drawn(&[line("inf", |step| if step == 5 { f64::INFINITY } else { 1.0 })], false);
        assert!(infinite.contains("most +Inf"), "{infinite}");
        assert!(drawn(&[Line { name: "none".to_owned(), points: Vec::new() }], false).contains("no numbers"));
        assert!(drawn(&[], false).lines().count() >= ROWS);
        let anywhere = [i64::MIN, 0, i64::MAX].map(|at_ms| (at_ms, 1.0)).into();
        assert!(drawn(&[Line { name: "anywhere".to_owned(), points: anywhere }], false).contains("anywhere"));
    }
}
