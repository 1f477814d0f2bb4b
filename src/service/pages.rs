//! The web UI over the halves that run in this process.

use std::fmt;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use exposition::Page;
use model::matcher::parse::ParseMode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use ui::House;
use ui::alerts::Viewers;
use ui::form::FormKey;

use super::ack_key;
use super::notifier::NotifierService;
use super::rules::RuleService;
use crate::live;
use crate::process::{Parts, Process, VERSION};

/// Where the key lies that signs forms.
const KEY_AT: &str = "secret/web-forms";

/// Which halves there are.
#[derive(Default)]
pub struct Halves {
    /// The notifier.
    pub notifier: Option<Arc<NotifierService>>,
    /// The rule service.
    pub rules: Option<Arc<RuleService>>,
    /// How matchers that people write are read.
    pub matcher_mode: ParseMode,
}

/// Adds the pages to what is served.
///
/// # Errors
/// The store cannot be used.
pub async fn add(parts: &mut Parts, process: &Process, halves: Halves) -> anyhow::Result<()> {
    let key = ack_key::kept(&process.store, KEY_AT).await.context("cannot keep the key of forms in the store")?;
    let (end, ended) = watch::channel(false);
    let viewers: Arc<Viewers> = Arc::default();
    parts.registry.register_collector(Box::new(ViewerMetrics(viewers.clone())));
    let house = House {
        notifier: halves.notifier,
        rules: halves.rules,
        clock: Arc::new(live::now),
        external_url: process.external.url.clone(),
        version: VERSION,
        matcher_mode: halves.matcher_mode,
        form_key: FormKey::new(&key),
        ended,
        viewers,
        figures: figures(parts.figures.clone()),
        pages: OnceLock::new(),
    };
    parts.router = std::mem::take(&mut parts.router).merge(ui::router(house));
    // First of all, as open streams would hold up the end.
    parts.work.insert(0, Box::new(move |ended| Box::pin(tell_end(ended, end))));
    Ok(())
}

/// The same text as scrapes get.
fn figures(registry: Arc<OnceLock<Arc<Registry>>>) -> Arc<dyn Fn() -> Option<String> + Send + Sync> {
    Arc::new(move || exposition::text(registry.get()?).ok())
}

async fn tell_end(mut ended: watch::Receiver<bool>, end: watch::Sender<bool>) {
    // An error: whoever would say so is gone.
    let _ended = ended.wait_for(|ended| *ended).await;
    end.send_replace(true);
}

/// Shows who looks.
#[derive(Debug)]
struct ViewerMetrics(Arc<Viewers>);

impl Collector for ViewerMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let help = "Pages of alerts that are open and follow what happens";
        page.gauge("watchfire_ui_viewers", help, self.0.count() as f64)?;
        let help = "Pages of alerts that do not follow what happens, as too many are open";
        page.counter("watchfire_ui_viewers_refused", help, self.0.refused())
    }
}
