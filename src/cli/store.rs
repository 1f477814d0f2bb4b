//! `watchfire store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `watchfire store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Write everything that is stored into a file. The service must not be running.
    Export(ExportCommand),
    /// Put the records of such a file in place. The service must not be running.
    Import(ImportCommand),
    /// Say what a store or such a file holds, and whether all of it can be read; exit 1 if not. Changes nothing.
    Check {
        /// The store's directory, or a file that `store export` or a running service wrote (`export` in its directory).
        #[arg(default_value = "data/", value_name = "PATH")]
        path: PathBuf,
    },
}

/// `watchfire store export`.
#[derive(Debug, Args)]
pub struct ExportCommand {
    /// Where the copy goes. It holds secrets: only its owner may read it.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The store.
    #[arg(long = "storage.path", default_value = "data/", value_name = "DIR")]
    pub storage_path: PathBuf,
    /// Replace the file, if there is one.
    #[arg(long)]
    pub force: bool,
    /// Write what can be read of a damaged store.
    #[arg(long)]
    pub partial: bool,
}

/// `watchfire store import`.
#[derive(Debug, Args)]
pub struct ImportCommand {
    /// The copy.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The store. It must be empty, or not there.
    #[arg(long = "storage.path", default_value = "data/", value_name = "DIR")]
    pub storage_path: PathBuf,
    /// Set aside what is in the store.
    #[arg(long)]
    pub replace: bool,
    /// Take what can be read of a damaged copy.
    #[arg(long)]
    pub partial: bool,
}
