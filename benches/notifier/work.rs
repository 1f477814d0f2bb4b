//! What the peers are put to.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::payload::{self, Alerts};
use crate::server::{Peer, Server};
use crate::sink::Sink;
use crate::table::Table;

/// Connections that alerts come in over.
const CONNECTIONS: usize = 4;
const GROUP_WAIT: Duration = Duration::from_secs(1);

/// How much of everything.
pub(crate) struct Size {
    /// Alerts taken in, with the size of a request.
    ingest: &'static [(usize, usize)],
    /// Groups due at once.
    groups: &'static [usize],
    /// Silences, and groups that flush under them.
    silences: usize,
    /// Sources, and targets.
    inhibition: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        ingest: &[(10_000, 100), (100_000, 100), (100_000, 1000)],
        groups: &[1000, 10_000],
        silences: 10_000,
        inhibition: 10_000,
    };
    pub(crate) const QUICK: Self =
        Self { ingest: &[(10_000, 100), (10_000, 1000)], groups: &[1000], silences: 1000, inhibition: 1000 };
}

/// A configuration with one webhook.
struct Config<'a> {
    sink: &'a Sink,
    group_by: &'static str,
    group_wait: &'static str,
    /// Further routes, and rules.
    more: String,
}

impl Config<'_> {
    fn text(&self) -> String {
        let Self { sink, group_by, group_wait, more } = self;
        format!(
            "route:\n  receiver: sink\n  group_by: [{group_by}]\n  group_wait: {group_wait}\n  group_interval: 5m\n  \
             repeat_interval: 4h\nreceivers:\n- name: sink\n  webhook_configs:\n  - url: http://127.0.0.1:{}/\n{more}",
            sink.port
        )
    }

    /// Nothing is sent while it is measured.
    fn quiet(sink: &Sink) -> String {
        Config { sink, group_by: "alertname, namespace", group_wait: "10m", more: String::new() }.text()
    }
}

/// Everything, in the order of DESIGN.md's table.
pub(crate) fn run_all(peer: &Peer, size: &Size, table: &mut Table) -> anyhow::Result<()> {
    let sink = Sink::open()?;
    start(peer, &sink, table)?;
    for (alerts, batch) in size.ingest {
        ingest(peer, &sink, (*alerts, *batch), table)?;
    }
    routes(peer, &sink, table)?;
    for groups in size.groups {
        flush(peer, &sink, *groups, table)?;
    }
    silences(peer, &sink, size.silences, table)?;
    inhibition(peer, &sink, size.inhibition, table)
}

fn start(peer: &Peer, sink: &Sink, table: &mut Table) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for _ in 0..5 {
        let server = peer.start(&Config::quiet(sink))?;
        took.push(server.ready_after.as_secs_f64() * 1e3);
        if took.len() == 5 {
            std::thread::sleep(Duration::from_secs(1));
            table.note("idle: memory", "MiB", server.process.memory_mib()?);
        }
    }
    took.sort_by(f64::total_cmp);
    table.note("start: exec to ready, median of 5", "ms", took.get(2).copied().unwrap_or_default());
    Ok(())
}

fn ingest(peer: &Peer, sink: &Sink, (count, batch): (usize, usize), table: &mut Table) -> anyhow::Result<()> {
    let server = peer.start(&Config::quiet(sink))?;
    let idle_mib = server.process.memory_mib()?;
    let title = format!("{count} alerts in batches of {batch}");
    let first = Alerts::firing("warning");
    for (phase, alerts) in [("first insert", first), ("refresh", first.later(60)), ("refresh again", first.later(120))]
    {
        let cost = server.cost(|| post(&server, alerts, count, batch).map(drop))?;
        table.note(format!("{title}: {phase}"), "CPU µs per alert", cost.as_secs_f64() * 1e6 / count as f64);
    }
    let memory_mib = server.process.memory_mib()?;
    table.note(format!("{title}: memory"), "MiB", memory_mib);
    table.note(format!("{title}: memory per alert"), "KiB", (memory_mib - idle_mib) * 1024.0 / count as f64);
    if batch == 1000 {
        look(&server, count, table)?;
    }
    let cost = server.cost(|| post(&server, first.resolved(), count, batch).map(drop))?;
    table.note(format!("{title}: resolve"), "CPU µs per alert", cost.as_secs_f64() * 1e6 / count as f64);
    Ok(())
}

/// Asks for lists and metrics while the alerts are there.
fn look(server: &Server, count: usize, table: &mut Table) -> anyhow::Result<()> {
    let asks = [
        ("GET /metrics", "/metrics", 10),
        ("GET with a filter for 1%", "/api/v2/alerts?filter=namespace%3D%22tenant-7%22", 10),
        ("GET of all alerts", "/api/v2/alerts", 3),
    ];
    for (name, path, times) in asks {
        let mut bytes = 0;
        let cost = server.cost(|| {
            let mut client = Client::connect(server.port)?;
            for _ in 0..times {
                bytes = client.get(path)?.bytes;
            }
            Ok(())
        })?;
        let measure = format!("{count} alerts: {name}");
        table.note(measure, "CPU ms", cost.as_secs_f64() * 1e3 / f64::from(times));
        eprintln!("{:>26}{bytes} bytes", "");
    }
    table.note(format!("{count} alerts: peak memory after these"), "MiB", server.process.peak_memory_mib()?);
    Ok(())
}

fn routes(peer: &Peer, sink: &Sink, table: &mut Table) -> anyhow::Result<()> {
    const COUNT: usize = 10_000;
    let children = (0..1000).map(|n| format!("  - matchers: [ 'service = \"none-{n}\"' ]\n    receiver: sink\n"));
    let text = Config::quiet(sink)
        .replace("receivers:\n", &format!("  routes:\n{}receivers:\n", children.collect::<String>()));
    let server = peer.start(&text)?;
    let alerts = Alerts::firing("warning");
    for (phase, alerts) in [("first insert", alerts), ("refresh", alerts.later(60))] {
        let cost = server.cost(|| post(&server, alerts, COUNT, 100).map(drop))?;
        let measure = format!("1000 routes that do not match: {phase}");
        table.note(measure, "CPU µs per alert", cost.as_secs_f64() * 1e6 / COUNT as f64);
    }
    Ok(())
}

fn flush(peer: &Peer, sink: &Sink, groups: usize, table: &mut Table) -> anyhow::Result<()> {
    let server = peer.start(&Config { sink, group_by: "pod", group_wait: "1s", more: String::new() }.text())?;
    let (cpu, p99_ms) = flush_all(&server, sink, groups)?;
    table.note(format!("{groups} groups due at once"), "CPU µs per group", cpu.as_secs_f64() * 1e6 / groups as f64);
    table.note(format!("{groups} groups due at once: p99 after group_wait"), "ms", p99_ms);
    table.note(format!("{groups} groups due at once: peak memory"), "MiB", server.process.peak_memory_mib()?);
    Ok(())
}

/// Posts an alert for each group and waits until all are told; CPU, and the 99th percentile of what it took.
fn flush_all(server: &Server, sink: &Sink, groups: usize) -> anyhow::Result<(Duration, f64)> {
    sink.expect(groups);
    let mut posted = Vec::new();
    let mut arrived = Vec::new();
    let cost = server.cost(|| {
        posted = post(server, Alerts::firing("warning"), groups, 100)?;
        arrived = sink.wait();
        Ok(())
    })?;
    let missing = arrived.iter().filter(|arrival| arrival.is_none()).count();
    anyhow::ensure!(missing == 0, "{missing} of {groups} groups were not told");
    let late = |(n, arrival): (usize, &Option<Instant>)| {
        let sent = posted.iter().find(|(numbers, _)| numbers.contains(&n))?.1;
        Some(arrival.as_ref()?.duration_since(sent).saturating_sub(GROUP_WAIT).as_secs_f64() * 1e3)
    };
    let mut late_ms: Vec<f64> = arrived.iter().enumerate().filter_map(late).collect();
    late_ms.sort_by(f64::total_cmp);
    Ok((cost, late_ms.get(groups * 99 / 100).copied().unwrap_or_default()))
}

fn silences(peer: &Peer, sink: &Sink, count: usize, table: &mut Table) -> anyhow::Result<()> {
    let server = peer.start(&Config { sink, group_by: "pod", group_wait: "1s", more: String::new() }.text())?;
    let made = server.cost(|| {
        in_parallel(count, 1, server.port, |client, numbers| {
            client.post("/api/v2/silences", &payload::silence(numbers.start))
        })
        .map(drop)
    })?;
    table.note(format!("{count} silences made"), "CPU µs each", made.as_secs_f64() * 1e6 / count as f64);
    let (cpu, _) = flush_all(&server, sink, count)?;
    table.note(format!("{count} groups flushed under {count} silences"), "CPU s", cpu.as_secs_f64());
    Ok(())
}

fn inhibition(peer: &Peer, sink: &Sink, count: usize, table: &mut Table) -> anyhow::Result<()> {
    let more = "inhibit_rules:\n- source_matchers: [ 'severity = critical' ]\n  target_matchers: [ 'severity =~ \"warning|info\"' ]\n  \
                equal: [namespace, alertname]\n";
    let config = Config { sink, group_by: "alertname, namespace", group_wait: "1s", more: more.to_owned() };
    let server = peer.start(&config.text())?;
    post(&server, Alerts::firing("critical"), count, 100)?;
    std::thread::sleep(GROUP_WAIT * 2);
    let cost = server.cost(|| {
        post(&server, Alerts::firing("warning"), count, 100)?;
        std::thread::sleep(GROUP_WAIT * 2);
        Ok(())
    })?;
    table.note(format!("{count} targets inhibited by {count} sources"), "CPU s", cost.as_secs_f64());
    Ok(())
}

/// Numbers of alerts, and when their request was begun.
type Posted = Vec<(std::ops::Range<usize>, Instant)>;

fn post(server: &Server, alerts: Alerts, count: usize, batch: usize) -> anyhow::Result<Posted> {
    in_parallel(count, batch, server.port, |client, numbers| client.post("/api/v2/alerts", &alerts.body(numbers)))
}

/// Does something for all numbers, so many at a time, over a few connections.
fn in_parallel(
    count: usize,
    batch: usize,
    port: u16,
    work: impl Fn(&mut Client, std::ops::Range<usize>) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Posted> {
    let work = &work;
    std::thread::scope(|scope| {
        let run = |lane: usize| {
            move || -> anyhow::Result<Posted> {
                let mut client = Client::connect(port)?;
                let mut posted = Vec::new();
                for start in (0..count).step_by(batch).skip(lane).step_by(CONNECTIONS) {
                    let numbers = start..count.min(start + batch);
                    let begun = Instant::now();
                    work(&mut client, numbers.clone())?;
                    posted.push((numbers, begun));
                }
                Ok(posted)
            }
        };
        let lanes: Vec<_> = (0..CONNECTIONS).map(|lane| scope.spawn(run(lane))).collect();
        let mut posted = Vec::new();
        for lane in lanes {
            posted.extend(lane.join().map_err(|_| anyhow::anyhow!("a client panicked"))??);
        }
        Ok(posted)
    })
}
