//! The files the services of a demo read, in a temporary folder that goes with it.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The rules, as they lie in the repository.
const RULES: &str = include_str!("../../examples/demo/rules.yaml");
/// The notifier's configuration, as it lies in the repository.
const CONFIG: &str = include_str!("../../examples/demo/alertmanager.yml");

/// A folder with the files; removed when dropped.
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Writes them, with the addresses of the inbox.
    ///
    /// # Errors
    /// There is no place for temporary files.
    pub fn write(smtp: SocketAddr, http: SocketAddr) -> anyhow::Result<Files> {
        let folder = std::env::temp_dir().join(format!("watchfire-demo-{}", std::process::id()));
        // Nobody else may have made it, and nobody else may look in.
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let files = Files { folder };
        let config = CONFIG.replace("127.0.0.1:2525", &smtp.to_string());
        let config = config.replace("127.0.0.1:8025", &http.to_string());
        for (path, text) in [(files.rules(), RULES), (files.config(), config.as_str())] {
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(files)
    }

    /// The rules.
    pub fn rules(&self) -> PathBuf {
        self.folder.join("rules.yaml")
    }

    /// The notifier's configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.join("alertmanager.yml")
    }

    /// Where state may be kept.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// All of it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left in a folder for temporary files goes some time.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
