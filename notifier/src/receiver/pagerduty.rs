//! PagerDuty's Events API, v2 and v1.

mod settings;

pub use settings::{PagerDutyImage, PagerDutyKey, PagerDutyLink, PagerDutySettings};
