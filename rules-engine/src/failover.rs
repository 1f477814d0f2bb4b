//! Which of several equal servers is asked next: the one that answers, until it does not.
//!
//! Health is what comes of real requests; there are no probes. Pure: the caller passes the time and says how it went.

use std::time::Duration;

use model::Timestamp;
use model::backoff::Backoff;

/// How long a server that did not answer is asked only if no other does.
const REST: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60), factor: 2.0, jitter: 0.2 };

/// Most servers that one request is tried with.
const TRIES_MAX: usize = 3;

/// Servers that give the same answers.
#[derive(Debug, Clone, Default)]
pub struct Failover {
    servers: Vec<Server>,
    /// The place of the one that is asked first.
    current: usize,
}

/// A server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub url: String,
    /// Whether it failed a moment ago.
    pub is_resting: bool,
}

/// What is known of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub url: String,
    /// Requests it was sent.
    pub requests: u64,
    /// Of them, those it did not answer as it should.
    pub failures: u64,
    /// Failures since the last answer; none means that it is well, as far as is known.
    pub failures_in_a_row: u32,
    not_before: Timestamp,
}

impl Failover {
    /// Between these servers; the first is asked first.
    pub fn new(urls: impl IntoIterator<Item = String>) -> Self {
        let mut failover = Self::default();
        failover.adopt(urls);
        failover
    }

    /// These are the servers from now on; what is known of those that stay is kept, and so is the one asked first.
    pub fn adopt(&mut self, urls: impl IntoIterator<Item = String>) {
        let current = self.servers.get(self.current).map(|server| server.url.clone());
        let mut before = std::mem::take(&mut self.servers);
        for url in urls {
            if self.servers.iter().any(|server| server.url == url) {
                continue;
            }
            let known = before.iter().position(|server| server.url == url);
            self.servers.push(known.map_or_else(|| Server::new(url), |place| before.swap_remove(place)));
        }
        self.current = self.servers.iter().position(|server| Some(&server.url) == current.as_ref()).unwrap_or(0);
    }

    /// The URLs to try with a request, in order: from the current one on those that are well, then those that have
    /// rested longest.
    pub fn candidates(&self, now: Timestamp) -> Vec<Candidate> {
        let places = (0..self.servers.len()).map(|step| (self.current + step) % self.servers.len().max(1));
        let mut order: Vec<&Server> = places.filter_map(|place| self.servers.get(place)).collect();
        order.sort_by_key(|server| if server.is_resting(now) { Some(server.not_before) } else { None });
        let candidate = |server: &Server| Candidate { url: server.url.clone(), is_resting: server.is_resting(now) };
        order.into_iter().take(TRIES_MAX).map(candidate).collect()
    }

    /// How a request to a server went. `is_well`: it answered, be it that the question was a bad one.
    pub fn outcome(&mut self, now: Timestamp, url: &str, is_well: bool) {
        let Some(place) = self.servers.iter().position(|server| server.url == url) else { return };
        let current_is_well = self.servers.get(self.current).is_some_and(|server| server.failures_in_a_row == 0);
        let Some(server) = self.servers.get_mut(place) else { return };
        server.requests += 1;
        if is_well {
            (server.failures_in_a_row, server.not_before) = (0, Timestamp::MIN);
            if !current_is_well {
                self.current = place;
            }
        } else {
            server.failures += 1;
            server.failures_in_a_row = server.failures_in_a_row.saturating_add(1);
            server.not_before = now.plus(REST.delay(server.failures_in_a_row, place as u64));
        }
    }

    /// All servers, in order.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }
}

impl Server {
    fn new(url: String) -> Self {
        Self { url, requests: 0, failures: 0, failures_in_a_row: 0, not_before: Timestamp::MIN }
    }

    /// The same under another URL, one without secrets.
    pub fn shown_as(&self, url: String) -> Self {
        Self { url, ..self.clone() }
    }

    fn is_resting(&self, now: Timestamp) -> bool {
        // a clock that was set back must not let a server rest for long
        now < self.not_before && self.not_before.since(now) <= REST.most.mul_f64(1.0 + REST.jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    fn servers(urls: &[&str]) -> Failover {
        Failover::new(urls.iter().map(|url| (*url).to_owned()))
    }

    fn urls(failover: &Failover, now: Timestamp) -> Vec<String> {
        failover.candidates(now).into_iter().map(|candidate| candidate.url).collect()
    }

    #[test]
    fn stays_with_the_one_that_answers() {
        let mut failover = servers(&["a", "b", "c", "a", "d"]);
        assert_eq!(urls(&failover, at(0)), ["a", "b", "c"]);
        failover.outcome(at(0), "a", false);
        assert_eq!(urls(&failover, at(0)), ["b", "c", "d"]);
        failover.outcome(at(0), "b", true);
        assert_eq!(urls(&failover, at(100))[0], "b", "a may be well again, but b is");
        failover.outcome(at(101), "a", true);
        assert_eq!(urls(&failover, at(101))[0], "b", "a late answer of a changes nothing");
        failover.outcome(at(102), "b", false);
        assert_eq!(urls(&failover, at(102)), ["c", "d", "a"]);
    }

    #[test]
    fn those_that_failed_are_the_last_resort_longest_rested_first() {
        let mut failover = servers(&["a", "b"]);
        for secs in 0..5 {
            failover.outcome(at(secs), "a", false);
        }
        failover.outcome(at(5), "b", false);
        assert_eq!(urls(&failover, at(5)), ["b", "a"]);
        let state: Vec<_> = failover.servers().iter().map(|s| (s.requests, s.failures, s.failures_in_a_row)).collect();
        assert_eq!(state, [(5, 5, 5), (1, 1, 1)]);
        failover.outcome(at(6), "a", true);
        assert_eq!(urls(&failover, at(6)), ["a", "b"]);
        assert_eq!(urls(&servers(&["only"]), at(0)), ["only"]);
        assert!(servers(&[]).candidates(at(0)).is_empty());
    }

    #[test]
    fn a_clock_set_back_does_not_keep_a_server_away() {
        let mut failover = servers(&["a", "b"]);
        failover.outcome(at(0), "b", false);
        failover.outcome(at(0), "a", true);
        failover.outcome(at(-100_000), "a", false);
        assert_eq!(urls(&failover, at(-100_000)), ["b", "a"]);
    }

    #[test]
    fn found_servers_come_and_go() {
        let mut failover = servers(&["a", "b", "c"]);
        failover.outcome(at(0), "a", false);
        failover.outcome(at(0), "b", true);
        failover.adopt(["c", "b", "d"].map(str::to_owned));
        assert_eq!(urls(&failover, at(0)), ["b", "d", "c"]);
        assert_eq!(failover.servers()[1].requests, 1);
        failover.adopt(["x".to_owned()]);
        assert_eq!(urls(&failover, at(0)), ["x"]);
        failover.outcome(at(0), "gone", true);
    }
}
