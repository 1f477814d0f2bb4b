//! The loop around a [`Candidate`]: reads the Lease, writes it, and says whether we lead.
#![expect(clippy::disallowed_methods, reason = "the shell around the candidate waits between its attempts")]

use std::time::Duration;

use model::Timestamp;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::client::Client;
use crate::lease::{Candidate, Step};
use crate::object::LEASES;
use crate::reflector::Failure;

/// Giving the lead up may take no longer at the end.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);

/// Says what time it is.
pub type Clock = fn() -> Timestamp;

/// Wants to lead for as long as somebody listens to whether it does; then the lead is given up.
pub async fn lead(client: Client, mut candidate: Candidate, clock: Clock, leads: watch::Sender<bool>) {
    let mut is_failing = false;
    while !leads.is_closed() {
        let attempt = tokio::time::timeout(
            candidate.timing().retry.max(Duration::from_secs(1)),
            attempt(&client, &mut candidate, clock),
        )
        .await;
        let attempt = attempt.unwrap_or_else(|_| Err(Failure::NoAnswer("no answer in time".to_owned())));
        match attempt {
            Ok(()) => is_failing = false,
            Err(failure) if !std::mem::replace(&mut is_failing, true) => {
                warn!(lease = %candidate.key(), "cannot read or renew the Lease; its rights are get, create and update: {failure}");
            }
            Err(_) => {}
        }
        tell(&leads, candidate.leads(clock()));
        // a lead that cannot be renewed ends on time, not at the next attempt
        let retry = candidate.timing().retry;
        let left = candidate.leads_until().map_or(retry, |until| until.since(clock()).min(retry));
        tokio::select! {
            () = tokio::time::sleep(left.max(Duration::from_millis(50))) => {}
            () = leads.closed() => {}
        }
        tell(&leads, candidate.leads(clock()));
    }
    if let Some(lease) = candidate.released(clock()) {
        // whoever comes next waits for the Lease to run out if this fails
        drop(tokio::time::timeout(RELEASE_DEADLINE, client.replace(LEASES, candidate.key(), &lease)).await);
    }
}

fn tell(leads: &watch::Sender<bool>, now: bool) {
    leads.send_if_modified(|before| {
        if *before != now {
            info!(leads = now, "who leads has changed");
        }
        std::mem::replace(before, now) != now
    });
}

async fn attempt(client: &Client, candidate: &mut Candidate, clock: Clock) -> Result<(), Failure> {
    let lease = client.get(LEASES, candidate.key()).await?;
    let decided = clock();
    let written = match candidate.step(lease, decided) {
        Step::Wait => return Ok(()),
        Step::Create(lease) => client.create(LEASES, &candidate.key().namespace, &lease).await,
        Step::Replace(lease) => client.replace(LEASES, candidate.key(), &lease).await,
    };
    match written {
        Ok(lease) => candidate.wrote(lease, decided),
        // somebody else was quicker
        Err(Failure::Refused { code: 409, .. }) => {}
        Err(failure) => return Err(failure),
    }
    Ok(())
}
