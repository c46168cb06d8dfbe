//! Gives the shared library its soname: the major version, and before 1.0 the minor one too.

fn main() {
    let version = |part| std::env::var(format!("CARGO_PKG_VERSION_{part}")).expect("set by cargo");
    let (major, minor) = (version("MAJOR"), version("MINOR"));
    let interface = if major == "0" {
        format!("{major}.{minor}")
    } else {
        major
    };
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libkinetik.so.{interface}");
    println!("cargo:rerun-if-changed=build.rs");
}
