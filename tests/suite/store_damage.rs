//! The program over a store that is damaged, foreign, newer, full or read-only: it comes up, says what it found and where it lies
//! now, takes alerts, and pages go out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::conditions::eventually;
use crate::peers::{client, get_json};
use crate::sink::Sink;
use crate::small_disk::SmallDisk;
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(30);
/// Cases at the same time.
const AT_ONCE: usize = 4;
/// Where random bits are flipped, and how often.
const FLIPS: [(&str, u64); 4] = [("sled/db", 3), ("journal", 3), ("witness", 2), ("export", 2)];

/// What becomes of a store that somebody tampered with.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// Nothing is lost, and there is nothing to tell.
    Harmless,
    /// It is told with these words; something whose name begins so is set aside, unless it begins with nothing.
    Recovered(&'static str, &'static str),
    /// One of both, depending on what was hit.
    Either,
    /// Nothing can be written; it is told with these words.
    Unwritable(&'static str),
}

type Damage = Box<dyn Fn(&Path) + Send + Sync>;

fn change(file: &'static str, change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Damage {
    Box::new(move |store| {
        let path = store.join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    })
}

fn remove(file: &'static str) -> Damage {
    Box::new(move |store| match store.join(file) {
        path if path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
        path => std::fs::remove_file(path).unwrap(),
    })
}

/// In a file that has room written ahead: up to where anything is.
fn in_use(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn cases() -> Vec<(String, Damage, Expected)> {
    use Expected::{Either, Harmless, Recovered, Unwritable};
    let truncated = |bytes: &mut Vec<u8>| bytes.truncate(in_use(bytes) / 2);
    let zeroed = |bytes: &mut Vec<u8>| {
        let end = in_use(bytes);
        bytes[end / 2..].fill(0);
    };
    let foreign = |bytes: &mut Vec<u8>| *bytes = b"%PDF-1.7 something else entirely\n".repeat(500);
    let newer = |bytes: &mut Vec<u8>| {
        bytes[8] = 2;
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.sum().to_le_bytes());
    };
    let journal = || Recovered("its journal ends at commit", "journal.corrupt-");
    let database = || Recovered("restored the export", "sled.corrupt-");
    let mut cases: Vec<(&str, Damage, Expected)> = vec![
        ("nothing", Box::new(|_| {}), Harmless),
        ("journal truncated", change("journal", truncated), journal()),
        ("journal with a tail of zeros", change("journal", zeroed), journal()),
        (
            "journal foreign",
            change("journal", foreign),
            Recovered("nothing of its journal can be read", "journal.corrupt-"),
        ),
        ("journal missing", remove("journal"), Recovered("it ends at commit", "")),
        ("database truncated", change("sled/db", truncated), Either),
        ("database with a tail of zeros", change("sled/db", zeroed), Either),
        ("database foreign", change("sled/db", foreign), database()),
        ("database file missing", remove("sled/db"), database()),
        ("database missing", remove("sled"), Recovered("the database is missing", "")),
        ("database's settings missing", remove("sled/conf"), Harmless),
        ("witness missing", remove("witness"), Harmless),
        ("witness foreign", change("witness", foreign), Harmless),
        ("export missing", remove("export"), Harmless),
        ("export truncated", change("export", truncated), Harmless),
        ("export of a newer version", change("export", newer), Recovered("store format 2", "newer-format-")),
        (
            "everything foreign",
            Box::new(|store| {
                for file in ["journal", "witness", "export", "sled/db", "sled/conf"] {
                    std::fs::write(store.join(file), b"garbage\xff\x00".repeat(900)).unwrap();
                }
            }),
            Recovered("found no export to restore", "sled.corrupt-"),
        ),
        (
            "a directory in place of the journal",
            Box::new(|store| {
                std::fs::remove_file(store.join("journal")).unwrap();
                std::fs::create_dir(store.join("journal")).unwrap();
            }),
            Unwritable("journal"),
        ),
    ];
    cases.push((
        "a file in place of the database",
        {
            Box::new(|store: &Path| {
                std::fs::remove_dir_all(store.join("sled")).unwrap();
                std::fs::write(store.join("sled"), "not a directory").unwrap();
            })
        },
        Recovered("restored the export", "sled.corrupt-"),
    ));
    let mut cases: Vec<_> = cases.into_iter().map(|(name, damage, told)| (name.to_owned(), damage, told)).collect();
    for (file, times) in FLIPS {
        for seed in 0..times {
            cases.push((format!("random bits flipped in {file}, seed {seed}"), flip(file, seed), Either));
        }
    }
    cases
}

/// Flips a few bits somewhere in what is in use of a file.
fn flip(file: &'static str, seed: u64) -> Damage {
    change(file, move |bytes| {
        let mut chance = fastrand::Rng::with_seed(seed);
        let end = in_use(bytes);
        for _ in 0..chance.usize(1..5) {
            bytes[chance.usize(0..end)] ^= 1 << chance.u8(0..8);
        }
    })
}

/// A store that was closed in order once and then killed, and the silences it was told to keep.
struct Past {
    folder: tempfile::TempDir,
    silences: Vec<String>,
}

fn config(sink: &Sink) -> String {
    format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 50ms, group_interval: 1s, repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
        sink.url("/hook")
    )
}

fn silence(name: &str) -> Value {
    json!({
        "matchers": [{"name": "alertname", "value": name, "isRegex": false}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "test", "comment": name,
    })
}

/// The id of the new silence, or the status of the refusal.
async fn set_silence(ours: &Watchfire, name: &str) -> Result<String, u16> {
    let answer = client().post(format!("{}/api/v2/silences", ours.url)).json(&silence(name)).send().await.unwrap();
    if !answer.status().is_success() {
        return Err(answer.status().as_u16());
    }
    let answer: Value = answer.json().await.unwrap();
    Ok(answer["silenceID"].as_str().unwrap().to_owned())
}

async fn silences(ours: &Watchfire) -> Vec<String> {
    let answer = get_json(&format!("{}/api/v2/silences", ours.url)).await;
    answer.as_array().unwrap().iter().map(|silence| silence["id"].as_str().unwrap().to_owned()).collect()
}

async fn metric(ours: &Watchfire, name: &str) -> f64 {
    let page = client().get(format!("{}/metrics", ours.url)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not among the metrics")).parse().unwrap()
}

impl Past {
    async fn lead() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sink::open().await;
        let mut ours = Watchfire::notifier(folder.path(), &config(&sink)).await;
        let mut kept = Vec::new();
        for number in 0..20 {
            kept.push(set_silence(&ours, &format!("early-{number}")).await.unwrap());
        }
        ours.post_alerts(&json!([{"labels": {"alertname": "Old"}}])).await;
        sink.wait_told("/hook", 1, SOON).await;
        assert!(ours.process.terminate().success());
        let mut ours = Watchfire::notifier(folder.path(), &config(&sink)).await;
        for number in 0..20 {
            kept.push(set_silence(&ours, &format!("late-{number}")).await.unwrap());
        }
        ours.process.kill();
        Self { folder, silences: kept }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A copy of the store in a folder where a notifier finds it.
    fn copied(&self, folder: &Path) {
        let from = self.store();
        let copied = std::process::Command::new("cp").arg("-a").arg(&from).arg(folder).status();
        assert!(copied.is_ok_and(|status| status.success()));
    }
}

/// Pages go out of it, whatever else.
async fn pages(ours: &Watchfire, sink: &Sink, name: &str) {
    ours.post_alerts(&json!([{"labels": {"alertname": name}}])).await;
    eventually(&format!("the page of {name}"), SOON, || async {
        let told = sink.told("/hook");
        told.iter().any(|told| told.body["groupLabels"]["alertname"] == name).then_some(())
    })
    .await;
}

fn logged(ours: &Watchfire, words: &str) -> bool {
    ours.process.lines().iter().any(|line| line.contains(words))
}

async fn hold(past: &Past, name: &str, damage: &Damage, expected: Expected) {
    let folder = tempfile::tempdir().unwrap();
    past.copied(folder.path());
    let store = folder.path().join("data");
    damage(&store);
    let sink = Sink::open().await;
    let mut ours = Watchfire::notifier(folder.path(), &config(&sink)).await;
    pages(&ours, &sink, "Fresh").await;
    let (recoveries, failing) =
        (metric(&ours, "watchfire_store_recoveries_total").await, metric(&ours, "watchfire_store_failing").await);
    let expected = match expected {
        Expected::Either if recoveries == 0.0 => Expected::Harmless,
        Expected::Either => Expected::Recovered("the store was damaged", ""),
        expected => expected,
    };
    let printed = || format!("{name}: {:#?}", ours.process.lines());
    match expected {
        Expected::Harmless | Expected::Either => {
            assert_eq!((recoveries, failing), (0.0, 0.0), "{}", printed());
            assert!(!logged(&ours, "damaged"), "{}", printed());
            let found = silences(&ours).await;
            assert!(past.silences.iter().all(|silence| found.contains(silence)), "{}", printed());
        }
        Expected::Recovered(words, aside) => {
            assert_eq!((recoveries, failing), (1.0, 0.0), "{}", printed());
            assert!(logged(&ours, words) && logged(&ours, "watchfire store import"), "{}", printed());
            let is_aside = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(aside);
            let kept = std::fs::read_dir(&store).unwrap().any(|entry| is_aside(entry.unwrap()));
            assert!(kept, "{}", printed());
        }
        Expected::Unwritable(words) => {
            assert_eq!(failing, 1.0, "{}", printed());
            assert!(logged(&ours, "the store cannot be written") && logged(&ours, words), "{}", printed());
        }
    }
    let is_writable = !matches!(expected, Expected::Unwritable(_));
    assert_eq!(set_silence(&ours, "new").await.is_ok(), is_writable, "{}", printed());
    if is_writable {
        // What was found is told once.
        let before = silences(&ours).await;
        ours.kill_and_restart().await;
        assert_eq!(metric(&ours, "watchfire_store_recoveries_total").await, 0.0, "{name}: {:#?}", ours.process.lines());
        assert_eq!(silences(&ours).await.len(), before.len(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_damaged_the_service_comes_up_and_pages_go_out() {
    let past = std::sync::Arc::new(Past::lead().await);
    let mut waiting = cases().into_iter();
    let (mut count, mut failed) = (0, 0);
    loop {
        let together: Vec<_> = waiting.by_ref().take(AT_ONCE).collect();
        if together.is_empty() {
            break;
        }
        count += together.len();
        let running: Vec<_> = together
            .into_iter()
            .map(|(name, damage, expected)| {
                let past = past.clone();
                tokio::spawn(async move { hold(&past, &name, &damage, expected).await })
            })
            .collect();
        for case in running {
            failed += usize::from(case.await.is_err());
        }
    }
    assert_eq!(failed, 0, "of {count} kinds of damage");
    eprintln!("{count} kinds of damage");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_newer_version_are_left_alone_and_counted() {
    let past = Past::lead().await;
    let mut read = store::copies::read(&past.store(), 1).unwrap();
    let newer = ["notifier/silence/of-the-future", "rules/alert/of-the-future"];
    read.records.extend(newer.map(|key| (key.to_owned(), br#"{"v9":{"thing":{}}}"#.to_vec())));
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("data");
    store::copies::put_in_place(read.records, &store, false, 1).unwrap();
    let sink = Sink::open().await;
    let mut ours = Watchfire::notifier(folder.path(), &config(&sink)).await;
    assert_eq!(metric(&ours, "watchfire_store_left_out_records").await, 1.0, "those of the half that runs");
    assert!(logged(&ours, "a stored record was left out") && logged(&ours, "silence/of-the-future"));
    assert_eq!(silences(&ours).await.len(), past.silences.len());
    pages(&ours, &sink, "Fresh").await;
    assert!(ours.process.terminate().success());
    let kept = store::copies::read(&store, 2).unwrap();
    assert!(
        newer.iter().all(|key| kept.records.iter().any(|(found, _)| found == key)),
        "for the newer version to find"
    );
}

/// A store on a small disk, and a configuration elsewhere.
fn arguments(past: &Past, disk: &SmallDisk, sink: &Sink) -> [String; 2] {
    let file = past.folder.path().join("small-disk.yml");
    std::fs::write(&file, config(sink)).unwrap();
    [format!("--config.file={}", file.display()), format!("--storage.path={}/data", disk.path().display())]
}

/// Alerts that need room, until there is none.
async fn until_no_room(ours: &Watchfire) {
    let number = std::cell::Cell::new(0);
    eventually("nothing can be written", SOON, || async {
        number.set(number.get() + 1);
        let text = number.get().to_string().repeat(40_000);
        ours.post_alerts(&json!([{"labels": {"alertname": "Large"}, "annotations": {"text": text}}])).await;
        (metric(ours, "watchfire_store_failing").await == 1.0).then_some(())
    })
    .await;
}

/// Pages go out while nothing can be written, which is told; once there is room, everything is written.
async fn wait_for_room(ours: &Watchfire, sink: &Sink, make_room: impl FnOnce()) {
    pages(ours, sink, "WithoutRoom").await;
    assert_eq!(set_silence(ours, "without-room").await.err(), Some(500), "not stored, not acknowledged");
    assert_eq!(metric(ours, "watchfire_store_failing").await, 1.0);
    assert!(metric(ours, "watchfire_store_backlog_bytes").await > 0.0);
    assert!(logged(ours, "cannot"), "{:#?}", ours.process.lines());
    make_room();
    eventually("everything is written", SOON, || async {
        let is_over = metric(ours, "watchfire_store_failing").await == 0.0
            && metric(ours, "watchfire_store_backlog_bytes").await == 0.0;
        is_over.then_some(())
    })
    .await;
    set_silence(ours, "with-room").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_holds_no_page_up_and_is_written_to_again() {
    let test = "a_disk_that_is_full_holds_no_page_up_and_is_written_to_again";
    let past = Past::lead().await;
    let Some(disk) = SmallDisk::mount(test, 16) else { return };
    past.copied(disk.path());
    let ballast = disk.path().join("ballast");
    let sink = Sink::open().await;
    let args = arguments(&past, &disk, &sink);
    let mut ours = Watchfire::start("notifier", &args).await;
    // The journal may have some room left that it has written before.
    SmallDisk::fill(&ballast);
    until_no_room(&ours).await;
    wait_for_room(&ours, &sink, || std::fs::remove_file(&ballast).unwrap()).await;
    ours.kill_and_restart().await;
    assert_eq!(metric(&ours, "watchfire_store_recoveries_total").await, 0.0, "{:#?}", ours.process.lines());
    assert!(silences(&ours).await.len() > past.silences.len());

    // The same from the start on.
    ours.process.kill();
    SmallDisk::fill(&ballast);
    let mut ours = Watchfire::start("notifier", &args).await;
    assert!(silences(&ours).await.len() > past.silences.len(), "they are read: {:#?}", ours.process.lines());
    until_no_room(&ours).await;
    pages(&ours, &sink, "FullAtStart").await;
    std::fs::remove_file(&ballast).unwrap();
    eventually("everything is written", SOON, || async {
        (metric(&ours, "watchfire_store_failing").await == 0.0).then_some(())
    })
    .await;
    ours.kill_and_restart().await;
    let alerts = get_json(&format!("{}/api/v2/alerts", ours.url)).await;
    assert!(alerts.as_array().unwrap().iter().any(|alert| alert["labels"]["alertname"] == "FullAtStart"), "{alerts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_store_is_read_and_written_to_later() {
    let test = "a_read_only_store_is_read_and_written_to_later";
    let past = Past::lead().await;
    for is_empty in [false, true] {
        let Some(disk) = SmallDisk::mount(test, 16) else { return };
        if !is_empty {
            past.copied(disk.path());
        }
        let sink = Sink::open().await;
        disk.remount("ro");
        let mut ours = Watchfire::start("notifier", &arguments(&past, &disk, &sink)).await;
        let known = if is_empty { 0 } else { past.silences.len() };
        assert_eq!(silences(&ours).await.len(), known, "{:#?}", ours.process.lines());
        assert_eq!(metric(&ours, "watchfire_store_failing").await, 1.0, "from the start on");
        assert!(logged(&ours, "the store cannot be written; going on with what can be read of it"));
        wait_for_room(&ours, &sink, || disk.remount("rw")).await;
        ours.kill_and_restart().await;
        assert_eq!(metric(&ours, "watchfire_store_recoveries_total").await, 0.0, "{:#?}", ours.process.lines());
        // One that was not acknowledged is ended again.
        assert!(silences(&ours).await.len() > known);
    }
}
