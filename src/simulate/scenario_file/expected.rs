//! What a scenario file expects.

use yaml::{Field, Node};

use super::super::scenario::{Expected, ExpectedAlert};
use super::event::parse_via;
use super::{Reader, duration, labels};

impl Reader<'_> {
    pub(super) fn expected(&self, node: &Node) -> Option<Expected> {
        let mut fields = self.decoder.mapping(node, "an expected delivery")?;
        let line = self.decoder.file().position(fields.span().start).line;
        let at = duration(fields.required("at"));
        let until = duration(fields.optional("until"));
        let receiver = fields.required("receiver").string();
        let via = fields.required("via").parse_with(parse_via);
        let firing = self.expected_alerts(fields.optional("firing"));
        let resolved = self.expected_alerts(fields.optional("resolved"));
        let reason = fields.optional("reason").string().map(|reason| reason.value);
        let group_key = fields.optional("group_key").string().map(|key| key.value);
        let plain = fields.optional("plain").boolean().map(|plain| plain.value);
        let open = fields.optional("open").boolean().map(|open| open.value);
        fields.finish();
        Some(Expected {
            at: at?,
            until: until.or(at)?,
            receiver: receiver?.value,
            via: via?.value,
            firing,
            resolved,
            reason,
            group_key,
            plain,
            open,
            line,
        })
    }

    fn expected_alerts(&self, field: Field<'_>) -> Vec<ExpectedAlert> {
        field.sequence(|node, _| self.expected_alert(node)).unwrap_or_default()
    }

    /// Labels alone, or under `labels`, with more beside them.
    fn expected_alert(&self, node: &Node) -> Option<ExpectedAlert> {
        if node.get("labels").is_none_or(|inner| inner.as_mapping().is_none()) {
            return Some(ExpectedAlert { labels: labels(self.decoder.value(node)), ..ExpectedAlert::default() });
        }
        let mut fields = self.decoder.mapping(node, "an expected alert")?;
        let alert = ExpectedAlert {
            labels: labels(fields.required("labels")),
            annotations: labels(fields.optional("annotations")),
            starts_at: self.instant(fields.optional("starts_at")),
            ends_at: self.instant(fields.optional("ends_at")),
        };
        fields.finish();
        Some(alert)
    }
}
