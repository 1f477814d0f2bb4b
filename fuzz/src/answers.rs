//! Answers of query APIs: to rules, at an instant and over time, and to people. The quick reader of vectors and that of all JSON
//! agree, a second answer of the same series is the same, and what is answered is written so that it is read as the same.

use std::time::Duration;

use model::{LabelSet, Timestamp};
use rules_engine::config::QueryTarget;
use rules_engine::io::query_api::QueryApi;
use rules_engine::io::query_api::range::Window;
use rules_engine::rule::Source;
use rules_engine::sample::{QueryAnswer, QueryFailure, QueryValue};
use ui::plot::unit::Unit;
use watchfire::plot::chart::Chart;
use watchfire::plot::{Line, bars, sparkline};
use watchfire::query::answer::{Data, Row};
use watchfire::query::table::series_name;
use watchfire::query::wire::Envelope;
use watchfire::terminal::Terminal;

use super::{loopback, text};

const NOW: Timestamp = Timestamp::from_nanos(1_767_323_040_000_000_000);
const DEADLINE: Duration = Duration::from_secs(10);
const STATUSES: [&str; 4] = ["200 OK", "400 Bad Request", "503 Service Unavailable", "204 No Content"];

pub fn check(data: &[u8]) {
    of_people(data);
    let Some((choice, body)) = data.split_first() else { return };
    let api = QueryApi::new(&QueryTarget::new(loopback::url())).expect("a client");
    loopback::answers_with(STATUSES[usize::from(choice % 4)], body);
    let ask = || loopback::run(api.query("up", NOW, DEADLINE, NOW));
    let first = shown(ask());
    assert_eq!(shown(ask()), first, "the same series again");
    // A blank more leaves it to the reader of all JSON.
    let usual = br#""data":{"resultType":"#;
    if let Some(at) = body.windows(usual.len()).position(|window| window == usual) {
        let mut spaced = body.to_vec();
        spaced.insert(at + 7, b' ');
        loopback::answers_with(STATUSES[usize::from(choice % 4)], &spaced);
        if let (Ok(first), spaced) = (&first, shown(ask())) {
            assert_eq!(spaced.as_ref(), Ok(first), "both readers agree");
        }
        loopback::answers_with(STATUSES[usize::from(choice % 4)], body);
    }
    let window = Window { start: NOW, end: NOW.plus(Duration::from_secs(60)), step: Duration::from_secs(15) };
    if let Err(failure) = loopback::run(api.query_range(&Source::default(), "up", window, DEADLINE, NOW)) {
        text::says(&failure.text);
    }
}

/// Rows and warnings. Numbers by their bits: NaN is itself.
type Shown = (Vec<(LabelSet, u64)>, Vec<String>);

fn shown(answer: Result<QueryAnswer, QueryFailure>) -> Result<Shown, String> {
    match answer {
        Err(failure) => {
            text::says(&failure.text);
            Err(failure.text)
        }
        Ok(QueryAnswer { value, warnings }) => match value {
            QueryValue::Scalar(value) => Ok((vec![(LabelSet::empty(), value.to_bits())], warnings)),
            QueryValue::Vector(rows) => {
                Ok((rows.into_iter().map(|(labels, value)| (labels, value.to_bits())).collect(), warnings))
            }
        },
    }
}

fn of_people(body: &[u8]) {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else { return };
    let Ok(answer) = envelope.answer() else { return };
    drop(watchfire::query::table::text(&answer.data));
    draw(&answer.data);
    let written = serde_json::to_vec(&Envelope::from(answer)).expect("an answer can be written");
    let again = serde_json::from_slice::<Envelope>(&written).expect("what is written can be read").answer();
    let written_again =
        serde_json::to_vec(&Envelope::from(again.expect("a success"))).expect("an answer can be written");
    assert_eq!(String::from_utf8_lossy(&written_again), String::from_utf8_lossy(&written));
}

fn draw(data: &Data) {
    let line = |row: &Row| Line {
        name: series_name(&row.labels),
        points: row.points.iter().map(|(at_ms, value)| (*at_ms, value.height())).collect(),
    };
    let lines: Vec<Line> = data.rows().iter().take(20).map(line).collect();
    let terminal = Terminal { columns: 60, colours: true };
    // What was asked for; the server may answer otherwise.
    Chart { lines: &lines, start_ms: 0, end_ms: 600_000, step_ms: 15_000, unit: Unit::None }.drawn(terminal);
    for line in &lines {
        let values: Vec<f64> = line.points.iter().map(|(_, value)| *value).collect();
        sparkline::drawn(&values);
        bars::drawn(&values.iter().map(|value| (line.name.clone(), *value)).collect::<Vec<_>>(), Unit::None, terminal);
    }
}
