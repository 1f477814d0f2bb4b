//! Connections as metrics.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use exposition::Page;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Connections;
use super::seat::Ending;

/// Those of a process' listeners.
#[derive(Debug)]
pub struct Figures(pub Arc<Connections>);

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let Connections { max, counts, .. } = &*self.0;
        let open = self.0.taken().seats.len();
        page.gauge("watchfire_http_connections", "Connections that are open", open as f64)?;
        page.gauge("watchfire_http_connections_limit", "Most connections, half of them from one address", *max as f64)?;
        let accepted = counts.accepted.load(Ordering::Relaxed);
        page.counter("watchfire_http_connections_accepted", "Connections taken", accepted)?;
        let refused = counts.refused.load(Ordering::Relaxed);
        let help = "Connections closed at once, as every other one was served";
        page.counter("watchfire_http_connections_refused", help, refused)?;
        let ended = Ending::ALL.into_iter().zip(&counts.ended);
        let ended = ended.map(|(ending, count)| ([("reason", ending.as_str())], count.load(Ordering::Relaxed)));
        page.counters("watchfire_http_connections_ended", "Connections that we ended, by reason", ended)?;
        let failures = counts.accept_failures.load(Ordering::Relaxed);
        let help = "Times no connection could be taken, as file descriptors ran out for example";
        page.counter("watchfire_http_accept_failures", help, failures)?;
        let slow = counts.slow_bodies.load(Ordering::Relaxed);
        page.counter("watchfire_http_slow_bodies", "Requests answered 408, as their body came too slowly", slow)
    }
}
