//! What receivers answer: every kind of integration makes of it a verdict that shows no secret.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::Timestamp;
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use notifier::config::Config;
use notifier::io::deliver::Deliverer;
use notifier::io::trial::{SampleAlert, TrialOrder, run};

use super::loopback::{self, Reply};
use super::text;

const NOW: Timestamp = Timestamp::from_nanos(1_767_323_040_000_000_000);

const CONFIG: &str = r#"
route: {receiver: webhook}
receivers:
- {name: webhook, webhook_configs: [{url: "URL/hush"}]}
- {name: pagerduty, pagerduty_configs: [{routing_key: hush, url: "URL/"}]}
- {name: slack, slack_configs: [{api_url: "URL/hush", channel: ops}]}
- {name: slack app, slack_configs: [{app_token: hush, app_url: "URL/", channel: ops}]}
- {name: telegram, telegram_configs: [{api_url: "URL", bot_token: "hush", chat_id: 7}]}
- {name: jira, jira_configs: [{api_url: "URL/rest/api/3", project: P, issue_type: Bug}]}
- {name: jira cloud, jira_configs: [{api_url: "URL/rest/api/2", project: P, issue_type: Bug}]}
- {name: sns, sns_configs: [{api_url: "URL/", topic_arn: "arn:aws:sns:us-east-1:1:t", sigv4: {region: us-east-1, access_key: hush, secret_key: hush}}]}
- {name: opsgenie, opsgenie_configs: [{api_url: "URL/", api_key: hush}]}
- {name: victorops, victorops_configs: [{api_url: "URL/", api_key: hush, routing_key: r}]}
- {name: discord, discord_configs: [{webhook_url: "URL/hush"}]}
- {name: msteams, msteams_configs: [{webhook_url: "URL/hush"}]}
- {name: webex, webex_configs: [{api_url: "URL/", room_id: r, http_config: {authorization: {credentials: hush}}}]}
"#;

const KINDS: u8 = 13;

thread_local! {
    static RECEIVERS: (Config, Arc<Deliverer>) = {
        let file = SourceFile::new("alertmanager.yml", CONFIG.replace("URL", &loopback::url()));
        let nothing = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let config = Config::parse(&file, Path::new(""), ParseMode::default(), &nothing);
        let (config, _) = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let deliverer = Arc::new(Deliverer::new(&config, "http://w").expect("the templates are good"));
        (config, deliverer)
    };
}

/// Which receiver; then the answer as it stands on the wire, or, with the highest bit, the body of a good one.
pub fn check(data: &[u8]) {
    let Some((choice, answer)) = data.split_first() else { return };
    RECEIVERS.with(|(config, deliverer)| {
        let name = config.receiver_order.get(usize::from(choice & 0x7f) % usize::from(KINDS)).expect("as many");
        let receiver = config.receivers.get(name).expect("it is there").clone();
        match choice & 0x80 {
            0 => loopback::answers(Reply { head: None, body: Bytes::copy_from_slice(answer) }),
            _ => loopback::answers_with("200 OK", answer),
        }
        let order = TrialOrder { receiver: name.clone(), alert: sample(), dry_run: false };
        let trial = loopback::run(run(deliverer.clone(), receiver, order, Duration::from_secs(8), || NOW));
        for tried in &trial.integrations {
            text::says(&tried.message);
            let repeats = String::from_utf8_lossy(answer).contains("hush");
            assert!(repeats || !tried.message.contains("hush"), "{}", tried.message);
        }
    });
}

fn sample() -> SampleAlert {
    let labels = BTreeMap::from([("alertname".to_owned(), "Down".to_owned())]);
    SampleAlert { labels, annotations: BTreeMap::new() }
}
