//! Puts the figures where rules can ask for them: those of the shop, and Watchfire's own.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use outbound::{HttpClient, HttpConfig, Limits, Request};
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::sync::watch;
use tracing::debug;

use super::shop::{PAST, Shop};
use crate::live;
use crate::query::live_series::LiveSeries;

/// Between samples of the shop.
const EVERY: Duration = Duration::from_millis(500);
/// Watchfire's metrics are read at each of so many samples of the shop.
const OWN_METRICS_EVERY: u32 = 4;
/// What is older than the past the shop began with is forgotten, at each of so many samples.
const FORGET_EVERY: u32 = 120;
/// A metrics page that takes longer is left out.
const PAGE_DEADLINE: Duration = Duration::from_secs(2);
/// Longest metrics page that is read.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// Adds the time before the story.
pub fn fill_past(series: &LiveSeries, shop: &Shop) {
    for at in shop.past() {
        series.append(shop.samples(at));
    }
}

/// Feeds until `ended` turns true. `url` is where Watchfire's own metrics are.
pub async fn run(series: Arc<LiveSeries>, shop: Shop, url: String, mut ended: watch::Receiver<bool>) {
    let limits = Limits { body_bytes: PAGE_BYTES_MAX, ..Limits::default() };
    let http = HttpClient::new(&HttpConfig::default(), limits);
    let mut round = 0_u32;
    while !*ended.borrow() {
        let now = live::now();
        series.append(shop.samples(now));
        if let Ok(http) = &http
            && round.is_multiple_of(OWN_METRICS_EVERY)
        {
            scrape(http, &series, &url, now).await;
        }
        if round.is_multiple_of(FORGET_EVERY) {
            series.forget_before(now.minus(PAST));
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = live::wait(EVERY.saturating_sub(live::now().since(now))) => {}
            _ = ended.changed() => {}
        }
    }
}

async fn scrape(http: &HttpClient, series: &LiveSeries, url: &str, now: Timestamp) {
    let request = Request {
        method: Method::GET,
        url: format!("{url}/metrics"),
        headers: HeaderMap::new(),
        body: axum::body::Bytes::new(),
    };
    match http.send(request, PAGE_DEADLINE, now).await {
        Ok(answer) => {
            let page = String::from_utf8_lossy(&answer.body);
            if let Err(mistakes) = series.scrape(&page, &[("job", "watchfire"), ("instance", "demo")], now) {
                debug!(mistake = mistakes.first().map(ToString::to_string), "the demo cannot read its own metrics");
            }
        }
        Err(error) => debug!(%error, "the demo cannot read its own metrics"),
    }
}
