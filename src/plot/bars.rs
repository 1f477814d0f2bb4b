//! One value of each series, as a bar.

use ui::plot::unit::Unit;

use super::{painted, shortened};
use crate::terminal::Terminal;

/// Parts of a character, an eighth each.
const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A bar for each name and value, from zero, the longest as long as there is room.
pub fn drawn(values: &[(String, f64)], unit: Unit, terminal: Terminal) -> String {
    let figures: Vec<String> = values.iter().map(|(_, value)| unit.shown(*value, 0.0)).collect();
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let figure_width = width(&mut figures.iter().map(|figure| figure.chars().count()));
    let name_width = width(&mut values.iter().map(|(name, _)| name.chars().count())).min(terminal.columns / 2);
    let room = terminal.columns.saturating_sub(figure_width + name_width + 4).max(4);
    let most = values.iter().map(|(_, value)| value.abs()).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let mut text = String::new();
    for (series, ((name, value), figure)) in values.iter().zip(&figures).enumerate() {
        let bar = painted(terminal, series, &bar(*value, most, room));
        text.push_str(&format!("{:<name_width$}  {figure:>figure_width$}  {bar}\n", shortened(name, name_width)));
    }
    text
}

fn bar(value: f64, most: f64, room: usize) -> String {
    if value.is_nan() || most == 0.0 {
        return String::new();
    }
    let part = (value.abs() / most).min(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "within the room"
    )]
    let eighths = (part * (room * 8) as f64).round() as usize;
    // What is less than nothing is drawn in another shade.
    let full = if value < 0.0 { "░" } else { "█" };
    let rest = PARTS.get(eighths % 8).filter(|_| value > 0.0 && !eighths.is_multiple_of(8));
    let rest = rest.map(char::to_string).unwrap_or_default();
    format!("{}{rest}", full.repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_room() {
        let values =
            [("a".to_owned(), 8.0), ("bb".to_owned(), 4.5), ("c".to_owned(), f64::NAN), ("d".to_owned(), -8.0)];
        let text = drawn(&values, Unit::None, Terminal { columns: 17, colours: false });
        assert_eq!(text, "a     8  ████████\nbb  4.5  ████▌\nc   NaN  \nd    -8  ░░░░░░░░\n");
    }
}
