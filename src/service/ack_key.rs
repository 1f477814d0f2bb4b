//! The key that signs links which acknowledge: from a file, or made once and kept in the store. It is told to nobody.

use std::path::Path;

use anyhow::{Context, ensure};
use notifier::ack_link::{AckLinks, KEY_BYTES_MIN};
use store::{Batch, Store};
use tracing::warn;
use uuid::Uuid;

/// Beside the records of the halves.
const STORED_AT: &str = "secret/ack-links";

/// The links of a key in `file`, or else of the store's own.
///
/// # Errors
/// The file cannot be read or holds too little, or the store cannot be used.
pub async fn links(store: &Store, file: Option<&Path>) -> anyhow::Result<AckLinks> {
    let Some(path) = file else { return stored(store).await };
    let read = std::fs::read(path);
    let key = read.with_context(|| format!("--ack.key-file: cannot read {}", path.display()))?;
    let key = key.trim_ascii();
    ensure!(
        key.len() >= KEY_BYTES_MIN,
        "--ack.key-file: {} holds {} bytes: a key has at least {KEY_BYTES_MIN}, such as those of `openssl rand -hex 32`",
        path.display(),
        key.len()
    );
    Ok(AckLinks::new(key))
}

async fn stored(store: &Store) -> anyhow::Result<AckLinks> {
    Ok(AckLinks::new(&kept(store, STORED_AT).await.context("cannot keep the key of links in the store")?))
}

/// A key of the store's own, made the first time it is asked for.
///
/// # Errors
/// The store cannot be read.
pub async fn kept(store: &Store, at: &str) -> anyhow::Result<Vec<u8>> {
    let known = store.get(vec![at.to_owned()]).await?;
    if let Some(key) = known.into_iter().flatten().next().filter(|key| key.len() >= KEY_BYTES_MIN) {
        return Ok(key);
    }
    // 244 bits of the system's randomness.
    let key = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
    let batch: Batch = [(at.to_owned(), Some(key.clone()))].into_iter().collect();
    match store.commit(batch).await {
        // It goes along with the next commit that works.
        Err(error) if !error.is_refusal() => {
            warn!(%error, at, "a key is not stored yet: a restart before it is makes another")
        }
        committed => committed?,
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use notifier::notification::NotifiedAlert;

    use super::*;

    fn link(links: &AckLinks) -> String {
        let labels = model::LabelSet::from_pairs([("alertname", "K")]);
        let at = model::Timestamp::from_secs(1_800_000_000);
        let alert = NotifiedAlert {
            annotations: model::LabelSet::empty(),
            starts_at: at,
            resolved_at: None,
            generator_url: "".into(),
            fingerprint: labels.fingerprint(),
            labels,
        };
        links.of_alert("http://w", &alert, at).unwrap()
    }

    #[tokio::test]
    async fn the_key_is_made_once_or_read() {
        let store = Store::memory().unwrap();
        let first = link(&links(&store, None).await.unwrap());
        assert_eq!(link(&links(&store, None).await.unwrap()), first);
        assert_ne!(link(&links(&Store::memory().unwrap(), None).await.unwrap()), first);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let read = link(&links(&store, Some(&path)).await.unwrap());
        assert_eq!(read, link(&AckLinks::new(b"0123456789abcdef")));
        std::fs::write(&path, "short\n").unwrap();
        let refused = links(&store, Some(&path)).await.unwrap_err().to_string();
        assert!(refused.contains("holds 5 bytes") && !refused.contains("short"), "{refused}");
    }
}
