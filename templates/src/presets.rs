//! Integrations that are data, embedded: see `notifier/src/receiver/preset.rs`.

/// Key of the section and description of every preset, by key.
pub const ALL: [(&str, &str); 13] = [
    ("discord_configs", include_str!("../presets/discord/preset.yaml")),
    ("incidentio_configs", include_str!("../presets/incidentio/preset.yaml")),
    ("mattermost_configs", include_str!("../presets/mattermost/preset.yaml")),
    ("msteams_configs", include_str!("../presets/msteams/preset.yaml")),
    ("msteamsv2_configs", include_str!("../presets/msteamsv2/preset.yaml")),
    ("opsgenie_configs", include_str!("../presets/opsgenie/preset.yaml")),
    ("pushover_configs", include_str!("../presets/pushover/preset.yaml")),
    ("rocketchat_configs", include_str!("../presets/rocketchat/preset.yaml")),
    ("slack_configs", include_str!("../presets/slack/preset.yaml")),
    ("telegram_configs", include_str!("../presets/telegram/preset.yaml")),
    ("victorops_configs", include_str!("../presets/victorops/preset.yaml")),
    ("webex_configs", include_str!("../presets/webex/preset.yaml")),
    ("wechat_configs", include_str!("../presets/wechat/preset.yaml")),
];
