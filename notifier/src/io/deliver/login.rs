//! Logging in at a mail server: CRAM-MD5, PLAIN and LOGIN, the first that both sides can do, in the server's order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::Ehlo;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use md5::{Digest, Md5};
use outbound::{Secret, SecretText};

use super::conversation::{Limit, Stage, later, step};
use crate::receiver::Outcome;
use crate::receiver::email::EmailAuth;

/// Logs in, unless the server does not ask for it. A password in the clear only goes where `is_private` allows, but for
/// LOGIN, with which Alertmanager does not mind either.
///
/// # Errors
/// Wrong name or password, or no way that both sides can do. Worth another attempt: it is mended on either side.
pub(super) async fn log_in(
    connection: &mut AsyncSmtpConnection,
    auth: &EmailAuth,
    hello: &ClientId,
    is_private: bool,
    server: &str,
    limit: Limit,
) -> Result<(), Outcome> {
    // the library keeps only the ways it knows itself, so the server is asked once more
    let answer = step(server, "EHLO", Stage::Before, limit, connection.command(Ehlo::new(hello.clone()))).await?;
    let Some(offered) = mechanisms(&answer) else { return Ok(()) };
    let mut login = Login { connection, auth, server, limit };
    for mechanism in &offered {
        match mechanism.as_str() {
            "CRAM-MD5" => {
                if let Some(secret) = read(&auth.secret).await? {
                    return login.cram_md5(&secret).await.map_err(|outcome| hiding(outcome, &secret));
                }
            }
            "PLAIN" if is_private => {
                if let Some(password) = read(&auth.password).await? {
                    return login.plain(&password).await.map_err(|outcome| hiding(outcome, &password));
                }
            }
            "LOGIN" => {
                if let Some(password) = read(&auth.password).await? {
                    return login.login(&password).await.map_err(|outcome| hiding(outcome, &password));
                }
            }
            _ => {}
        }
    }
    let privacy = if is_private { "" } else { "; without TLS, PLAIN is only used with localhost" };
    let message = format!("no way to log in at {server}: it offers {}{privacy}", offered.join(", "));
    Err(later("authError", message))
}

/// What the server offers; none if it does not want a login.
fn mechanisms(ehlo: &Response) -> Option<Vec<String>> {
    let line = ehlo.message().find_map(|line| line.strip_prefix("AUTH ").or_else(|| line.strip_prefix("AUTH=")))?;
    Some(line.split_whitespace().map(str::to_ascii_uppercase).collect())
}

async fn read(secret: &Option<Secret>) -> Result<Option<SecretText>, Outcome> {
    match secret {
        Some(secret) => secret.read().await.map(Some).map_err(|error| later("authError", error.to_string())),
        None => Ok(None),
    }
}

/// Takes a secret, as such and as it went over the wire, out of what is told.
fn hiding(outcome: Outcome, secret: &str) -> Outcome {
    let hide = |text: String| {
        let shown = [secret.to_owned(), STANDARD.encode(secret)].into_iter().filter(|secret| !secret.is_empty());
        shown.fold(text, |text, secret| text.replace(&secret, outbound::secret::SHOWN))
    };
    match outcome {
        Outcome::Retry { reason, message, retry_after } => {
            Outcome::Retry { reason, message: hide(message), retry_after }
        }
        other => other,
    }
}

struct Login<'c> {
    connection: &'c mut AsyncSmtpConnection,
    auth: &'c EmailAuth,
    server: &'c str,
    limit: Limit,
}

impl Login<'_> {
    async fn plain(&mut self, password: &str) -> Result<(), Outcome> {
        let EmailAuth { username, identity, .. } = self.auth;
        let initial = STANDARD.encode(format!("{identity}\0{username}\0{password}"));
        self.say(&format!("AUTH PLAIN {initial}")).await.map(drop)
    }

    async fn login(&mut self, password: &str) -> Result<(), Outcome> {
        self.say("AUTH LOGIN").await?;
        self.say(&STANDARD.encode(&self.auth.username)).await?;
        self.say(&STANDARD.encode(password)).await.map(drop)
    }

    /// RFC 2195.
    async fn cram_md5(&mut self, secret: &str) -> Result<(), Outcome> {
        let answer = self.say("AUTH CRAM-MD5").await?;
        let challenge = answer.first_word().and_then(|text| STANDARD.decode(text).ok());
        let challenge = challenge
            .ok_or_else(|| later("authError", format!("{} sent no usable CRAM-MD5 challenge", self.server)))?;
        let digest = hex::encode(hmac_md5(secret.as_bytes(), &challenge));
        self.say(&STANDARD.encode(format!("{} {digest}", self.auth.username))).await.map(drop)
    }

    async fn say(&mut self, line: &str) -> Result<Response, Outcome> {
        let exchange = self.connection.command(format!("{line}\r\n"));
        step(self.server, "AUTH", Stage::Login, self.limit, exchange).await
    }
}

/// RFC 2104 with MD5.
fn hmac_md5(key: &[u8], text: &[u8]) -> [u8; 16] {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    let hashed: [u8; 16] = Md5::digest(key).into();
    let key = if key.len() > BLOCK { &hashed } else { key };
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let inner = Md5::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Md5::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cram_md5_as_in_rfc_2195() {
        let digest = hmac_md5(b"tanstaaftanstaaf", b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(hex::encode(digest), "b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn long_keys_are_hashed_first() {
        let digest = hmac_md5(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex::encode(digest), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }
}
