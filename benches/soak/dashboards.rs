//! What people and their dashboards ask for while all this goes on, one thing every few seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client::Client;

/// Between two requests.
const PAUSE: Duration = Duration::from_secs(2);

const PATHS: &[&str] = &[
    "/",
    "/alerts",
    "/alerts?q=namespace%3D%22tenant-75%22",
    "/silences",
    "/rules",
    "/history",
    "/routing",
    "/status",
    "/api/v2/alerts?filter=namespace%3D%22tenant-75%22",
    "/api/v2/alerts/groups?filter=namespace%3D%22tenant-84%22",
    "/api/v2/silences",
    "/api/v2/explain?filter=service%3D%22service-3%22&limit=10",
    "/api/v2/history?limit=100",
    "/api/v1/rules",
    "/api/v1/alerts",
    "/api/v2/alerts",
];

/// What a page took, each time.
pub(crate) type Took = Vec<(&'static str, Vec<f64>)>;

#[derive(Default)]
pub(crate) struct Looked {
    /// In milliseconds.
    pub(crate) took: Mutex<Took>,
    pub(crate) failures: Mutex<Vec<String>>,
}

/// Begins to ask; ends when `stop` is set.
pub(crate) fn start(port: u16, looked: &Arc<Looked>, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (looked, stop) = (looked.clone(), stop.clone());
    *lock(&looked.took) = PATHS.iter().map(|path| (*path, Vec::new())).collect();
    std::thread::spawn(move || {
        let mut client = None;
        for at in (0..PATHS.len()).cycle() {
            std::thread::sleep(PAUSE);
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let Some(path) = PATHS.get(at) else { continue };
            let began = Instant::now();
            let answer = ask(&mut client, port, path);
            let took_ms = began.elapsed().as_secs_f64() * 1e3;
            match answer {
                Ok(200) => {
                    if let Some((_, all)) = lock(&looked.took).get_mut(at) {
                        all.push(took_ms);
                    }
                }
                Ok(status) => lock(&looked.failures).push(format!("GET {path}: {status}")),
                Err(error) => lock(&looked.failures).push(format!("GET {path}: {error}")),
            }
        }
    })
}

fn ask(kept: &mut Option<Client>, port: u16, path: &str) -> anyhow::Result<u16> {
    let mut client = match kept.take() {
        Some(client) => client,
        None => Client::connect(port)?,
    };
    let status = client.get(path)?.status;
    *kept = Some(client);
    Ok(status)
}

pub(crate) fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
