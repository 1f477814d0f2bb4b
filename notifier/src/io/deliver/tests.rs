mod http;
mod mail;
mod presets;
