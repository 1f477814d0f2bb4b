//! One run: everything is started, sampled and ended.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::dashboards::{self, Looked};
use crate::ledger::Class;
use crate::ledger::{Ledger, Tally, percentile};
use crate::plan::Plan;
use crate::receivers::{Counted, Receivers};
use crate::rules::{Expectations, World};
use crate::series::Samples;
use crate::service::{Facts, Service};
use crate::stalls::Stalls;
use crate::story;
use crate::traffic::{self, Done};

/// Between two samples.
const SAMPLE: Duration = Duration::from_secs(5);
/// Between two lines of progress, in samples.
const PROGRESS: usize = 6;
/// After the last alert it is waited that long, at most, for what is still to be told.
const DRAIN: Duration = Duration::from_secs(150);
/// A thread that waited longer than this between two samples was short of a processor.
const WAITED_MIN: Duration = Duration::from_millis(200);

/// All that was seen.
pub(crate) struct Outcome {
    pub(crate) samples: Samples,
    pub(crate) posted: Posted,
    pub(crate) counted: Counted,
    pub(crate) tallies: Vec<(Class, Tally)>,
    pub(crate) lost: usize,
    pub(crate) told_though_hidden: usize,
    pub(crate) faults: Vec<String>,
    pub(crate) looked: dashboards::Took,
    /// Requests that were not answered well, of both.
    pub(crate) failures: Vec<String>,
    pub(crate) stalls: (usize, Duration, Duration),
    pub(crate) queries: u64,
    pub(crate) writes: u64,
    pub(crate) log: Vec<String>,
    pub(crate) ended_well: bool,
}

/// What clients did.
pub(crate) struct Posted {
    pub(crate) requests: u64,
    pub(crate) alerts: u64,
    pub(crate) changes: u64,
    pub(crate) silences: u64,
    pub(crate) behind_ms: u64,
}

/// What goes on beside the program.
struct Scene {
    stalls: Stalls,
    ledger: Ledger,
    receivers: Receivers,
    world: World,
    service: Service,
    done: Arc<Done>,
    looked: Arc<Looked>,
    samples: Samples,
    began: Instant,
    /// At the last sample.
    cpu: Duration,
    sampled: Instant,
    /// First pages that were in a sample already.
    pages_seen: usize,
}

/// Runs the plan.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    fs::create_dir_all(&plan.out)?;
    let stalls = Stalls::watch();
    let ledger = Ledger::new(stalls.clone());
    let receivers = Receivers::open(&ledger)?;
    let world = World::open()?;
    let service = Service::start(plan, receivers.port, world.port)?;
    let now = Instant::now();
    let mut scene = Scene {
        stalls,
        ledger,
        receivers,
        world,
        service,
        done: Arc::default(),
        looked: Arc::default(),
        samples: Samples::default(),
        began: now,
        cpu: Duration::ZERO,
        sampled: now,
        pages_seen: 0,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let sizes = story::sizes(plan.alerts, plan.groups);
    let mut threads = traffic::start(scene.service.port, &sizes, (&scene.ledger, &scene.stalls), &scene.done, &stop);
    threads.push(dashboards::start(scene.service.port, &scene.looked, &stop));
    scene.watch(plan)?;
    stop.store(true, Ordering::Relaxed);
    scene.ledger.hide_nothing();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))?;
    }
    scene.end()
}

impl Scene {
    /// Samples until the time is over.
    fn watch(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let mut expectations = Expectations::begin(plan.rules);
        let end = self.began + Duration::from_secs_f64(plan.minutes * 60.0);
        let mut next = self.began;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_secs(1).min(next.saturating_duration_since(Instant::now())));
            expectations.follow(&self.ledger);
            if Instant::now() < next {
                continue;
            }
            next += SAMPLE;
            anyhow::ensure!(!self.service.has_ended()?, "it has ended; see {}", self.service.log.display());
            self.sample()?;
            if self.samples.times.len() % PROGRESS == 1 {
                self.tell_progress();
            }
        }
        Ok(())
    }

    fn sample(&mut self) -> anyhow::Result<()> {
        let Facts { memory_mib, file_mib, cpu, threads, files, store_mib, waited } = self.service.facts()?;
        let now = Instant::now();
        let elapsed = now.duration_since(self.sampled);
        if waited >= WAITED_MIN {
            self.stalls.note(self.sampled, waited.min(elapsed));
        }
        let mut latencies = self.done.take_latencies_ms();
        let (late_p50, late_p99) = self.ledger.recent_late_secs(&mut self.pages_seen);
        let (open, overdue) = self.ledger.open(now);
        let cores = (cpu - self.cpu).as_secs_f64() / elapsed.as_secs_f64().max(0.001);
        (self.cpu, self.sampled) = (cpu, now);

        let samples = &mut self.samples;
        samples.begin(self.began.elapsed().as_secs_f64());
        for (name, value) in [
            ("memory MiB", memory_mib),
            ("memory of files MiB", file_mib),
            ("cores in use", cores),
            ("threads", threads as f64),
            ("open files", files as f64),
            ("store MiB", store_mib),
            ("waited for a processor s", waited.as_secs_f64()),
            ("requests p50 ms", percentile(&mut latencies, 0.5)),
            ("requests p99 ms", percentile(&mut latencies, 0.99)),
            ("first pages late p50 s", late_p50),
            ("first pages late p99 s", late_p99),
            ("pages to come", open as f64),
            ("pages overdue", overdue as f64),
        ] {
            samples.note(name, value);
        }
        self.sample_metrics()
    }

    /// Every gauge, added up over its labels, and how long the page is.
    fn sample_metrics(&mut self) -> anyhow::Result<()> {
        let mut page = Vec::new();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer = Client::connect(self.service.port)?.exchange(request, &mut page)?;
        anyhow::ensure!(answer.status == 200, "/metrics is answered with {}", answer.status);
        let page = String::from_utf8_lossy(&page);
        let mut lines = 0;
        let mut gauge = "";
        let mut sum = 0.0;
        let samples = &mut self.samples;
        for line in page.lines() {
            if let Some(about) = line.strip_prefix("# TYPE ") {
                if !gauge.is_empty() {
                    samples.note(gauge, sum);
                }
                (gauge, sum) = (about.strip_suffix(" gauge").unwrap_or_default(), 0.0);
            } else if !line.starts_with('#') {
                lines += 1;
                sum += line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or_default();
            }
        }
        if !gauge.is_empty() {
            samples.note(gauge, sum);
        }
        samples.note("metrics lines", f64::from(lines));
        Ok(())
    }

    fn tell_progress(&self) {
        let last = |name: &str| self.samples.last(name).unwrap_or_default();
        eprintln!(
            "{:5.1} min  {:6.1} MiB  {:4.2} cores  {:3} files  store {:5.1} MiB  {:6.0} active  {:5.0} groups  post p99 {:5.1} ms  \
             first pages late p99 {:5.2} s  {} to come, {} overdue",
            self.samples.times.last().copied().unwrap_or_default() / 60.0,
            last("memory MiB"),
            last("cores in use"),
            last("open files"),
            last("store MiB"),
            last("alertmanager_alerts"),
            last("alertmanager_dispatcher_aggregation_groups"),
            last("requests p99 ms"),
            last("first pages late p99 s"),
            last("pages to come"),
            last("pages overdue"),
        );
    }

    /// Waits for what is still to be told, and adds everything up.
    fn end(self) -> anyhow::Result<Outcome> {
        let ended = Instant::now();
        while ended.elapsed() < DRAIN && !self.ledger.is_settled() {
            std::thread::sleep(Duration::from_millis(500));
        }
        let (lost, told_though_hidden, faults) = self.ledger.close();
        let Done { requests, alerts, changes, silences, behind_ms, .. } = &*self.done;
        let posted = Posted {
            requests: requests.load(Ordering::Relaxed),
            alerts: alerts.load(Ordering::Relaxed),
            changes: changes.load(Ordering::Relaxed),
            silences: silences.load(Ordering::Relaxed),
            behind_ms: behind_ms.load(Ordering::Relaxed),
        };
        let (counted, stalls) = (self.receivers.counted(), self.stalls.total());
        let log_file = self.service.log.clone();
        let ended_well = self.service.end()?;
        let mut failures = self.done.failures();
        failures.extend(dashboards::lock(&self.looked.failures).iter().cloned());
        Ok(Outcome {
            samples: self.samples,
            posted,
            counted,
            tallies: self.ledger.tallies(),
            lost,
            told_though_hidden,
            faults,
            looked: std::mem::take(&mut *dashboards::lock(&self.looked.took)),
            failures,
            stalls,
            queries: self.world.queries.load(Ordering::Relaxed),
            writes: self.world.writes.load(Ordering::Relaxed),
            log: fs::read_to_string(log_file)?.lines().map(str::to_owned).collect(),
            ended_well,
        })
    }
}
