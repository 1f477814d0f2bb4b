//! The pages people see and quiet alerts on: HTML made on the server from `templates/web/`.
