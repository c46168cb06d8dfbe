//! The core's settings under their names in JavaScript: `linger` is `lingerMs` there.

use kinetik::client::ClientConfig;
use kinetik::consumer::reader::ReaderConfig;
use kinetik::engine::EngineConfig;
use kinetik::producer::ProducerConfig;
use kinetik::{Error, ErrorKind};
use napi_derive::napi;

/// Settings that are durations. Their options are milliseconds, which the names say.
const DURATIONS: [&str; 12] = [
    "linger",
    "deadline",
    "put_timeout",
    "flush_timeout",
    "exit_timeout",
    "open_timeout",
    "request_timeout",
    "connect_timeout",
    "timeout",
    "silence",
    "give_up_after",
    "state_delay",
];

/// The names of all options that are settings of the core.
#[napi(object, object_from_js = false)]
pub struct OptionNames {
    /// Of a producer.
    pub producer: Vec<String>,
    /// Of a reader.
    pub reader: Vec<String>,
    /// Of a client.
    pub client: Vec<String>,
    /// Of an engine.
    pub engine: Vec<String>,
}

/// The names of all options that are settings of the core.
#[napi(catch_unwind)]
pub fn option_names() -> OptionNames {
    let options = |settings: &[&str]| settings.iter().map(|name| option(name)).collect();
    OptionNames {
        producer: options(ProducerConfig::NAMES),
        reader: options(ReaderConfig::NAMES),
        client: options(ClientConfig::NAMES),
        engine: options(EngineConfig::NAMES),
    }
}

/// An error of the core, in which settings have the names of their options: the one that it is about, and those whose
/// names are no words of the language.
pub fn in_options(error: Error) -> Error {
    if error.kind() != ErrorKind::InvalidArgument || error.aws_code().is_some() {
        return error;
    }
    let mut text = String::new();
    for word in error.message().split_inclusive(is_between_names) {
        let name = word.trim_end_matches(is_between_names);
        let is_setting = is_setting(name) && (text.is_empty() || name.contains('_'));
        match is_setting {
            true => text.extend([option(name).as_str(), &word[name.len()..]]),
            false => text.push_str(word),
        }
    }
    match text == error.message() {
        true => error,
        false => error.like(error.kind(), text),
    }
}

fn is_between_names(letter: char) -> bool {
    !letter.is_ascii_alphanumeric() && letter != '_'
}

fn is_setting(name: &str) -> bool {
    let base = without_unit(name);
    let mut all = [
        ProducerConfig::NAMES,
        ReaderConfig::NAMES,
        ClientConfig::NAMES,
        EngineConfig::NAMES,
    ]
    .into_iter();
    all.any(|names| names.contains(&base))
}

/// The name of a duration without `_ms`, and every other as it is.
fn without_unit(name: &str) -> &str {
    let base = name.strip_suffix("_ms");
    base.filter(|base| DURATIONS.contains(base)).unwrap_or(name)
}

/// The option of a setting, `lingerMs` of `linger` as of `linger_ms`.
fn option(setting: &str) -> String {
    let setting = without_unit(setting);
    let mut name = String::new();
    for (index, word) in setting.split('_').enumerate() {
        match word.split_at_checked(1) {
            Some((first, rest)) if index > 0 => {
                name.extend([&first.to_ascii_uppercase(), rest]);
            }
            _ => name.push_str(word),
        }
    }
    if DURATIONS.contains(&setting) {
        name.push_str("Ms");
    }
    name
}
