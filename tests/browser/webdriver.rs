//! The W3C WebDriver protocol, as much of it as the tests speak: one session of one driver.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// The key under which an answer names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser is gone within this.
const END_WITHIN: Duration = Duration::from_secs(30);

/// A refusal of the driver: `no such element` and the like.
#[derive(Debug)]
pub struct Refusal {
    pub error: String,
    pub message: String,
}

/// An open session.
pub struct Session {
    client: reqwest::Client,
    url: String,
}

/// A handle on an element of the page that is shown.
#[derive(Clone, Debug)]
pub struct Element(String);

impl Session {
    /// Opens a session with these capabilities.
    pub async fn open(driver: &str, capabilities: Value) -> Self {
        watchfire::install_crypto();
        // Starting a browser on a machine that builds at the same time takes long.
        let client = reqwest::Client::builder().timeout(Duration::from_secs(120)).no_proxy().build().unwrap();
        let body = json!({"capabilities": {"alwaysMatch": capabilities}});
        let answer = exchange(client.post(format!("{driver}/session")).json(&body)).await.expect("a session opens");
        let id = answer["sessionId"].as_str().expect("a session has an id");
        Self { url: format!("{driver}/session/{id}"), client }
    }

    /// A command with a body.
    pub async fn post(&self, command: &str, body: Value) -> Result<Value, Refusal> {
        exchange(self.client.post(format!("{}/{command}", self.url)).json(&body)).await
    }

    /// A command without one.
    pub async fn get(&self, command: &str) -> Result<Value, Refusal> {
        exchange(self.client.get(format!("{}/{command}", self.url))).await
    }

    /// Runs the body of a function in the page and answers with what it returns; a promise is waited for.
    pub async fn script(&self, script: &str, args: &[Value]) -> Result<Value, Refusal> {
        self.post("execute/sync", json!({"script": script, "args": args})).await
    }

    /// A command of Chromium's own protocol.
    pub async fn devtools(&self, command: &str, params: Value) -> Value {
        let body = json!({"cmd": command, "params": params});
        self.post("goog/cdp/execute", body).await.unwrap_or_else(|refusal| panic!("{command}: {refusal:?}"))
    }

    /// The first element that a CSS selector means.
    pub async fn find(&self, css: &str) -> Result<Element, Refusal> {
        let found = self.post("element", json!({"using": "css selector", "value": css})).await?;
        Ok(Element(found[ELEMENT].as_str().expect("an element has an id").to_owned()))
    }

    pub async fn click(&self, element: &Element) -> Result<(), Refusal> {
        self.post(&format!("element/{}/click", element.0), json!({})).await.map(drop)
    }

    pub async fn clear(&self, element: &Element) -> Result<(), Refusal> {
        self.post(&format!("element/{}/clear", element.0), json!({})).await.map(drop)
    }

    pub async fn keys(&self, element: &Element, text: &str) -> Result<(), Refusal> {
        self.post(&format!("element/{}/value", element.0), json!({"text": text})).await.map(drop)
    }
}

/// The browser ends with the session, not with the driver. In `drop` nothing can be awaited.
impl Drop for Session {
    fn drop(&mut self) {
        let Some((address, path)) = self.url.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else {
            return;
        };
        let request = format!("DELETE /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let end = || -> std::io::Result<()> {
            let mut driver = TcpStream::connect(address)?;
            driver.set_read_timeout(Some(END_WITHIN))?;
            driver.write_all(request.as_bytes())?;
            // The answer comes once the browser has gone.
            driver.read(&mut [0; 512]).map(drop)
        };
        if let Err(error) = end() {
            eprintln!("the browser may still run: {error}");
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<Value, Refusal> {
    let answer: Value = request.send().await.expect("the driver answers").json().await.expect("in JSON");
    let value = answer["value"].clone();
    match value["error"].as_str() {
        Some(error) => {
            Err(Refusal { error: error.to_owned(), message: value["message"].as_str().unwrap_or_default().to_owned() })
        }
        None => Ok(value),
    }
}
