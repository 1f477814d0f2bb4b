//! The web configuration file.

use watchfire::web::settings::WebSettings;

use super::text;

pub fn check(data: &[u8]) {
    let folder = tempfile::tempdir_in(if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" })
        .expect("a folder");
    let path = folder.path().join("web.yml");
    std::fs::write(&path, data).expect("a file");
    if let Err(error) = WebSettings::load(Some(&path)) {
        text::says(&format!("{error:#}"));
    }
}
