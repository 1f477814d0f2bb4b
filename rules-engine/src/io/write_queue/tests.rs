use std::sync::atomic::AtomicU16;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use model::{LabelSet, Timestamp};

use super::*;
use crate::sample::STALE_NAN_BITS;

/// A store that answers with the status it is told to have, and remembers what it took.
#[derive(Clone)]
struct Store {
    url: String,
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<Sample>>>,
    asked: Arc<Notify>,
}

impl Store {
    async fn start(status: u16) -> Store {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let store =
            Store { url, status: Arc::new(AtomicU16::new(status)), taken: Arc::default(), asked: Arc::default() };
        let shared = store.clone();
        let write = post(move |body: Bytes| async move {
            let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
            let samples = (PACKING.unpack)(&body).unwrap();
            let is_bad = samples.iter().any(|sample| sample.labels.get_or_empty("bad") == "yes");
            let status = if is_bad && status.is_success() { StatusCode::BAD_REQUEST } else { status };
            if status.is_success() {
                shared.taken.lock().unwrap().extend(samples);
            }
            shared.asked.notify_one();
            (status, "why")
        });
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", write)).await });
        store
    }

    fn target(&self, name: &str) -> WriteTarget {
        let (backoff_min, backoff_max) = (Duration::from_millis(5), Duration::from_millis(20));
        WriteTarget { name: name.to_owned(), backoff_min, backoff_max, ..WriteTarget::new(self.url.clone()) }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn taken(&self) -> Vec<i64> {
        self.taken.lock().unwrap().iter().map(|sample| sample.timestamp_ms).collect()
    }

    /// Waits until it has taken so many samples.
    async fn until_taken(&self, count: usize) {
        let all = async {
            while self.taken().len() < count {
                self.asked.notified().await;
            }
        };
        tokio::time::timeout(SOON, all).await.unwrap_or_else(|_| panic!("only {:?}", self.taken()));
    }
}

const SOON: Duration = Duration::from_secs(10);

type Disk = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

fn queues(disk: &Disk) -> WriteQueues {
    let keeper_disk = Arc::clone(disk);
    let keeper: Keeper = Arc::new(move |key, value| {
        let mut disk = keeper_disk.lock().unwrap();
        match value {
            Some(value) => drop(disk.insert(key.to_owned(), value)),
            None => drop(disk.remove(key)),
        }
    });
    let records = disk.lock().unwrap().clone().into_iter().collect();
    WriteQueues::new(Arc::new(|| Timestamp::from_secs(1_000)), keeper, records)
}

fn adopt(queues: &WriteQueues, targets: Vec<WriteTarget>) {
    queues.adopt(queues.prepare(targets).unwrap());
}

fn sample(at: i64) -> Sample {
    Sample { labels: LabelSet::from_pairs([("__name__", "m")]), timestamp_ms: at, value: 1.0 }
}

fn bad(at: i64) -> Sample {
    Sample { labels: LabelSet::from_pairs([("__name__", "m"), ("bad", "yes")]), ..sample(at) }
}

#[tokio::test]
async fn what_nobody_waits_for_arrives_all_the_same_and_leaves_nothing_on_disk() {
    let (store, disk) = (Store::start(200).await, Disk::default());
    let queues = queues(&disk);
    adopt(&queues, vec![store.target("a")]);
    for at in 0..10 {
        queues.enqueue(&[sample(at)]);
    }
    store.until_taken(10).await;
    assert_eq!(store.taken(), (0..10).collect::<Vec<_>>());
    assert!(disk.lock().unwrap().is_empty());
    queues.write(&[sample(11)], SOON).await.unwrap();
    assert_eq!(store.taken().len(), 11);
    queues.write(&[], SOON).await.unwrap();
}

#[tokio::test]
async fn what_a_target_does_not_take_waits_on_disk_over_a_death() {
    let (store, disk) = (Store::start(503).await, Disk::default());
    let before = queues(&disk);
    adopt(&before, vec![store.target("a")]);
    let marker = Sample { value: f64::from_bits(STALE_NAN_BITS), ..sample(2) };
    before.enqueue(&[sample(1)]);
    store.asked.notified().await;
    before.enqueue(&[marker]);
    let failure = before.write(&[sample(3)], Duration::from_millis(100)).await.unwrap_err();
    assert!(failure.is_kept, "{failure:?}");
    let tally = before.tallies().remove(0);
    assert_eq!(tally.2.samples, 3);
    assert!(tally.1.failures > 0);
    // it dies: nothing is told to end
    std::mem::forget(before);
    let kept: Disk = Arc::new(Mutex::new(disk.lock().unwrap().clone()));
    assert_eq!(kept.lock().unwrap().len(), 3);

    let back = Store::start(200).await;
    let after = queues(&kept);
    adopt(&after, vec![back.target("a")]);
    after.enqueue(&[sample(4)]);
    back.until_taken(4).await;
    assert_eq!(back.taken(), [1, 2, 3, 4]);
    assert!(back.taken.lock().unwrap()[1].is_stale_marker());
    after.write(&[sample(5)], SOON).await.unwrap();
    assert!(kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn one_target_that_is_away_delays_no_other() {
    let (well, ill, disk) = (Store::start(200).await, Store::start(500).await, Disk::default());
    let queues = queues(&disk);
    adopt(&queues, vec![ill.target("ill"), well.target("well")]);
    queues.enqueue(&[sample(1)]);
    well.until_taken(1).await;
    let failure = queues.write(&[sample(2)], Duration::from_millis(100)).await.unwrap_err();
    assert!(failure.is_kept);
    well.until_taken(2).await;
    ill.answer(200);
    ill.until_taken(2).await;
    assert_eq!(ill.taken(), [1, 2]);
}

#[tokio::test]
async fn who_waits_hears_of_own_refusals_only() {
    let (store, disk) = (Store::start(503).await, Disk::default());
    let queues = queues(&disk);
    adopt(&queues, vec![store.target("a")]);
    queues.enqueue(&[bad(1)]);
    let (good, refused) = (vec![sample(2), sample(3)], vec![sample(4), bad(5)]);
    let both = async { tokio::join!(queues.write(&good, SOON), queues.write(&refused, SOON)) };
    let open = async {
        while queues.tallies()[0].2.samples < 5 {
            store.asked.notified().await;
        }
        store.answer(200);
    };
    let ((good, refused), ()) = tokio::join!(both, open);
    good.unwrap();
    let refused = refused.unwrap_err();
    assert!(!refused.is_kept);
    assert!(
        refused.text.starts_with("1 samples were refused, among them one of {__name__=\"m\", bad=\"yes\"}"),
        "{refused:?}"
    );
    assert_eq!(store.taken(), [2, 3, 4]);
    assert_eq!(queues.tallies()[0].1.refused, 2);
}

#[tokio::test]
async fn a_reload_keeps_what_waits_and_drops_what_is_for_nobody() {
    let (store, disk) = (Store::start(401).await, Disk::default());
    let queues = queues(&disk);
    adopt(&queues, vec![store.target("a"), store.target("gone")]);
    queues.enqueue(&[sample(1)]);
    store.asked.notified().await;
    store.asked.notified().await;
    // the credentials are mended: no need to wait for the next try
    store.answer(200);
    adopt(&queues, vec![store.target("a")]);
    queues.write(&[sample(2)], SOON).await.unwrap();
    assert_eq!(store.taken(), [1, 2]);
    let tallies = queues.tallies();
    assert_eq!((tallies.len(), tallies[0].1.written), (1, 2));
    assert!(tallies[0].1.failures > 0, "counters go on over a reload");
    assert!(disk.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_orderly_end_writes_what_it_can_and_keeps_the_rest() {
    let (well, silent, disk) = (Store::start(200).await, Store::start(500).await, Disk::default());
    let queues = queues(&disk);
    adopt(&queues, vec![well.target("well"), silent.target("silent")]);
    queues.enqueue(&[sample(1), sample(2)]);
    assert_eq!(queues.shut_down(SOON).await, 2);
    assert_eq!(well.taken(), [1, 2]);
    assert_eq!(disk.lock().unwrap().len(), 1);
}
