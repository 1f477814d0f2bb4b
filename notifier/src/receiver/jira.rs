//! Jira: one issue for each group. It is found by a label, opened when there is none, kept up to date, and moved along
//! when all is resolved or something fires again.

mod issue;
mod settings;
mod talk;

use crate::notification::Notification;
use crate::rendering::{RenderError, Rendered, Renderer};
pub use settings::{JiraApi, JiraField, JiraSettings};
pub(crate) use talk::{Talk, Turn};

impl JiraSettings {
    /// The conversation that tells Jira of a notification. `url` is the address of the API as read just now.
    ///
    /// # Errors
    /// Project or type of the issue fail or come out empty: there is nowhere to put a plain form.
    pub(crate) fn render(
        &self,
        notification: &Notification,
        renderer: &Renderer,
        url: &str,
    ) -> Result<Rendered<Talk<'_>>, RenderError> {
        let page = renderer.page(notification);
        let talk = Talk::new(self, &page, url)?;
        Ok(Rendered { request: talk, degraded: page.degraded() })
    }
}

#[cfg(test)]
mod tests;
