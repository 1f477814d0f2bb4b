//! `watchfire silence import`: the whole input is read before the first silence is created.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::io::Read;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use futures_util::stream;

use crate::cli::client::SilenceImport;
use crate::client::api::{Api, ApiError};
use crate::client::session::Session;
use crate::client::wire::SentSilence;

pub(super) async fn execute(session: &Session, import: SilenceImport) -> anyhow::Result<()> {
    let mut silences = read(&input(&import)?)?;
    if import.force {
        silences.iter_mut().for_each(|silence| silence.id.clear());
    }
    let count = silences.len();
    let asking = async {
        let storing = silences.into_iter().map(|silence| store(&session.api, silence));
        let mut stored = stream::iter(storing).buffered(usize::from(import.workers));
        let mut failed = 0;
        while let Some(outcome) = stored.next().await {
            match outcome {
                Ok(id) => println!("{id}"),
                Err((id, error)) => {
                    failed += 1;
                    eprintln!("Error adding silence id='{id}': {error}");
                }
            }
        }
        Ok(failed)
    };
    let failed = session.ask(asking).await?;
    if failed > 0 {
        bail!("couldn't import {failed} out of {count} silences");
    }
    Ok(())
}

/// One that the notifier does not know any more is created anew.
async fn store(api: &Api, mut silence: SentSilence) -> Result<String, (String, ApiError)> {
    let id = silence.id.clone();
    let outcome = match api.store_silence(&silence).await {
        Err(error) if error.is_not_found() && !id.is_empty() => {
            silence.id.clear();
            api.store_silence(&silence).await
        }
        outcome => outcome,
    };
    outcome.map_err(|error| (id, error))
}

fn input(import: &SilenceImport) -> anyhow::Result<String> {
    if let Some(path) = &import.file {
        return std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    Ok(text)
}

fn read(text: &str) -> anyhow::Result<Vec<SentSilence>> {
    serde_json::from_str(text).context("couldn't unmarshal input data, is it JSON as `silence query -o json` prints?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_query_prints_and_nothing_else() {
        let silence = r#"{"id":"1","status":{"state":"active"},"updatedAt":"2026-11-21T22:03:03.602Z","comment":"c","createdBy":"me","endsAt":"2030-01-02T00:00:00.000+02:00","matchers":[],"startsAt":"2026-11-21T22:03:03.602Z"}"#;
        assert_eq!(read(&format!("[{silence}]")).unwrap()[0].id, "1");
        assert!(read("[]").unwrap().is_empty());
        for wrong in ["{bad", "[1]", &format!("[{silence}"), r#"[{"comment":"x"}]"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
