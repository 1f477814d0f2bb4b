mod http;
mod mail;
