//! Lays the program out: what runs in every process lies together, so that the system has less of the file in memory.

use std::env;

/// Functions in the order of `layout/collect`.
const ORDER: &str = "layout/first.ld";

fn main() {
    println!("cargo:rerun-if-changed={ORDER}");
    println!("cargo:rerun-if-env-changed=WATCHFIRE_LAYOUT");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    // These linkers know no such scripts; any other of the platform does.
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    let knows_scripts = !["mold", "wild"].iter().any(|linker| flags.contains(linker));
    let is_optimised = variable("OPT_LEVEL") != "0";
    let is_wanted = variable("WATCHFIRE_LAYOUT") != "off";
    if variable("CARGO_CFG_TARGET_OS") == "linux" && is_optimised && is_wanted && knows_scripts {
        println!("cargo:rustc-link-arg-bin=watchfire=-Wl,-T,{}/{ORDER}", variable("CARGO_MANIFEST_DIR"));
    }
}
