//! A headless Chromium with a profile of its own, ended with the test.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::conditions::{eventually, nothing_for, stopwatch};
use crate::look::{DESK, Look};
use crate::peers::{self, Process, root};
use crate::webdriver::{Refusal, Session};

/// Debian's packages `chromium` and `chromium-driver`.
const CHROMIUM: &str = "chromium";
const DRIVER: &str = "chromedriver";

/// For everything that a page does on its own or after a click; long, since the machine may be building at the same time.
pub const SOON: Duration = Duration::from_secs(60);

/// How often something is tried again.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Nothing of this reaches out on its own: no update, no sync, no first-run page.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=en-US",
    "--window-size=1280,900",
];

/// A running browser with one page.
pub struct Browser {
    session: Session,
    _driver: Process,
    _profile: tempfile::TempDir,
}

/// Whether the browser is installed; says so by name where it is not.
pub fn installed(test: &str) -> bool {
    peers::installed(test, &[CHROMIUM, DRIVER])
}

/// A driver and its port. One that finds its port taken (it wants the same of IPv4 and IPv6) ends; then another.
async fn driver() -> (Process, u16) {
    for _ in 0..10 {
        let mut driver = Process::start(DRIVER, Command::new(DRIVER).arg("--port=0"));
        // "ChromeDriver was started successfully on port 34567."
        let port = |lines: Vec<String>| {
            let line = lines.into_iter().find(|line| line.contains("started successfully on port"))?;
            line.rsplit(' ').next()?.trim_end_matches('.').parse::<u16>().ok()
        };
        let told = std::cell::RefCell::new(&mut driver);
        let port = eventually("chromedriver says its port or ends", SOON, || async {
            let has_ended = told.borrow_mut().ended().is_some();
            let found = port(told.borrow().lines());
            (found.is_some() || has_ended).then_some(found)
        })
        .await;
        if let Some(port) = port {
            return (driver, port);
        }
    }
    panic!("chromedriver found no port to listen on");
}

impl Browser {
    pub async fn start() -> Self {
        let (driver, port) = driver().await;
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "browserName": "chrome",
            // A dialog stays open, and every later command fails: no page of ours opens one.
            "unhandledPromptBehavior": "ignore",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        });
        let session = Session::open(&format!("http://127.0.0.1:{port}"), capabilities).await;
        let browser = Self { session, _driver: driver, _profile: profile };
        browser.look(DESK).await;
        browser
    }

    /// Shows a page, and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.session.post("url", json!({"url": url})).await.unwrap_or_else(|refusal| panic!("{url}: {refusal:?}"));
    }

    pub async fn reload(&self) {
        self.session.post("refresh", json!({})).await.expect("a page can be loaded again");
    }

    /// The address of the page that is shown.
    pub async fn address(&self) -> String {
        self.session.get("url").await.expect("there is a page").as_str().expect("an address is text").to_owned()
    }

    /// From now on pages are shown so.
    pub async fn look(&self, look: Look) {
        let size = json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.is_phone()});
        self.session.devtools("Emulation.setDeviceMetricsOverride", size).await;
        // Who scrolls smoothly is not there yet when the click comes.
        let scheme = json!({"features": [
            {"name": "prefers-color-scheme", "value": look.scheme()}, {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.session.devtools("Emulation.setEmulatedMedia", scheme).await;
    }

    /// From now on pages run no script of theirs.
    pub async fn scripts(&self, run: bool) {
        self.session.devtools("Emulation.setScriptExecutionDisabled", json!({"value": !run})).await;
    }

    /// The body of a function, run in the page.
    pub async fn script(&self, script: &str, args: &[Value]) -> Value {
        self.session.script(script, args).await.unwrap_or_else(|refusal| panic!("{script}: {refusal:?}"))
    }

    /// Waits until an expression in the page is true.
    pub async fn until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        eventually(expression, SOON, || async {
            // While a page is being replaced there is nothing to ask.
            self.session.script(&script, &[]).await.ok().filter(|answer| answer == true).map(drop)
        })
        .await;
    }

    /// Waits until there is something of this kind to see.
    pub async fn until_shown(&self, css: &str) {
        self.until(&format!("document.querySelector({0})?.checkVisibility()", json!(css))).await;
    }

    /// Waits until the text of what a selector means first contains this.
    pub async fn until_text(&self, css: &str, text: &str) {
        // What is drawn as SVG has no text as it is seen.
        let shown = format!("(e => e?.innerText ?? e?.textContent)(document.querySelector({}))", json!(css));
        self.until(&format!("{shown}?.includes({})", json!(text))).await;
    }

    /// The text of everything that the selector means, as it is seen.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)";
        let all = self.script(script, &[json!(css)]).await;
        all.as_array().expect("a list").iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    pub async fn count(&self, css: &str) -> u64 {
        let count = self.script("return document.querySelectorAll(arguments[0]).length", &[json!(css)]).await;
        count.as_u64().expect("a number")
    }

    /// Clicks as a person would; waits until the thing is there and nothing covers it.
    pub async fn click(&self, css: &str) {
        self.retried(&format!("a click on {css}"), async || {
            let element = self.session.find(css).await?;
            self.session.click(&element).await
        })
        .await;
    }

    /// Empties a field and types into it.
    pub async fn fill(&self, css: &str, text: &str) {
        self.retried(&format!("typing into {css}"), async || {
            let element = self.session.find(css).await?;
            self.session.clear(&element).await?;
            self.session.keys(&element, text).await
        })
        .await;
    }

    /// Types without emptying the field; with `css` = `body` a keyboard shortcut.
    pub async fn press(&self, css: &str, keys: &str) {
        self.retried(&format!("keys for {css}"), async || {
            let element = self.session.find(css).await?;
            self.session.keys(&element, keys).await
        })
        .await;
    }

    /// Puts a text of any length into a field at once.
    pub async fn paste(&self, css: &str, text: &str) {
        self.until_shown(css).await;
        let script = "const field = document.querySelector(arguments[0]); field.value = arguments[1]; \
            field.dispatchEvent(new Event('input', {bubbles: true}))";
        self.script(script, &[json!(css), json!(text)]).await;
    }

    /// Says yes to the question that a page asks, which contains this.
    pub async fn accept(&self, contains: &str) {
        let question = eventually("a question", SOON, || async { self.session.get("alert/text").await.ok() }).await;
        assert!(question.as_str().is_some_and(|text| text.contains(contains)), "{question}");
        self.session.post("alert/accept", json!({})).await.expect("a question can be answered");
    }

    /// Acts until nothing is in the way.
    async fn retried(&self, what: &str, act: impl AsyncFn() -> Result<(), Refusal>) {
        const PASSING: [&str; 4] =
            ["no such element", "element click intercepted", "stale element reference", "element not interactable"];
        let mut last = act().await;
        let started = stopwatch();
        while let Err(refusal) = &last {
            let is_passing = PASSING.contains(&refusal.error.as_str()) && started.elapsed() < SOON;
            assert!(is_passing, "{what}: {}: {}", refusal.error, refusal.message);
            nothing_for(ASK_EVERY).await;
            last = act().await;
        }
    }

    /// Keeps a picture of the whole page.
    pub async fn picture(&self, name: &str) {
        let answer = self.session.devtools("Page.captureScreenshot", json!({"captureBeyondViewport": true})).await;
        let data = answer["data"].as_str().expect("a picture is text");
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("in base64");
        let folder = pictures();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What the console says since it was last asked that is an error: scripts that fail, files that are not found, what
    /// the content security policy refused.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.session.post("se/log", json!({"type": "browser"})).await.expect("the console can be read");
        let entries = log.as_array().cloned().unwrap_or_default();
        let bad = entries.into_iter().filter(|entry| entry["level"] == "SEVERE" || entry["source"] == "security");
        bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Fails if the console complained.
    pub async fn assert_calm(&self, page: &str) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{page}: the console says {complaints:#?}");
    }

    /// What makes the page wider than the screen, if it is: nobody scrolls sideways.
    pub async fn too_wide(&self) -> Option<String> {
        let script = "const d = document.documentElement; if (d.scrollWidth <= d.clientWidth) return null; \
            const out = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > d.clientWidth + 1); \
            return `${d.scrollWidth} px on ${d.clientWidth}: ` + out.slice(0, 4).map(e => e.outerHTML.slice(0, 120)).join(' | ')";
        self.script(script, &[]).await.as_str().map(str::to_owned)
    }
}

fn pictures() -> PathBuf {
    root().join("target/screenshots")
}
