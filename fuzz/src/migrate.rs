//! What others run today: objects of the operator, Helm values, `prometheus.yml`, `alertmanager.yml`, command lines of vmalert.

use watchfire::migrate::{Circumstances, migrate};

use super::text;

pub fn check(data: &[u8]) {
    let Some(file) = text::file("input.yml", data) else { return };
    match migrate(&[file], &Circumstances::default()) {
        Ok(migration) => {
            for output in migration.deployment.outputs() {
                drop(format!("{output:?}"));
            }
            migration.deployment.command();
            migration.notes.lost();
        }
        Err(mistakes) => text::tells(&mistakes),
    }
}
