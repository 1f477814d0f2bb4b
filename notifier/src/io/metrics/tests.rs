use std::future::Future;
use std::sync::Mutex;

use model::{Alert, LabelSet, Timestamp};
use prometheus_client::registry::Registry;

use super::*;
use crate::notifier::{Effect, Notifier, Settings};

struct Still(Mutex<Notifier>);

const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

impl Desk for Still {
    fn read<T>(&self, look: impl FnOnce(&Notifier, Timestamp) -> T) -> T {
        look(&self.0.lock().unwrap(), NOW)
    }

    fn act<T>(&self, fact: impl FnOnce(&mut Notifier, Timestamp, &mut Vec<Effect>) -> T) -> T {
        fact(&mut self.0.lock().unwrap(), NOW, &mut Vec::new())
    }

    fn deliverer(&self) -> Option<Arc<crate::io::deliver::Deliverer>> {
        None
    }

    fn records(&self, keys: Vec<String>) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, String>> + Send {
        std::future::ready(Ok(vec![None; keys.len()]))
    }

    fn durable(&self) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }
}

fn alert(n: usize) -> Alert {
    Alert {
        labels: LabelSet::from_pairs([("alertname".to_owned(), "A".to_owned()), ("n".to_owned(), n.to_string())]),
        annotations: LabelSet::default(),
        starts_at: None,
        ends_at: None,
        generator_url: "".into(),
    }
}

fn with_alerts(count: usize) -> (Arc<Still>, Arc<Census<Still>>, Registry) {
    let desk = Arc::new(Still(Mutex::new(Notifier::new(Settings::default()))));
    desk.act(|notifier, now, out| notifier.receive(now, (0..count).map(alert).collect(), out)).unwrap();
    let census = Arc::new(Census::new(desk.clone()));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(NotifierMetrics::new(desk.clone(), census.clone())));
    (desk, census, registry)
}

fn value(registry: &Registry, series: &str) -> f64 {
    let text = exposition::text(registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_else(|| panic!("{series} in {text}"));
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn alerts_by_state_are_exact_when_few_and_from_the_last_census_when_many() {
    let active = r#"alertmanager_alerts{state="active"}"#;
    let (_, census, registry) = with_alerts(30);
    assert_eq!(value(&registry, active), 30.0);
    census.take().await;
    assert_eq!(value(&registry, active), 30.0);

    let (desk, census, registry) = with_alerts(2500);
    assert_eq!(value(&registry, active), 2500.0, "never counted: counted now");
    census.take().await;
    desk.act(|notifier, now, out| notifier.receive(now, (9000..9010).map(alert).collect(), out)).unwrap();
    assert_eq!(value(&registry, active), 2500.0, "as of the last census");
    census.take().await;
    assert_eq!(value(&registry, active), 2510.0);
}

#[test]
fn the_page_is_the_text_format_and_a_hash_is_a_48_bit_number() {
    let (_, _, registry) = with_alerts(1);
    assert_eq!(value(&registry, r#"alertmanager_alerts_received_total{status="firing",version="v2"}"#), 1.0);
    let hash = value(&registry, "alertmanager_config_hash");
    assert!(hash > 0.0 && hash < 2f64.powi(48) && hash.fract() == 0.0, "{hash}");
}
