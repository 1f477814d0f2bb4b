//! What the rule service's API is given: groups to be set, rules to be tried, filters. A group that is set is shown.

use std::cell::RefCell;

use super::site::Site;
use super::text;

const YAML: &str = "application/yaml";

thread_local! {
    static SITE: RefCell<Site> = RefCell::new(Site::new());
}

pub fn check(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    SITE.with_borrow_mut(|site| {
        if site.is_full() {
            *site = Site::new();
        }
        match choice % 4 {
            0 => set(site, body),
            1 => drop(site.ask("POST", "/api/v1/preview", YAML, body.to_vec())),
            2 => asked(site, "/api/v1/rules?", body),
            _ => asked(site, "/config/v1/rules/", body),
        }
    });
}

fn set(site: &Site, body: &[u8]) {
    let answer = site.ask("POST", "/config/v1/rules/ns", YAML, body.to_vec()).expect("a good request");
    if answer.status.is_success() {
        let shown = site.ask("GET", "/config/v1/rules/ns", YAML, Vec::new()).expect("a good request");
        let shown = model::source::SourceFile::from_bytes("shown.yml", shown.body.to_vec()).expect("a text");
        assert!(!::yaml::parse_all(&shown).diagnostics.has_errors(), "{}", shown.text());
        site.ask("DELETE", "/config/v1/rules/ns", YAML, Vec::new());
    } else {
        assert!(answer.body.len() <= 1 << 18, "{} bytes", answer.body.len());
    }
}

fn asked(site: &Site, path: &str, rest: &[u8]) {
    if let Some(rest) = text::text(rest) {
        site.ask("GET", &format!("{path}{rest}"), YAML, Vec::new());
    }
}
