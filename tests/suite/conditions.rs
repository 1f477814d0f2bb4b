//! Waiting for something another process does. Nothing here waits for a fixed time: a condition is asked again until it
//! holds or the deadline passes.
#![expect(clippy::disallowed_methods, reason = "real processes run on real time")]

use std::future::Future;
use std::time::{Duration, Instant};

/// How often a condition is asked.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    deadline: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < deadline, "{what}: not within {deadline:?}");
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Seconds since the Unix epoch.
pub fn unix_now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// A point on the monotonic clock, for measuring.
pub fn stopwatch() -> Instant {
    Instant::now()
}

/// CPU time of the calling thread: what work takes however busy the machine is.
pub fn thread_cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts a thread's time");
    let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.expect("the first figure is time on the CPU"))
}

/// Lets time pass where the point of a test is that nothing happens meanwhile.
pub async fn nothing_for(duration: Duration) {
    tokio::time::sleep(duration).await;
}
