//! Receivers for tests.

use std::path::Path;
use std::sync::Arc;

use model::matcher::parse::ParseMode;
use model::source::SourceFile;

use super::Receiver;
use crate::config::Config;

/// A configuration whose only receiver, `main`, has this section.
pub(crate) fn config(section: &str) -> Result<(Config, yaml::Diagnostics), yaml::Diagnostics> {
    let text = format!("route: {{receiver: main}}\nreceivers:\n- name: main\n  {section}\n");
    let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    Config::parse(&SourceFile::new("am.yml", text), Path::new("/etc/w"), ParseMode::default(), &read)
}

/// That receiver.
pub(crate) fn receiver(section: &str) -> Arc<Receiver> {
    let (config, _) = config(section).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    config.receivers["main"].clone()
}

/// Every mistake in the section, as shown.
pub(crate) fn mistakes(section: &str) -> String {
    config(section).map(drop).expect_err(section).to_string()
}
