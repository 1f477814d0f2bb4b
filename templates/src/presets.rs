//! Integrations that are data, embedded: see `notifier/src/receiver/preset.rs`.

/// Name and description of every preset, by name.
pub const ALL: [(&str, &str); 14] = [
    ("discord", include_str!("../presets/discord/preset.yaml")),
    ("incidentio", include_str!("../presets/incidentio/preset.yaml")),
    ("mattermost", include_str!("../presets/mattermost/preset.yaml")),
    ("msteams", include_str!("../presets/msteams/preset.yaml")),
    ("msteamsv2", include_str!("../presets/msteamsv2/preset.yaml")),
    ("opsgenie", include_str!("../presets/opsgenie/preset.yaml")),
    ("pushover", include_str!("../presets/pushover/preset.yaml")),
    ("rocketchat", include_str!("../presets/rocketchat/preset.yaml")),
    ("slack", include_str!("../presets/slack/preset.yaml")),
    ("sns", include_str!("../presets/sns/preset.yaml")),
    ("telegram", include_str!("../presets/telegram/preset.yaml")),
    ("victorops", include_str!("../presets/victorops/preset.yaml")),
    ("webex", include_str!("../presets/webex/preset.yaml")),
    ("wechat", include_str!("../presets/wechat/preset.yaml")),
];
