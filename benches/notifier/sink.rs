//! Takes webhooks and notes when each group's first one came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::listener::{TAKEN, find, listen};

/// When each group's webhook came, by the number of its pod.
type Arrivals = Arc<Mutex<Vec<Option<Instant>>>>;

/// A web server on a thread of its own.
pub(crate) struct Sink {
    pub(crate) port: u16,
    arrivals: Arrivals,
}

impl Sink {
    pub(crate) fn open() -> anyhow::Result<Self> {
        let arrivals = Arrivals::default();
        let noted = arrivals.clone();
        let taken: Arc<[u8]> = TAKEN.into();
        let port = listen(move |request| {
            if let Some(pod) = pod(request)
                && let Some(arrival) = lock(&noted).get_mut(pod)
            {
                arrival.get_or_insert_with(Instant::now);
            }
            taken.clone()
        })?;
        Ok(Self { port, arrivals })
    }

    /// Forgets what came, and expects so many groups.
    pub(crate) fn expect(&self, groups: usize) {
        *lock(&self.arrivals) = vec![None; groups];
    }

    /// Waits until every group has come, and answers when each did; less if some do not come within a long time.
    pub(crate) fn wait(&self) -> Vec<Option<Instant>> {
        let deadline = Instant::now() + Duration::from_secs(240);
        loop {
            let arrivals = lock(&self.arrivals).clone();
            if arrivals.iter().all(Option::is_some) || Instant::now() > deadline {
                return arrivals;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn pod(request: &[u8]) -> Option<usize> {
    const BEFORE: &[u8] = b"\"pod\":\"pod-";
    let text = request.get(find(request, BEFORE)? + BEFORE.len()..)?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
