mod every_receiver;
mod http;
mod mail;
mod presets;
