//! Alertmanager's flags about its cluster, so that a command line written for it starts this notifier too.

use clap::Args;

/// Accepted, hidden from the help, without effect: one node keeps its own state. But for `--cluster.peer`: who asks for
/// peers would believe that silences and notifications are shared.
#[derive(Debug, Default, Args)]
pub struct ClusterFlags {
    /// Peers to join.
    #[arg(long = "cluster.peer", value_name = "HOST:PORT", hide = true)]
    pub peers: Vec<String>,
    #[arg(long = "cluster.listen-address", hide = true)]
    listen_address: Option<String>,
    #[arg(long = "cluster.advertise-address", hide = true)]
    advertise_address: Option<String>,
    #[arg(long = "cluster.peer-name", hide = true)]
    peer_name: Option<String>,
    #[arg(long = "cluster.label", hide = true)]
    label: Option<String>,
    #[arg(long = "cluster.peer-timeout", hide = true)]
    peer_timeout: Option<String>,
    #[arg(long = "cluster.peers-resolve-timeout", hide = true)]
    peers_resolve_timeout: Option<String>,
    #[arg(long = "cluster.gossip-interval", hide = true)]
    gossip_interval: Option<String>,
    #[arg(long = "cluster.pushpull-interval", hide = true)]
    pushpull_interval: Option<String>,
    #[arg(long = "cluster.tcp-timeout", hide = true)]
    tcp_timeout: Option<String>,
    #[arg(long = "cluster.probe-timeout", hide = true)]
    probe_timeout: Option<String>,
    #[arg(long = "cluster.probe-interval", hide = true)]
    probe_interval: Option<String>,
    #[arg(long = "cluster.settle-timeout", hide = true)]
    settle_timeout: Option<String>,
    #[arg(long = "cluster.reconnect-interval", hide = true)]
    reconnect_interval: Option<String>,
    #[arg(long = "cluster.reconnect-timeout", hide = true)]
    reconnect_timeout: Option<String>,
    #[arg(long = "cluster.tls-config", hide = true)]
    tls_config: Option<String>,
    #[arg(long = "cluster.allow-insecure-public-advertise-address-discovery", hide = true)]
    insecure_discovery: bool,
}

impl ClusterFlags {
    /// Whether any of them asks for a cluster. An empty listen address asks for none.
    pub fn ask_for_cluster(&self) -> bool {
        let texts = [
            &self.listen_address,
            &self.advertise_address,
            &self.peer_name,
            &self.label,
            &self.peer_timeout,
            &self.peers_resolve_timeout,
            &self.gossip_interval,
            &self.pushpull_interval,
            &self.tcp_timeout,
            &self.probe_timeout,
            &self.probe_interval,
            &self.settle_timeout,
            &self.reconnect_interval,
            &self.reconnect_timeout,
            &self.tls_config,
        ];
        self.insecure_discovery || texts.into_iter().flatten().any(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::feature::Feature;
    use crate::cli::{Cli, Command, NotifierCommand};

    fn notifier(words: &str) -> Result<NotifierCommand, clap::Error> {
        let words = ["watchfire", "notifier"].into_iter().chain(words.split_whitespace());
        match Cli::try_parse_from(words)?.command {
            Command::Notifier(command) => Ok(*command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_command_line_for_alertmanager_is_understood() {
        let command = notifier(
            "--config.file=a.yml --storage.path=d --data.retention=1h --data.maintenance-interval=1m --log.silences \
             --silences.max-silences=7 --silences.max-silence-size-bytes=512 --alerts.gc-interval=1m \
             --alerts.per-alertname-limit=9 --dispatch.maintenance-interval=30s --dispatch.start-delay=5s \
             --web.listen-address=:9093 --web.get-concurrency=3 --web.timeout=2s --auto-gomemlimit.ratio=0.8 \
             --cluster.listen-address=0.0.0.0:9094 --cluster.settle-timeout=0s --cluster.gossip-interval=200ms \
             --enable-feature=utf8-strict-mode,event-recorder --log.level=debug --log.format=json",
        );
        let flags = command.unwrap().notifier;
        assert_eq!((flags.silences_max, flags.silence_bytes_max, flags.alerts_per_name_max), (7, 512, 9));
        assert_eq!(flags.features, [Feature::Utf8StrictMode, Feature::WithoutEffect("event-recorder")]);
        assert!(flags.log_silences && flags.cluster.ask_for_cluster() && flags.get_concurrency == 3);
        assert!(!notifier("--cluster.listen-address=").unwrap().notifier.cluster.ask_for_cluster());
        let unknown = notifier("--enable-feature=time-travel").unwrap_err().to_string();
        assert!(unknown.contains("known are classic-mode, utf8-strict-mode"), "{unknown}");
    }
}
