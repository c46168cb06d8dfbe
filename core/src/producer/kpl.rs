//! The settings of a KPL properties file as kinetik's.

use std::fmt::Write;

use super::config::ProducerConfig;
use crate::error::{Error, Result};
use crate::types::setting::{refused, unknown};

/// What became of a KPL properties file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KplSettings {
    /// Names and values for [`ProducerConfig::set`]; durations in milliseconds.
    pub settings: Vec<(&'static str, String)>,
    /// KPL's names of settings that have no effect, and why.
    pub ignored: Vec<(&'static str, &'static str)>,
}

/// What a KPL setting means here.
#[derive(Clone, Copy)]
enum Meaning {
    /// The same under this name.
    Is(&'static str),
    /// The same under this name, `true` or `false` in any case as Java reads it.
    Flag(&'static str),
    /// The same, at most so much.
    AtMost(&'static str, u64),
    /// A time: zero means nothing, and of several properties the shortest holds.
    Shortest(&'static str),
    /// One of these values is how things are; others cannot be had.
    Only(&'static [&'static str], &'static str),
    /// It has no effect.
    Ignored(&'static str),
    /// Part of the endpoint.
    Host,
    Port,
}

use Meaning::{AtMost, Flag, Host, Ignored, Is, Only, Port, Shortest};

const NO_CHILD: &str = "there is no child process";
const LEARNS: &str = "the limiter starts from the service's limits and learns";
const METRICS: &str = "metrics are read from the producer, in process";
const STS: &str = "the KPL itself has no use for it since 1.0.5";
const ONE_THREAD: &str = "one thread sends for all producers";
const GIVEN_BACK: &str = "failures always carry their records, until they are taken";
const PROXY: &str = "empty; a proxy is set by the setting proxy, as http://USER:PASSWORD@HOST:PORT";
const ROOTS: &str =
    "empty; root certificates are the machine's own, or those of one file: ca_bundle";

/// Every setting of the KPL for Java 1.0.7, by the name of its property (reference/producer.md 2.9).
const MEANINGS: &[(&str, Meaning)] = &[
    ("AggregationEnabled", Flag("aggregate")),
    (
        "AggregationMaxCount",
        AtMost("aggregate_records", u32::MAX as u64),
    ),
    (
        "AggregationMaxSize",
        AtMost("aggregate_bytes", (1 << 20) - 1),
    ),
    ("CaCertFile", Is("ca_bundle")),
    ("CaCertPath", Only(&[""], ROOTS)),
    ("CloudwatchEndpoint", Ignored(METRICS)),
    ("CloudwatchPort", Ignored(METRICS)),
    ("CollectionMaxCount", AtMost("request_records", 500)),
    ("CollectionMaxSize", AtMost("request_bytes", 10 << 20)),
    ("ConnectTimeout", Is("connect_timeout_ms")),
    (
        "CredentialsRefreshDelay",
        Ignored("credentials are refreshed before they expire"),
    ),
    ("DaemonHealthCheckTimeoutMs", Ignored(NO_CHILD)),
    ("EnableCoreDumps", Ignored(NO_CHILD)),
    ("EnableDaemonHealthCheck", Ignored(NO_CHILD)),
    (
        "EnableOldestFutureTracker",
        Ignored("nothing is tracked that costs anything"),
    ),
    (
        "FailIfThrottled",
        Only(
            &["false"],
            "false; throttled records are retried until their deadline",
        ),
    ),
    ("KinesisEndpoint", Host),
    ("KinesisPort", Port),
    ("LogLevel", Ignored("the program's own logging decides")),
    ("MaxConnections", Is("max_in_flight")),
    (
        "MaxUserRecordSize",
        Ignored("the stream is asked for the size that it takes"),
    ),
    ("MetricsGranularity", Ignored(METRICS)),
    ("MetricsLevel", Ignored(METRICS)),
    ("MetricsNamespace", Ignored(METRICS)),
    ("MetricsUploadDelay", Ignored(METRICS)),
    (
        "MinConnections",
        Ignored("connections are made as they are needed, as the KPL does"),
    ),
    ("NativeExecutable", Ignored(NO_CHILD)),
    ("ProxyHost", Only(&[""], PROXY)),
    ("ProxyPassword", Only(&[""], PROXY)),
    ("ProxyPort", Ignored("without ProxyHost it means nothing")),
    ("ProxyUserName", Only(&[""], PROXY)),
    ("RateLimit", Ignored(LEARNS)),
    ("RecordMaxBufferedTime", Is("linger_ms")),
    ("RecordTtl", Shortest("deadline_ms")),
    ("Region", Is("region")),
    ("RequestTimeout", Is("request_timeout_ms")),
    ("ReturnUserRecordOnFailure", Ignored(GIVEN_BACK)),
    ("StsEndpoint", Ignored(STS)),
    ("StsPort", Ignored(STS)),
    ("TempDirectory", Ignored("nothing is written to disk")),
    ("ThreadPoolSize", Ignored(ONE_THREAD)),
    ("ThreadingModel", Ignored(ONE_THREAD)),
    ("UserRecordTimeoutInMillis", Shortest("deadline_ms")),
    (
        "VerifyCertificate",
        Only(&["true"], "true; certificates are always verified"),
    ),
];

impl KplSettings {
    /// Reads the text of a Java properties file with settings of the KPL. What it does not set has kinetik's default, but
    /// `aggregate`, which the KPL has on.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that the KPL does not know, naming the nearest that it
    /// does, and for a setting that asks for what cannot be had, with the reason.
    ///
    /// ```
    /// use kinetik::producer::{Aggregate, KplSettings, ProducerConfig};
    ///
    /// let text = "RecordMaxBufferedTime = 250\nRateLimit = 100\n";
    /// assert_eq!(KplSettings::parse(text)?.ignored[0].0, "RateLimit");
    /// let mut config = ProducerConfig::new(Aggregate::Yes);
    /// config.set("kpl_properties", text)?;
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let mut read = Self::default();
        let (mut host, mut port) = (String::new(), None);
        for (key, value) in properties(text) {
            let Some(&(name, meaning)) = MEANINGS.iter().find(|(name, _)| is_same(name, &key))
            else {
                let names: Vec<&str> = MEANINGS.iter().map(|(name, _)| *name).collect();
                return Err(unknown(&key, &names));
            };
            match meaning {
                Is("region" | "ca_bundle") if value.is_empty() => {
                    read.ignored.push((name, "empty means AWS's own settings"));
                }
                Is(setting) => read.settings.push((setting, value)),
                Flag(setting) => read.settings.push((setting, value.to_ascii_lowercase())),
                AtMost(setting, most) => {
                    let number: u64 = value.parse().map_err(|_| refused(name, "a whole number"))?;
                    read.settings.push((setting, number.min(most).to_string()));
                }
                Shortest(_) if value == "0" => read.ignored.push((name, "zero is no timeout")),
                Shortest(setting) => read.shorten(setting, value),
                Only(values, _) if values.iter().any(|one| one.eq_ignore_ascii_case(&value)) => {
                    read.ignored.push((name, "is as it must be"));
                }
                Only(_, expected) => return Err(refused(name, expected)),
                Ignored(why) => read.ignored.push((name, why)),
                Host => host = value,
                Port => port = Some((name, value)),
            }
        }
        match (host.is_empty(), port) {
            (true, None) => {}
            (true, Some((name, _))) => {
                let why = "without KinesisEndpoint it means nothing";
                read.ignored.push((name, why));
            }
            (false, port) => {
                let port = port.map_or_else(|| "443".to_owned(), |(_, port)| port);
                let url = format!("https://{host}:{port}");
                read.settings.push(("endpoint", url));
            }
        }
        if !read
            .settings
            .iter()
            .any(|(setting, _)| *setting == "aggregate")
        {
            read.settings.push(("aggregate", "true".into()));
        }
        Ok(read)
    }

    /// Sets a time unless a shorter one was set. What is no number is refused with the settings.
    fn shorten(&mut self, setting: &'static str, value: String) {
        let millis = |value: &str| value.parse::<u64>().unwrap_or(0);
        let known = self.settings.iter_mut().find(|(name, _)| *name == setting);
        match known {
            Some((_, before)) if millis(before) <= millis(&value) => {}
            Some((_, before)) => *before = value,
            None => self.settings.push((setting, value)),
        }
    }
}

impl ProducerConfig {
    /// Takes over the settings of a KPL properties file.
    pub(super) fn set_kpl(&mut self, text: &str) -> Result<()> {
        let named = |error: Error| Error::invalid("kpl_properties", error.message());
        let kpl = KplSettings::parse(text).map_err(named)?;
        for (name, value) in &kpl.settings {
            self.set(name, value).map_err(named)?;
        }
        for (name, why) in &kpl.ignored {
            tracing::info!(name, why, "a KPL setting has no effect");
        }
        Ok(())
    }
}

/// Whether a key is the name of a property; the setter's first letter may be small, as in Java code.
fn is_same(name: &str, key: &str) -> bool {
    let (name, key) = (name.as_bytes(), key.as_bytes());
    name.len() == key.len() && name[..1].eq_ignore_ascii_case(&key[..1]) && name[1..] == key[1..]
}

/// Keys and values of a Java properties file, as `java.util.Properties` reads them.
fn properties(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim_start);
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = line.to_owned();
        while ends_in_escape(&whole) {
            whole.pop();
            whole.push_str(lines.next().unwrap_or_default());
        }
        let end = key_end(&whole);
        let rest = whole[end..].trim_start();
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
        found.push((unescaped(&whole[..end]), unescaped(value.trim_end())));
    }
    found
}

fn ends_in_escape(line: &str) -> bool {
    let escapes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    escapes % 2 == 1
}

/// Where a key ends: before the first separator that is not escaped.
fn key_end(line: &str) -> usize {
    let mut is_escaped = false;
    let end = line.find(|letter: char| {
        let ends = !is_escaped && (matches!(letter, '=' | ':') || letter.is_whitespace());
        is_escaped = letter == '\\' && !is_escaped;
        ends
    });
    end.unwrap_or(line.len())
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits: String = letters.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                let _ = write!(plain, "{}", code.unwrap_or('\u{fffd}'));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::config::Aggregate;
    use super::*;
    use crate::error::ErrorKind;

    fn settings(text: &str) -> Vec<(&'static str, String)> {
        KplSettings::parse(text).unwrap().settings
    }

    #[test]
    fn the_form_is_that_of_java_properties() {
        let text = "# a comment\n! another\n\n  RecordTtl=1000\nRegion : eu-\\\n   west-1 \nmaxConnections 7\nKinesisEndpoint=a\\u002eb\nKinesisPort\\\n=1\n";
        let expected = [
            ("deadline_ms", "1000"),
            ("region", "eu-west-1"),
            ("max_in_flight", "7"),
            ("endpoint", "https://a.b:1"),
            ("aggregate", "true"),
        ];
        assert_eq!(
            settings(text),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
        assert_eq!(properties("a\\=b = c\\\\\nd").len(), 2);
    }

    #[test]
    fn the_kpls_own_default_file_makes_a_configuration_that_works() {
        // Its default_config.properties, as far as the settings go.
        let text = "AggregationEnabled = true\nAggregationMaxCount = 4294967295\nAggregationMaxSize = 51200\n\
            CollectionMaxCount = 500\nCollectionMaxSize = 5242880\nConnectTimeout = 6000\nEnableCoreDumps = false\n\
            FailIfThrottled = false\nLogLevel = info\nMaxConnections = 24\nMetricsGranularity = shard\n\
            MetricsLevel = detailed\nMetricsNamespace = KinesisProducerLibrary\nMetricsUploadDelay = 60000\n\
            MinConnections = 1\nRateLimit = 150\nRecordMaxBufferedTime = 100\nRecordTtl = 30000\nRequestTimeout = 6000\n\
            VerifyCertificate = true\nThreadingModel = PER_REQUEST\nThreadPoolSize = 0\nRegion =\n";
        let kpl = KplSettings::parse(text).unwrap();
        let mut config = ProducerConfig::new(Aggregate::No);
        config.set("kpl_properties", text).unwrap();
        assert!(config.check().is_ok());
        assert_eq!(
            (config.aggregate, config.max_in_flight),
            (Aggregate::Yes, 24)
        );
        assert_eq!(config.deadline.as_secs(), 30);
        assert_eq!(kpl.settings.len() + kpl.ignored.len(), 23);
        assert!(kpl.ignored.iter().all(|(_, why)| !why.is_empty()));
    }

    #[test]
    fn what_cannot_be_had_is_refused_with_the_reason_and_a_slip_with_the_nearest_name() {
        for (text, reason) in [
            ("FailIfThrottled=true", "retried until"),
            ("VerifyCertificate=false", "always verified"),
            ("ProxyHost=proxy", "the setting proxy"),
            ("CaCertPath=/a", "ca_bundle"),
            ("RecordTtll=1", "did you mean RecordTtl?"),
            ("AggregationMaxCount=many", "a whole number"),
        ] {
            let error = KplSettings::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(reason), "{error}");
        }
    }

    #[test]
    fn booleans_may_be_written_in_any_case() {
        let text = "AggregationEnabled=False\nFailIfThrottled=FALSE\nVerifyCertificate=True\n";
        let mut config = ProducerConfig::new(Aggregate::Yes);
        config.set("kpl_properties", text).unwrap();
        assert_eq!(config.aggregate, Aggregate::No);
        assert!(KplSettings::parse("VerifyCertificate=False").is_err());
    }

    #[test]
    fn a_port_without_an_endpoint_is_listed_as_without_effect() {
        let kpl = KplSettings::parse("KinesisPort=4567").unwrap();
        assert_eq!(kpl.ignored[0].0, "KinesisPort");
        assert_eq!(settings("KinesisEndpoint=a")[0].1, "https://a:443");
    }

    #[test]
    fn of_two_times_that_end_a_record_the_shorter_one_holds_in_any_order() {
        for text in [
            "RecordTtl=6000\nUserRecordTimeoutInMillis=1000",
            "UserRecordTimeoutInMillis=1000\nRecordTtl=6000",
            "RecordTtl=1000\nUserRecordTimeoutInMillis=0",
        ] {
            let mut config = ProducerConfig::new(Aggregate::Yes);
            config.set("kpl_properties", text).unwrap();
            assert_eq!(config.deadline.as_secs(), 1, "{text}");
        }
    }

    #[test]
    fn every_setting_that_a_property_maps_to_exists() {
        for (_, meaning) in MEANINGS {
            if let Is(name) | Flag(name) | AtMost(name, _) | Shortest(name) = meaning {
                let name = name.strip_suffix("_ms").unwrap_or(name);
                assert!(ProducerConfig::NAMES.contains(&name), "{name}");
            }
        }
    }
}
