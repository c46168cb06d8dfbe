//! `include/kinetik.h` is what the sources say, and its numbers are the core's.

use kinetik::ErrorKind;
use kinetik_tests::root;

fn generated() -> String {
    let crate_folder = root().join("bindings-c");
    let config =
        cbindgen::Config::from_file(crate_folder.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_crate(crate_folder)
        .with_config(config)
        .generate()
        .expect("the sources of libkinetik")
        .write(&mut header);
    String::from_utf8(header).expect("UTF-8")
}

#[test]
fn the_committed_header_is_current() {
    let path = root().join("include/kinetik.h");
    let generated = generated();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).expect("include/ can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/kinetik.h is stale; run: UPDATE=1 cargo test -p kinetik-tests --test header"
    );
}

#[test]
fn every_error_kind_has_its_number_in_the_header() {
    let header = generated();
    for kind in ErrorKind::ALL {
        let mut name = String::from("KINETIK");
        for character in kind.name().chars() {
            if character.is_uppercase() {
                name.push('_');
            }
            name.extend(character.to_uppercase());
        }
        let line = format!("    {name} = {},", kind.code());
        assert!(header.contains(&line), "the header lacks {line}");
    }
    let first = header.find("KINETIK_OK = 0,").expect("the first status");
    let statuses = header[first..]
        .split('}')
        .next()
        .expect("the end of the statuses");
    let numbers = statuses
        .lines()
        .filter(|line| line.trim_start().starts_with("KINETIK_"));
    let quiet = 2;
    assert_eq!(
        numbers.count(),
        ErrorKind::ALL.len() + quiet,
        "a number that no kind has"
    );
}
