//! Rendering of notifications and annotations.

mod escape;
pub mod go_template;
pub mod handlebars;
pub mod presets;
pub mod web;
