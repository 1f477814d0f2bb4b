//! What lies around a rule service: a query API that answers from prepared bytes, and sinks for samples and alerts.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::listener::{TAKEN, find, listen};

/// One server for everything.
pub(crate) struct Surroundings {
    pub(crate) port: u16,
    counts: Arc<Counts>,
}

/// By number of series and version of their values.
type Answers = HashMap<(usize, u64), Arc<[u8]>>;

#[derive(Default)]
struct Counts {
    queries: AtomicU64,
    writes: AtomicU64,
    posts: AtomicU64,
}

/// What came in so far.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) queries: u64,
    pub(crate) writes: u64,
    pub(crate) posts: u64,
}

impl Surroundings {
    /// Queries for `asked_N` are answered with so many series. `changing` values are others at each evaluation.
    pub(crate) fn open(changing: bool) -> anyhow::Result<Self> {
        let counts = Arc::new(Counts::default());
        let counted = counts.clone();
        let taken: Arc<[u8]> = TAKEN.into();
        let answers = Mutex::<Answers>::default();
        let port = listen(move |request| {
            let Some(series) = asked(request) else {
                let path = request.get(..40).unwrap_or(request);
                let is_write = find(path, b"/write").is_some();
                if is_write { &counted.writes } else { &counted.posts }.fetch_add(1, Ordering::Relaxed);
                return taken.clone();
            };
            let number = counted.queries.fetch_add(1, Ordering::Relaxed);
            let version = if changing { number % 7 } else { 0 };
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.entry((series, version)).or_insert_with(|| answer(series, version)).clone()
        })?;
        Ok(Self { port, counts })
    }

    pub(crate) fn counted(&self) -> Counted {
        let Counts { queries, writes, posts } = &*self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted { queries: read(queries), writes: read(writes), posts: read(posts) }
    }
}

/// For how many series a query asks; `None` if the request is no query.
fn asked(request: &[u8]) -> Option<usize> {
    const BEFORE: &[u8] = b"query=asked_";
    let text = request.get(find(request, BEFORE)? + BEFORE.len()..)?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

/// An instant vector of series with eight labels and a name.
fn answer(series: usize, version: u64) -> Arc<[u8]> {
    let mut body = r#"{"status":"success","data":{"resultType":"vector","result":["#.to_owned();
    for n in 0..series {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}{{"metric":{{"__name__":"workload_restarts","cluster":"production-eu-1","container":"application","endpoint":"http-metrics","instance":"10.0.{}.{}:9100","job":"kube-state-metrics","namespace":"tenant-{}","pod":"pod-{n}-7c9f6d5b8-x2x4q","service":"kube-state-metrics"}},"value":[1767225600,"{}"]}}"#,
            n >> 8,
            n & 255,
            n % 20,
            n as u64 + 1 + version
        );
    }
    body.push_str("]}}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body.as_bytes()].concat().into()
}
