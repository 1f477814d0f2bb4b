//! `watchfire query`: asks a server or a file of series, and prints the answer.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::process::ExitCode;

use anyhow::anyhow;
use model::source::{Diagnostic, Diagnostics, SourceFile, Span};
use promql::ParseError;
use promql::eval::Settings;
use ui::plot::unit::Unit;

use super::check::promql_options;
use crate::cli::query::{PlotUnit, QueryCommand, QueryOutput};
use crate::live;
use crate::plot::{Line, bars, chart::Chart, sparkline};
use crate::query::answer::{Answer, Data, Row};
use crate::query::moment::{Extent, Window};
use crate::query::question::{Question, When};
use crate::query::server::Server;
use crate::query::wire::Envelope;
use crate::query::{series_file, table};
use crate::terminal::{Terminal, is_read_by_people};

/// Whom to ask where nobody says.
const SERVER: &str = "http://localhost:9090";

/// More series are drawn as a line of text each.
const CHART_SERIES_MAX: usize = 8;

/// More series are not drawn.
const DRAWN_SERIES_MAX: usize = 200;

/// Asks, and prints the answer; remarks about it go to standard error.
///
/// # Errors
/// The expression is wrong, the times make no range, or there is no answer.
pub async fn execute(command: QueryCommand) -> anyhow::Result<ExitCode> {
    let (question, answer) = match &command.series {
        Some(_) => ask_file(&command)?,
        None => ask_server(&command).await?,
    };
    let is_range = matches!(question.when, When::Range { .. });
    let output = command.output.unwrap_or(match is_range && is_read_by_people() {
        true => QueryOutput::Plot,
        false => QueryOutput::Table,
    });
    if output != QueryOutput::Json {
        answer.warnings.iter().for_each(|warning| eprintln!("watchfire: warning: {warning}"));
        answer.infos.iter().for_each(|info| eprintln!("watchfire: info: {info}"));
        if matches!(&answer.data, Data::Vector(rows) | Data::Matrix(rows) if rows.is_empty()) {
            eprintln!("watchfire: info: no series");
        }
    }
    match output {
        QueryOutput::Table => print!("{}", table::text(&answer.data)),
        QueryOutput::Json => println!("{}", serde_json::to_string(&Envelope::from(answer))?),
        QueryOutput::Plot => print!("{}", drawn(&answer.data, question.when, command.unit, Terminal::of_process())),
    }
    Ok(ExitCode::SUCCESS)
}

fn ask_file(command: &QueryCommand) -> anyhow::Result<(Question, Answer)> {
    let now_ms = live::now().as_millis();
    let path = command.series.as_deref().unwrap_or_else(|| "-".as_ref());
    let storage = series_file::read(path, command.test.as_deref(), now_ms)?;
    let all = || storage.series().iter();
    let last_ms = all().map(promql::eval::Series::last_ms).max().unwrap_or(now_ms);
    let first_ms = all().filter_map(promql::eval::Series::first_ms).min().unwrap_or(last_ms);
    let when = window(command).resolve(Extent { first_ms: Some(first_ms), last_ms }).map_err(|why| anyhow!(why))?;
    let settings = Settings { language: promql_options(&command.features), ..Settings::default() };
    if let Err(mistakes) = promql::parse_with(&command.expr, settings.language) {
        return Err(told(&command.expr, &mistakes));
    }
    let question = Question { expr: command.expr.clone(), when };
    let answer = question.ask(&storage, &settings)?;
    Ok((question, answer))
}

async fn ask_server(command: &QueryCommand) -> anyhow::Result<(Question, Answer)> {
    let url = command.query_url.as_deref().unwrap_or(SERVER);
    let server = Server::new(url, command.timeout, command.http_config_file.as_deref())?;
    let extent = Extent { first_ms: None, last_ms: live::now().as_millis() };
    let when = window(command).resolve(extent).map_err(|why| anyhow!(why))?;
    let question = Question { expr: command.expr.clone(), when };
    // It may know more than PromQL, as VictoriaMetrics does; what is wrong is told best by our own parser.
    let answer =
        server.ask(&question).await.map_err(|error| match promql::parse_with(&command.expr, promql::Options::all()) {
            Err(mistakes) => told(&command.expr, &mistakes),
            Ok(_) => error,
        });
    Ok((question, answer?))
}

fn window(command: &QueryCommand) -> Window {
    let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Window {
        time: command.time,
        start: command.start,
        end: command.end,
        last_ms: command.last.map(ms),
        step_ms: command.step.map(ms),
    }
}

/// Every mistake with its place in the expression.
fn told(expr: &str, mistakes: &[ParseError]) -> anyhow::Error {
    let file = SourceFile::new("expression", expr);
    let mut diagnostics = Diagnostics::new();
    for mistake in mistakes {
        let span = Span::new(mistake.span.start, mistake.span.end);
        diagnostics.push(Diagnostic::error(&file, span, mistake.message.clone()));
    }
    anyhow!("{diagnostics}")
}

fn drawn(data: &Data, when: When, unit: Option<PlotUnit>, terminal: Terminal) -> String {
    let rows = data.rows();
    let unit = match unit {
        Some(PlotUnit::None) => Unit::None,
        Some(PlotUnit::Bytes) => Unit::Bytes,
        Some(PlotUnit::Seconds) => Unit::Seconds,
        Some(PlotUnit::Ratio) => Unit::Ratio,
        None => Unit::of_names(rows.iter().map(|row| &row.labels)),
    };
    let shown = rows.get(..DRAWN_SERIES_MAX).unwrap_or(rows);
    let lines: Vec<Line> = shown.iter().map(line).collect();
    let mut text = match (data, when) {
        (Data::Scalar(..) | Data::Text(..), _) => table::text(data),
        (Data::Vector(_), _) => {
            let last = |line: &Line| (line.name.clone(), line.points.last().map_or(f64::NAN, |(_, value)| *value));
            bars::drawn(&lines.iter().map(last).collect::<Vec<_>>(), unit, terminal)
        }
        (Data::Matrix(_), When::Range { start_ms, end_ms, step_ms })
            if (1..=CHART_SERIES_MAX).contains(&lines.len()) =>
        {
            Chart { lines: &lines, start_ms, end_ms, step_ms, unit }.drawn(terminal)
        }
        (Data::Matrix(_), _) => lines.iter().map(|line| spark(line, terminal)).collect(),
    };
    if rows.len() > shown.len() {
        text.push_str(&format!("and {} more series\n", rows.len() - shown.len()));
    }
    text
}

fn line(row: &Row) -> Line {
    let points = row.points.iter().map(|(at_ms, value)| (*at_ms, value.height())).collect();
    Line { name: table::series_name(&row.labels), points }
}

/// The last values of a series, as many as there is room for beside its name.
fn spark(line: &Line, terminal: Terminal) -> String {
    let room = terminal.columns / 2;
    let values: Vec<f64> = line.points.iter().map(|(_, value)| *value).collect();
    let last = values.get(values.len().saturating_sub(room)..).unwrap_or_default();
    format!("{}  {}\n", sparkline::drawn(last), line.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(expr: &str, when: When) -> String {
        let storage = promql::series_file::read("load 1m\n a{x=\"1\"} 0+1x10\n a{x=\"2\"} 10-1x10", 0).unwrap();
        let answer = Question { expr: expr.to_owned(), when }.ask(&storage, &Settings::default()).unwrap();
        drawn(&answer.data, when, None, Terminal { columns: 60, colours: false })
    }

    #[test]
    fn every_kind_of_answer_is_drawn() {
        let at = When::At(60_000);
        assert_eq!(plot("1 + 1", at), "2\n");
        assert!(plot("a", at).starts_with("a{x=\"1\"}  1  ███"), "{}", plot("a", at));
        assert!(plot("a[5m]", at).starts_with("▁█ 0..1, last 1  a{x=\"1\"}\n"), "{}", plot("a[5m]", at));
        let range = When::Range { start_ms: 0, end_ms: 600_000, step_ms: 60_000 };
        assert!(plot("a", range).contains("a  a{x=\"1\"}"), "{}", plot("a", range));
        let many = "label_replace(a, \"y\", \"1\", \"\", \"\") or label_replace(a, \"y\", \"2\", \"\", \"\") or label_replace(a, \"y\", \"3\", \"\", \"\") \
            or label_replace(a, \"y\", \"4\", \"\", \"\") or label_replace(a, \"y\", \"5\", \"\", \"\")";
        assert_eq!(plot(many, range).lines().count(), 10, "a line each");
        assert_eq!(plot("none", range), "");
    }

    #[test]
    fn mistakes_of_an_expression_have_their_places() {
        let mistakes = promql::parse("rate(a) + sum(\"x\")").unwrap_err();
        let text = told("rate(a) + sum(\"x\")", &mistakes).to_string();
        assert!(text.contains("expression:1:6: ") && text.contains("expression:1:15: "), "{text}");
    }
}
