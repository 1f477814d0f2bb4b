//! Simulated power cuts: a file system of our own is shut down without writing its journal, so that what was not synced
//! is gone. Needs root, loop devices, ext4 and python3; says so where they are missing.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::crash::{Replay, run_and_kill};
use crate::seeded::Seeded;

/// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, which std cannot call.
const SHUT_DOWN: &str = "import fcntl,os,struct,sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// An ext4 file system in a file.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn create() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let disk = Self { dir };
        std::fs::File::create(disk.image()).unwrap().set_len(256 << 20).unwrap();
        std::fs::create_dir(disk.root()).unwrap();
        let made = succeeds(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(disk.image()));
        (made && succeeds(Command::new("python3").args(["-c", "import fcntl"])) && disk.mount()).then_some(disk)
    }

    fn image(&self) -> std::path::PathBuf {
        self.dir.path().join("image")
    }

    fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("root")
    }

    fn mount(&self) -> bool {
        succeeds(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.root()))
    }

    fn unmount(&self) -> bool {
        succeeds(Command::new("umount").arg(self.root()))
    }

    fn cut_power(&self) {
        assert!(
            succeeds(Command::new("python3").args(["-c", SHUT_DOWN]).arg(self.root())),
            "cannot shut the disk down"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !self.unmount() && self.root().join("lost+found").exists() {
            succeeds(Command::new("umount").arg("-l").arg(self.root()));
        }
    }
}

/// True if this machine really loses what was not synced.
fn loses_unsynced(disk: &Disk) -> bool {
    let file = disk.root().join("unsynced");
    std::fs::write(&file, "gone").unwrap();
    disk.cut_power();
    assert!(disk.unmount() && disk.mount());
    !file.exists()
}

#[test]
fn a_power_cut_loses_nothing_acknowledged() {
    let cuts: u64 = std::env::var("STORE_POWER_CUTS").map_or(6, |cuts| cuts.parse().unwrap());
    let Some(disk) = Disk::create().filter(loses_unsynced) else {
        eprintln!("skipped a_power_cut_loses_nothing_acknowledged: needs root, loop devices, mkfs.ext4 and python3");
        return;
    };
    let data: &Path = &disk.root().join("data");
    let (mut replay, mut last) = (Replay::default(), 0);
    let random = &mut Seeded(3);
    for cut in 0..cuts {
        let extra = Duration::from_micros(random.below(60_000));
        last = run_and_kill(data, random.below(150), extra, || disk.cut_power()).max(last);
        assert!(disk.unmount() && disk.mount(), "cut {cut}: cannot mount again");
        replay.check(data, last, &format!("cut {cut}"));
    }
    eprintln!("{cuts} power cuts, {} rounds, all acknowledged ones found", replay.rounds);
}
