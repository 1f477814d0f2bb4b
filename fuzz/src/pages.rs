//! What people send from pages: addresses with filters, and forms. Pages show what they were sent without making markup of it.

use std::cell::RefCell;

use super::site::Site;
use super::text;

thread_local! {
    static SITE: RefCell<Site> = RefCell::new(Site::new());
}

const PAGES: [&str; 10] = [
    "alerts",
    "alerts/suggest",
    "silences",
    "silences/new",
    "rules",
    "rules/rule",
    "routing",
    "routing/change",
    "history",
    "graph",
];

const FORMS: [&str; 8] = [
    "silences/new",
    "silences/preview",
    "alerts/acknowledge",
    "alerts/unacknowledge",
    "alerts/silence",
    "routing/change",
    "rules/rule",
    "status/trial",
];

pub fn check(data: &[u8]) {
    let Some((choice, sent)) = text::choice(data) else { return };
    SITE.with_borrow_mut(|site| {
        if site.is_full() {
            *site = Site::new();
        }
        let way = usize::from(choice >> 1);
        let answer = match choice & 1 {
            0 => site.ask("GET", &format!("/{}?{sent}", PAGES[way % PAGES.len()]), "text/html", Vec::new()),
            _ => site.send(&format!("/{}", FORMS[way % FORMS.len()]), sent),
        };
        let Some(answer) = answer else { return };
        let page = String::from_utf8_lossy(&answer.body);
        // As often as our pages have it; what is sent must not add one.
        assert!(!page.contains("<fuzz"), "markup that was sent: {page}");
    });
}
