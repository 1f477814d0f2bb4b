//! One line of text for a series: a character for each value.

/// Levels from the least value to the greatest.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The values as levels, then the least, the greatest and the last one. `?` is no number, `^` and `v` are infinite.
pub fn drawn(samples: &[f64]) -> String {
    let finite = || samples.iter().copied().filter(|value| value.is_finite());
    let (least, greatest) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let level = |value: &f64| match value {
        value if value.is_nan() => '?',
        value if *value == f64::INFINITY => '^',
        value if *value == f64::NEG_INFINITY => 'v',
        value => {
            let part = if greatest > least { (value - least) / (greatest - least) } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
            let index = (part * 7.0).round() as usize;
            LEVELS.get(index).copied().unwrap_or('█')
        }
    };
    let picture: String = samples.iter().map(level).collect();
    match (samples.first(), samples.last()) {
        (Some(_), Some(last)) => {
            let (least, greatest) = (promql::format_number(least), promql::format_number(greatest));
            format!("{picture} {least}..{greatest}, last {}", promql::format_number(*last))
        }
        _ => "no samples".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn a_picture_of_values() {
        assert_eq!(drawn(&[0.0, 7.0, f64::NAN, 3.0]), "▁█?▄ 0..7, last 3");
        assert_eq!(drawn(&[]), "no samples");
        assert_eq!(drawn(&[2.0, 2.0]), "▁▁ 2..2, last 2");
    }
}
