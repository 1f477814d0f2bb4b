//! Series of a made-up cluster: those that a set of rules reads, with a bad quarter of an hour now and then.

use std::collections::BTreeMap;

use model::labels::METRIC_NAME;
use model::{LabelSet, MatchOp, Matcher};
use promql::eval::{STALE_BITS, Storage, Value};
use watchfire::backtest::needs::Needs;

/// How long a state of a series lasts.
const STATE_MS: i64 = 15 * 60_000;

/// Series that behave.
pub(crate) struct Cluster {
    series: Vec<Made>,
    /// Whether series may be gone for a while.
    has_gaps: bool,
}

struct Made {
    labels: LabelSet,
    kind: Kind,
    seed: u64,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Rises, faster in bad times.
    Counter,
    /// One value in good times, another one in bad times.
    Gauge { well: f64, ill: f64 },
    /// The time of the sample.
    Time,
}

impl Cluster {
    /// About so many series, spread over everything that is needed.
    pub(crate) fn of(needs: &Needs, count: usize, has_gaps: bool) -> Cluster {
        let selectors = needs.selectors.len().max(1);
        let mut made = BTreeMap::new();
        for (at, need) in needs.selectors.iter().enumerate() {
            let copies = (count * (at + 1) / selectors) - (count * at / selectors);
            for copy in 0..copies {
                let labels = labels(&need.matchers, copy);
                let name = labels.get_or_empty(METRIC_NAME).to_owned();
                let seed = mixed(labels.fingerprint().0);
                made.entry(labels.clone()).or_insert(Made { labels, kind: kind(&name), seed });
            }
        }
        Cluster { series: made.into_values().collect(), has_gaps }
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// The series in a span of time, a sample each step.
    pub(crate) fn storage(&self, from_ms: i64, to_ms: i64, step_ms: i64) -> Storage {
        let mut storage = Storage::new();
        for series in &self.series {
            let id = storage.series_id(&series.labels);
            let mut at_ms = from_ms + i64::try_from(series.seed % step_ms.unsigned_abs()).unwrap_or(0);
            let (mut total, mut was_there) = (0.0, false);
            while at_ms <= to_ms {
                let state = mixed(series.seed ^ (at_ms / STATE_MS).unsigned_abs());
                let is_ill = state.is_multiple_of(40);
                let is_there = !(self.has_gaps && state.is_multiple_of(97));
                let value = match series.kind {
                    Kind::Counter => {
                        total += if is_ill { 90.0 } else { 3.0 };
                        total
                    }
                    Kind::Gauge { ill, .. } if is_ill => ill,
                    Kind::Gauge { well, .. } => well,
                    Kind::Time => at_ms as f64 / 1000.0,
                };
                let value = if is_there { value } else { f64::from_bits(STALE_BITS) };
                if is_there || was_there {
                    storage.append(id, at_ms, Value::Float(value)).expect("times rise");
                }
                was_there = is_there;
                at_ms += step_ms;
            }
        }
        storage
    }
}

/// What meets the matchers, and labels that rules join by.
fn labels(matchers: &[Matcher], copy: usize) -> LabelSet {
    let usual = [
        ("cluster", "eu-1".to_owned()),
        ("namespace", ["monitoring", "kube-system", "shop"][copy % 3].to_owned()),
        ("pod", format!("pod-{copy}")),
        ("container", "main".to_owned()),
        ("node", format!("node-{}", copy % 3)),
        ("instance", format!("10.0.0.{copy}:9100")),
        ("service", "app".to_owned()),
    ];
    let mut all: BTreeMap<String, String> = usual.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for matcher in matchers {
        let value = match matcher.op() {
            MatchOp::Equal => Some(matcher.value().to_owned()),
            MatchOp::Regex => {
                let candidates =
                    matcher.value().split(['|', '(', ')']).map(|part| part.replace(['.', '*', '+', '^', '$'], "x"));
                candidates.filter(|candidate| matcher.matches_value(candidate)).nth(copy % 2).or_else(|| {
                    let first = matcher.value().split('|').next().unwrap_or_default().to_owned();
                    Some(first).filter(|first| matcher.matches_value(first))
                })
            }
            MatchOp::NotEqual | MatchOp::NotRegex => continue,
        };
        if let Some(value) = value {
            all.insert(matcher.name().to_owned(), value);
        }
    }
    LabelSet::from_pairs(all).without_empty()
}

fn kind(metric: &str) -> Kind {
    let has = |words: &[&str]| words.iter().any(|word| metric.contains(word));
    if ["_total", "_count", "_sum", "_bucket"].iter().any(|end| metric.ends_with(end)) {
        Kind::Counter
    } else if metric.ends_with("_info") {
        Kind::Gauge { well: 1.0, ill: 1.0 }
    } else if has(&["timestamp", "_time"]) {
        Kind::Time
    } else if has(&["replicas", "spec_", "desired", "capacity", "allocatable"]) {
        Kind::Gauge { well: 3.0, ill: 2.0 }
    } else if metric == "up" || has(&["ready", "available", "success"]) {
        Kind::Gauge { well: 1.0, ill: 0.0 }
    } else {
        Kind::Gauge { well: 0.0, ill: 50.0 }
    }
}

/// A number that looks as if drawn by chance.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
