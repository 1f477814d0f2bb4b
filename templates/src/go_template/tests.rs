//! Tables of templates and what they print, checked against promtool and amtool where those are installed.

mod defaults;
mod hostile;
mod notifications;
mod rules;
