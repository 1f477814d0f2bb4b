mod every_receiver;
mod http;
mod mail;
mod mail_certificates;
mod presets;
