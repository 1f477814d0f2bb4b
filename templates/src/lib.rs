//! Rendering of notifications and annotations.

pub mod go_template;
pub mod handlebars;
pub mod presets;
