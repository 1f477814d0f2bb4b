//! The lines of a script as commands.

use model::duration::parse_duration;

use super::ScriptError;
use super::expectation::{Eval, Expected, Message, Remark, When};
use super::series_notation::{self, parse_series};
use crate::quote::unquote;

/// One command of a script.
#[derive(Debug)]
pub(super) enum Command {
    /// Forgets every series.
    Clear,
    /// Adds samples.
    Load(Load),
    /// Evaluates.
    Eval(Box<Eval>),
}

/// Samples to add.
#[derive(Debug)]
pub(super) struct Load {
    /// Time between the samples of a series.
    pub(super) step_ms: i64,
    /// Classic histograms are also loaded as native ones with custom buckets.
    pub(super) with_native: bool,
    /// Line and text of each series.
    pub(super) series: Vec<(usize, String)>,
}

/// The lines of a script, comments and blanks around them gone.
struct Lines<'t> {
    lines: Vec<&'t str>,
    next: usize,
}

/// Every command of a script.
///
/// # Errors
/// The first line that cannot be understood.
pub(super) fn parse(text: &str) -> Result<Vec<Command>, ScriptError> {
    let lines = text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line });
    let mut lines = Lines { lines: lines.collect(), next: 0 };
    let mut commands = Vec::new();
    while let Some((line, text)) = lines.take() {
        let (word, rest) = word(text);
        let command = match word.to_ascii_lowercase().as_str() {
            "" => continue,
            "clear" => Command::Clear,
            "load" => Command::Load(load(&mut lines, line, rest, false)?),
            "load_with_nhcb" => Command::Load(load(&mut lines, line, rest, true)?),
            eval if eval.starts_with("eval") => Command::Eval(Box::new(evaluation(&mut lines, line, eval, rest)?)),
            _ => return Err(error(line, format!("unknown command {word:?}; expected load, clear or eval"))),
        };
        commands.push(command);
    }
    Ok(commands)
}

impl<'t> Lines<'t> {
    fn take(&mut self) -> Option<(usize, &'t str)> {
        let line = self.lines.get(self.next)?;
        self.next += 1;
        Some((self.next, line))
    }

    /// The lines up to the next empty one.
    fn block(&mut self) -> Vec<(usize, &'t str)> {
        let mut block = Vec::new();
        while let Some((line, text)) = self.take().filter(|(_, text)| !text.is_empty()) {
            block.push((line, text));
        }
        block
    }
}

fn error(line: usize, message: impl Into<String>) -> ScriptError {
    ScriptError { line, message: message.into() }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

/// A time or length of time: `5m`, or seconds without unit.
fn time_ms(line: usize, text: &str) -> Result<i64, ScriptError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let seconds: Option<f64> = digits.parse().ok();
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let ms = match (parse_duration(digits), seconds) {
        (Ok(duration), _) => i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
        (Err(_), Some(seconds)) => (seconds * 1000.0).round() as i64,
        (Err(reason), None) => return Err(error(line, reason.to_string())),
    };
    Ok(if negative { -ms } else { ms })
}

fn load(lines: &mut Lines<'_>, line: usize, rest: &str, with_native: bool) -> Result<Load, ScriptError> {
    let step_ms = time_ms(line, rest)?;
    let series = lines.block().into_iter().map(|(line, text)| (line, text.to_owned())).collect();
    Ok(Load { step_ms, with_native, series })
}

fn evaluation(lines: &mut Lines<'_>, line: usize, command: &str, rest: &str) -> Result<Eval, ScriptError> {
    let (kind, rest) = word(rest);
    let (when, expr) = match kind {
        "instant" => instant(line, rest)?,
        "range" => range(line, rest)?,
        _ => return Err(error(line, format!("expected instant or range behind eval, got {kind:?}"))),
    };
    let mut eval = Eval::new(line, expr.to_owned(), when);
    match command.strip_prefix("eval").unwrap_or_default() {
        "" => {}
        "_fail" => eval.fail = Some(Message::Any),
        "_warn" => eval.warn = Remark::Some(vec![Message::Any]),
        "_info" => eval.info = Remark::Some(vec![Message::Any]),
        "_ordered" => eval.ordered = true,
        _ => return Err(error(line, format!("unknown command {command:?}"))),
    }
    for (line, text) in lines.block() {
        match text.strip_prefix("expect").filter(|rest| rest.starts_with(char::is_whitespace)) {
            Some(rest) => expectation(&mut eval, line, rest.trim_start())?,
            None => expected_line(&mut eval, line, text)?,
        }
    }
    Ok(eval)
}

fn instant(line: usize, rest: &str) -> Result<(When, &str), ScriptError> {
    let (at, rest) = word(rest);
    if at != "at" {
        return Err(error(line, "expected: eval instant at TIME EXPR"));
    }
    let (time, expr) = word(rest);
    Ok((When::At(time_ms(line, time)?), expr))
}

fn range(line: usize, rest: &str) -> Result<(When, &str), ScriptError> {
    let mut rest = rest;
    let mut times = [0; 3];
    for (name, time) in ["from", "to", "step"].into_iter().zip(&mut times) {
        let (found, behind) = word(rest);
        if found != name {
            return Err(error(line, "expected: eval range from TIME to TIME step TIME EXPR"));
        }
        let (text, behind) = word(behind);
        *time = time_ms(line, text)?;
        rest = behind;
    }
    let [start_ms, end_ms, step_ms] = times;
    Ok((When::Steps { start_ms, end_ms, step_ms }, rest))
}

fn expectation(eval: &mut Eval, line: usize, rest: &str) -> Result<(), ScriptError> {
    let (what, rest) = word(rest);
    let remark = |remark: &mut Remark| -> Result<(), ScriptError> {
        let message = message(line, rest)?;
        match remark {
            Remark::Some(messages) => messages.push(message),
            other => *other = Remark::Some(vec![message]),
        }
        Ok(())
    };
    match what {
        "fail" => eval.fail = Some(message(line, rest)?),
        "warn" => remark(&mut eval.warn)?,
        "info" => remark(&mut eval.info)?,
        "no_warn" => eval.warn = Remark::None,
        "no_info" => eval.info = Remark::None,
        "ordered" => eval.ordered = true,
        "string" => {
            let bytes = unquote(rest).ok_or_else(|| error(line, "expected a quoted text behind: expect string"))?;
            eval.expected = Expected::Text(String::from_utf8_lossy(&bytes).into_owned());
        }
        "range" => {
            let (vector, times) = word(rest);
            if vector != "vector" {
                return Err(error(line, "expected: expect range vector from TIME to TIME step TIME"));
            }
            let (When::Steps { start_ms, step_ms, .. }, _) = range(line, times)? else { return Ok(()) };
            eval.expected = Expected::Matrix { start_ms, step_ms, rows: Vec::new() };
        }
        _ => return Err(error(line, format!("unknown expectation {what:?}"))),
    }
    Ok(())
}

fn message(line: usize, rest: &str) -> Result<Message, ScriptError> {
    if rest.is_empty() {
        return Ok(Message::Any);
    }
    if let Some(text) = rest.strip_prefix("msg:") {
        return Ok(Message::Text(text.trim().to_owned()));
    }
    let Some(pattern) = rest.strip_prefix("regex:") else {
        return Err(error(line, format!("expected msg: or regex:, got {rest:?}")));
    };
    model::pattern::unanchored(pattern.trim(), 1 << 20)
        .map(Message::Pattern)
        .map_err(|reason| error(line, reason.to_string()))
}

fn expected_line(eval: &mut Eval, line: usize, text: &str) -> Result<(), ScriptError> {
    let wrong = |reason: series_notation::Unreadable| error(line, reason.to_string());
    if let (When::At(_), Expected::Rows(rows)) = (&eval.when, &eval.expected)
        && rows.is_empty()
        && let Some(value) = series_notation::parse_number(text)
    {
        eval.expected = Expected::Scalar(value);
        return Ok(());
    }
    let series = parse_series(text).map_err(wrong)?;
    let (Expected::Rows(rows) | Expected::Matrix { rows, .. }) = &mut eval.expected else {
        return Err(error(line, "nothing more is expected behind a number or text"));
    };
    rows.push(series);
    Ok(())
}
