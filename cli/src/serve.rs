//! `kinetik serve`: the engine behind HTTP, for any AWS SDK.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kinetik::engine::{Engine, EngineConfig, WhenFull, default_memory};
use kinetik::{Error, ErrorKind};
use kinetik_server::{Cors, Server, ServerConfig, Tls};
use tokio::signal::unix::{SignalKind, signal};

use crate::units::{self, GivenKey, NewStream};
use crate::{Failure, say};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The address to listen on. Any but a loopback address lets other machines in, without a password unless there are
    /// credentials.
    #[arg(long, env = "KINETIK_HOST", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port; 0 picks a free one.
    #[arg(long, env = "KINETIK_PORT", default_value_t = 4567)]
    port: u16,
    /// A further host name by which clients may call the server, beside loopback names; may be repeated.
    #[arg(
        long = "name",
        env = "KINETIK_NAME",
        value_delimiter = ',',
        value_parser = units::host_name,
        value_name = "HOST"
    )]
    names: Vec<String>,
    /// The region that ARNs name.
    #[arg(long, env = "KINETIK_REGION", default_value = "us-east-1", value_parser = units::region)]
    region: String,
    /// The account that ARNs name.
    #[arg(long, env = "KINETIK_ACCOUNT", default_value = "000000000000", value_parser = units::account)]
    account: String,
    /// How long streams stay in CREATING, UPDATING and DELETING.
    #[arg(long, env = "KINETIK_STATE_DELAY", default_value = "0ms", value_parser = units::duration)]
    state_delay: Duration,
    /// The service's quotas of shards, rates, consumers and tags: on or off.
    #[arg(long, env = "KINETIK_QUOTAS", default_value = "on", action = clap::ArgAction::Set, value_parser = units::switch)]
    quotas: bool,
    /// Open shards of provisioned streams that the account may have.
    #[arg(long, env = "KINETIK_SHARD_LIMIT", value_name = "N")]
    shard_limit: Option<usize>,
    /// On-demand streams that the account may have.
    #[arg(long, env = "KINETIK_ON_DEMAND_STREAM_LIMIT", value_name = "N")]
    on_demand_stream_limit: Option<usize>,
    /// TLS, with a certificate and its key in PEM files; without them, or with `on`, with a certificate made for this run.
    #[arg(long, env = "KINETIK_TLS", num_args = 0..=1, require_equals = true, default_missing_value = "on", value_name = "CERT,KEY")]
    tls: Option<String>,
    /// Where the certificate is written as PEM, for clients that are to trust it.
    #[arg(
        long,
        env = "KINETIK_TLS_CERTIFICATE_FILE",
        requires = "tls",
        value_name = "FILE"
    )]
    tls_certificate_file: Option<PathBuf>,
    /// Which web pages may call: those of this machine (`loopback`), also those of an origin, or all (`*`), as at AWS.
    #[arg(long, env = "KINETIK_CORS", default_value = "loopback", value_parser = units::cors, value_name = "loopback|ORIGIN|*")]
    cors: Cors,
    /// An access key and its secret; may be repeated. With one, signatures are verified; without, every one is accepted.
    /// Control and metrics need one where other machines are let in.
    #[arg(long = "credentials", env = "KINETIK_CREDENTIALS", hide_env_values = true, value_delimiter = ',', value_parser = GivenKey::parse, value_name = "KEY:SECRET")]
    keys: Vec<GivenKey>,
    /// What stored records may take, for example 512MiB [default: half of this machine's memory]
    #[arg(long, env = "KINETIK_MEMORY", value_parser = units::size, value_name = "SIZE")]
    memory: Option<usize>,
    /// What happens to a put when the memory is used up.
    #[arg(long, env = "KINETIK_WHEN_FULL", default_value = "throttle")]
    when_full: Full,
    /// A stream to make at the start; may be repeated.
    #[arg(long = "stream", env = "KINETIK_STREAM", value_delimiter = ',', value_parser = units::new_stream, value_name = "NAME:SHARDS")]
    streams: Vec<NewStream>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Full {
    /// The put is throttled; nothing stored is lost.
    Throttle,
    /// The oldest records make room.
    Trim,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Error::new(ErrorKind::Internal, "no event queue").source(error))?;
    runtime.block_on(async {
        // Before the address is printed: whoever reads it may send a signal at once.
        let ended = ended()?;
        let server = start(options)?;
        say(format_args!("kinetik: listening on {}", server.endpoint()))?;
        ended.await;
        server.stop();
        Ok(())
    })
}

fn start(options: Options) -> Result<Server, Error> {
    let defaults = EngineConfig::default();
    let engine = Engine::new(EngineConfig {
        region: options.region,
        account: options.account,
        quotas: options.quotas,
        memory: options.memory.unwrap_or_else(default_memory),
        when_full: match options.when_full {
            Full::Throttle => WhenFull::Throttle,
            Full::Trim => WhenFull::Trim,
        },
        state_delay: options.state_delay,
        shard_limit: options.shard_limit.unwrap_or(defaults.shard_limit),
        on_demand_stream_limit: options
            .on_demand_stream_limit
            .unwrap_or(defaults.on_demand_stream_limit),
        ..defaults
    });
    let tls = options
        .tls
        .as_deref()
        .map(|files| certificate(files, &options.names));
    let tls = tls.transpose()?;
    if let (Some(tls), Some(file)) = (&tls, &options.tls_certificate_file) {
        std::fs::write(file, tls.certificate()).map_err(|error| {
            let text = format!("{} cannot be written: {error}", file.display());
            Error::invalid("tls-certificate-file", text)
        })?;
    }
    for stream in &options.streams {
        engine
            .create_stream(&stream.name, stream.shards)
            .map_err(|error| error.stream(&stream.name))?;
    }
    if !options.host.is_loopback() && options.keys.is_empty() {
        tracing::warn!(
            host = %options.host,
            "other machines can reach this server, and nobody is asked for a password; --credentials KEY:SECRET asks for \
             signatures"
        );
    }
    let keys = options.keys.into_iter().map(GivenKey::key);
    Server::start(ServerConfig {
        host: options.host,
        port: options.port,
        names: options.names,
        cors: options.cors,
        tls,
        keys: keys.collect::<Result<_, _>>()?,
        engine,
        ..ServerConfig::default()
    })
}

/// The certificate of `CERT,KEY`, or for `on` one that is made.
fn certificate(files: &str, names: &[String]) -> Result<Tls, Error> {
    if files == "on" {
        return Tls::generated(names);
    }
    let (certificate, key) = files
        .split_once(',')
        .ok_or_else(|| Error::invalid("tls", "expected CERT,KEY: two files in PEM"))?;
    let read = |file: &str| {
        std::fs::read_to_string(file)
            .map_err(|error| Error::invalid("tls", format!("{file} cannot be read: {error}")))
    };
    Tls::from_pem(&read(certificate)?, &read(key)?)
}

/// Completes at the first SIGTERM or SIGINT.
pub(crate) fn ended() -> Result<impl Future<Output = ()>, Error> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            Error::new(ErrorKind::Internal, "signals cannot be waited for").source(error)
        })
    };
    let mut signals = [
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    ];
    Ok(std::future::poll_fn(move |cx| {
        if signals
            .iter_mut()
            .any(|signal| signal.poll_recv(cx).is_ready())
        {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    }))
}
