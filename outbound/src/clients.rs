//! One client for each distinct configuration.

use std::sync::{Arc, Mutex, PoisonError};

use crate::client::{HttpClient, Limits, SendError};
use crate::http_config::HttpConfig;

/// Gives equal configurations the same client, so that they share connections, also over a reload. Holds as many
/// clients as there are distinct configurations in use: one that nobody uses is dropped when the next one is made.
#[derive(Debug)]
pub struct HttpClients {
    limits: Limits,
    made: Mutex<Vec<Arc<HttpClient>>>,
}

impl HttpClients {
    /// No clients yet; all will have these limits.
    pub fn new(limits: Limits) -> HttpClients {
        HttpClients { limits, made: Mutex::default() }
    }

    /// The client for a configuration, made now if there is none.
    ///
    /// # Errors
    /// As of [`HttpClient::new`].
    pub fn get(&self, config: &HttpConfig) -> Result<Arc<HttpClient>, SendError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.iter().find(|client| client.config() == config) {
            return Ok(Arc::clone(client));
        }
        made.retain(|client| Arc::strong_count(client) > 1);
        let client = Arc::new(HttpClient::new(config, self.limits)?);
        made.push(Arc::clone(&client));
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_configurations_share_a_client_until_nobody_uses_it() {
        let clients = HttpClients::new(Limits::default());
        let plain = HttpConfig::default();
        let other = HttpConfig { enable_http2: false, ..HttpConfig::default() };
        let first = clients.get(&plain).unwrap();
        assert!(Arc::ptr_eq(&first, &clients.get(&plain.clone()).unwrap()));
        drop(clients.get(&other).unwrap());
        assert_eq!(clients.made.lock().unwrap().len(), 2);
        drop(clients.get(&HttpConfig { follow_redirects: false, ..other }).unwrap());
        assert_eq!(clients.made.lock().unwrap().len(), 2);
        assert!(Arc::ptr_eq(&first, &clients.get(&plain).unwrap()));
    }
}
