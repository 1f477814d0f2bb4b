//! The binary: see the library's `command`.

fn main() {}
