//! A file system of its own that can be filled and made read-only, where the machine lets us mount one.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A small tmpfs, gone with this.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None, with a word about it, where nothing can be mounted.
    pub fn mount(test: &str, megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "none"]).arg(dir.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        eprintln!("skipped {test}: cannot mount a small tmpfs here");
        None
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// `ro` or `rw`.
    pub fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.path()).status();
        assert!(done.is_ok_and(|status| status.success()), "{how}");
    }

    /// Writes a file until nothing more fits.
    pub fn fill(ballast: &Path) {
        let mut file = std::fs::File::create(ballast).unwrap();
        for size in [1 << 20, 4096] {
            let block = vec![1; size];
            while file.write_all(&block).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.path().display());
    }
}
