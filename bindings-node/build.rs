//! Link settings of the addon.

fn main() {
    napi_build::setup();
    // An addon that only a worker loaded is unloaded when that worker ends; the thread `kinetik` goes on
    // running its code, so the library stays in the process.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
