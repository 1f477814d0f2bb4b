//! Thirty thousand alerts: a page stays small, and is there at once.
#![expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test that measures")]

use std::time::Instant;

use super::{Site, alert};

#[tokio::test]
async fn thirty_thousand_alerts_are_a_page() {
    let alerts = (0..30_000).map(|n: i64| {
        let (cluster, instance) = (format!("c{:03}", n / 50 % 600), format!("host-{n}:9100"));
        let labels = [
            ("alertname", if n % 3 == 0 { "HighLatency" } else { "DiskAlmostFull" }),
            ("cluster", cluster.as_str()),
            ("instance", instance.as_str()),
            ("job", "node"),
            ("severity", if n % 10 == 0 { "critical" } else { "warning" }),
            ("namespace", "production"),
        ];
        alert(
            &labels,
            &[("summary", "Something is the matter with this instance"), ("runbook_url", "https://r.example/x")],
            n,
        )
    });
    let site = Site::new(alerts.collect());
    for path in [
        "/alerts",
        "/alerts?q=severity%3Dcritical,cluster%3D~c00.",
        "/alerts?q=instance%3D~.*77.*",
        "/alerts?q=latency,%40age%3E1h",
        "/alerts?by=instance",
        "/alerts?by=namespace",
        "/alerts/suggest?text=inst",
        "/alerts/suggest?text=instance%3Dhost-29",
    ] {
        let began = Instant::now();
        let page = site.get(path).await;
        let took = began.elapsed();
        assert!(page.status.is_success(), "{path}");
        eprintln!("{path}: {took:?}, {} bytes", page.text.len());
        assert!(page.text.len() < 1_000_000, "{path}: {} bytes", page.text.len());
        // A debug build on a loaded machine; the bench has the figures that count.
        assert!(took.as_secs() < 30, "{path}: {took:?}");
    }
}
