//! Rules, and a query API that answers them: half of them record, half alert; some flap, some get other series.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::ledger::{AlertId, Class, Due, Ledger, Status};
use crate::listener::{TAKEN, find, listen};
use crate::service::GROUP_INTERVAL;

/// Rules in one group.
const GROUP: usize = 20;
/// How often they are evaluated.
const INTERVAL_SECS: i64 = 15;
/// Series of a rule.
const SERIES: usize = 4;
/// What flaps is there for half of this time; what churns is another series after it.
const PERIOD_SECS: i64 = 240;
/// `for`, and `keep_firing_for`.
const HOLD_SECS: i64 = 30;
/// Rules are not expected to be in step before this.
const WARM_SECS: i64 = 60;

/// What a rule's expression gives over time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Steady,
    /// There or not; with `for`.
    Held,
    /// There or not; with `keep_firing_for`.
    Kept,
    /// Other series again and again.
    Churning,
}

impl Course {
    fn of(rule: usize) -> Self {
        match rule / 2 % 10 {
            6 => Self::Held,
            7 => Self::Kept,
            8 | 9 => Self::Churning,
            _ => Self::Steady,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Held => "held",
            Self::Kept => "kept",
            Self::Churning => "churning",
        }
    }

    /// Its label set's number, if there are series.
    fn generation(self, rule: usize, now: i64) -> Option<i64> {
        let at = now + phase(rule);
        match self {
            Self::Steady => Some(0),
            Self::Held | Self::Kept => (at % PERIOD_SECS < PERIOD_SECS / 2).then_some(0),
            Self::Churning => Some(at / PERIOD_SECS),
        }
    }
}

fn phase(rule: usize) -> i64 {
    rule as i64 * 7 % PERIOD_SECS
}

/// The rule file.
pub(crate) fn rule_file(count: usize) -> String {
    let mut text = "groups:\n".to_owned();
    for rule in 0..count {
        if rule % GROUP == 0 {
            let group = rule / GROUP;
            let _ = write!(text, "- name: group-{group}\n  interval: {INTERVAL_SECS}s\n  rules:\n");
        }
        let course = Course::of(rule);
        let name = course.name();
        if rule % 2 == 1 {
            let _ = write!(
                text,
                "  - record: workload:{name}:{rule}\n    expr: {name}_{rule}\n    labels:\n      source: rules\n"
            );
            continue;
        }
        let hold = match course {
            Course::Held => format!("    for: {HOLD_SECS}s\n"),
            Course::Kept => format!("    keep_firing_for: {HOLD_SECS}s\n"),
            _ => String::new(),
        };
        let _ = write!(
            text,
            "  - alert: QueueIsFull{rule}\n    expr: {name}_{rule} > 0\n{hold}    labels:\n      severity: warning\n      source: \
             rules\n    annotations:\n      summary: A queue is full\n      description: Queue {{{{ $labels.queue }}}} holds \
             {{{{ $value | humanize }}}} messages.\n"
        );
    }
    text
}

/// One server for queries and for what is recorded.
pub(crate) struct World {
    pub(crate) port: u16,
    pub(crate) queries: Arc<AtomicU64>,
    pub(crate) writes: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn open() -> anyhow::Result<Self> {
        let (queries, writes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (queried, written) = (queries.clone(), writes.clone());
        let taken: Arc<[u8]> = TAKEN.into();
        let port = listen(move |request| {
            if find(request.get(..40).unwrap_or(request), b"/write").is_some() {
                written.fetch_add(1, Ordering::Relaxed);
                return taken.clone();
            }
            queried.fetch_add(1, Ordering::Relaxed);
            let now = jiff::Timestamp::now().as_second();
            answer(asked(request), now).into()
        })?;
        Ok(Self { port, queries, writes })
    }
}

/// Which rule asks.
fn asked(request: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(request).ok()?;
    let query = text.rsplit_once("query=")?.1;
    let name = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
    name.rsplit_once('_')?.1.parse().ok()
}

/// An instant vector; an empty one for what is not known.
fn answer(rule: Option<usize>, now: i64) -> Vec<u8> {
    let mut body = r#"{"status":"success","data":{"resultType":"vector","result":["#.to_owned();
    if let Some(rule) = rule
        && let Some(generation) = Course::of(rule).generation(rule, now)
    {
        for series in 0..SERIES {
            let comma = if series == 0 { "" } else { "," };
            let value = 100 + (now / INTERVAL_SECS + series as i64) % 7;
            let _ = write!(
                body,
                r#"{comma}{{"metric":{{"__name__":"queue_length","cluster":"production-eu-1","id":"r-{rule}-{generation}-{series}","instance":"10.0.{}.{series}:9100","job":"queues","queue":"queue-{rule}-{series}"}},"value":[{now},"{value}"]}}"#,
                rule % 256
            );
        }
    }
    body.push_str("]}}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    (head + &body).into_bytes()
}

/// Writes down what rules must lead to, as it happens.
pub(crate) struct Expectations {
    rules: usize,
    began: i64,
    /// The second up to which everything is written down.
    seen: i64,
}

impl Expectations {
    pub(crate) fn begin(rules: usize) -> Self {
        let now = jiff::Timestamp::now().as_second();
        Self { rules, began: now, seen: now }
    }

    /// Brings the ledger up to date.
    pub(crate) fn follow(&mut self, ledger: &Ledger) {
        let now = jiff::Timestamp::now().as_second();
        for second in self.seen + 1..=now {
            if second < self.began + WARM_SECS {
                continue;
            }
            for rule in (0..self.rules).step_by(2) {
                expect(rule, second, now, ledger);
            }
        }
        self.seen = now;
    }
}

fn expect(rule: usize, second: i64, now: i64, ledger: &Ledger) {
    let course = Course::of(rule);
    let (before, after) = (course.generation(rule, second - 1), course.generation(rule, second));
    if before == after {
        return;
    }
    let hold = |is_held: bool| if is_held { HOLD_SECS + INTERVAL_SECS } else { 0 };
    let due = |status, starts, hold: i64| {
        let within = Duration::from_secs((INTERVAL_SECS + hold - (now - second)).max(0) as u64) + GROUP_INTERVAL;
        Due { status, starts, from: Instant::now(), within, class: Class::Rule }
    };
    for index in 0..SERIES as u32 {
        let id = |generation: i64| AlertId { is_rules: true, group: rule as u32, generation: generation as u32, index };
        if let Some(generation) = before {
            let starts = (second - 2 * PERIOD_SECS, second + HOLD_SECS);
            ledger.expect(id(generation), due(Status::Resolved, starts, hold(course == Course::Kept)));
        }
        if let Some(generation) = after {
            let starts = (second - INTERVAL_SECS, second + PERIOD_SECS / 2 + HOLD_SECS);
            ledger.expect(id(generation), due(Status::Firing, starts, hold(course == Course::Held)));
        }
    }
}
