//! Answers of a notifier's API as the clients on the command line read and show them.

use std::time::Duration;

use outbound::HttpConfig;
use watchfire::cli::ack::AckTarget;
use watchfire::cli::client::AlertQuery;
use watchfire::client::api::Api;
use watchfire::client::explanation::Explanation;

use super::{loopback, text};

pub fn check(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let api = Api::new(&loopback::url(), &HttpConfig::default(), Duration::from_secs(10), false).expect("a client");
    loopback::answers_with(if choice & 0x80 == 0 { "200 OK" } else { "400 Bad Request" }, body);
    let failure = loopback::run(async {
        match choice % 8 {
            0 => api.alerts(&AlertQuery::default()).await.err(),
            1 => api.silences(&[]).await.err(),
            2 => api.acknowledgements(&[]).await.err(),
            3 => api.status().await.err(),
            4 => api.maintenances().await.err(),
            5 => api.history(&[]).await.err(),
            6 => api.unacknowledge(&AckTarget::default()).await.err(),
            _ => api.silence("x").await.err(),
        }
    });
    if let Some(failure) = failure {
        text::says(&failure.to_string());
    }
    drop(serde_json::from_slice::<Explanation>(body));
}
