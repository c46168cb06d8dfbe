//! The server: an engine behind HTTP on this machine, for any AWS SDK.

use std::ffi::c_char;

use ::kinetik_server::{Server, ServerConfig};
use kinetik_core::engine::{Engine, EngineConfig};
use kinetik_core::{Error, Result};

use crate::at_exit::blocking;
use crate::bytes::{out, text};
use crate::engine::{ENGINES, kinetik_engine};
use crate::own::Slab;
use crate::route::write_text;
use crate::status::{guard, kinetik_status};

/// A server; {0} is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_server {
    /// For the library alone.
    pub handle: u64,
}

static SERVERS: Slab<Server> = Slab::new(5, "server");

/// Starts a server on 127.0.0.1 with an engine of its own.
///
/// The options are words separated by blanks, or NULL: streams=NAME:SHARDS[,NAME:SHARDS…] makes streams, port=N asks
/// for a port (a free one by default). The rest are the engine's: quotas=off lifts the service's quotas, memory=BYTES
/// bounds what stored records take (half of the machine's memory by default), when_full=throttle|trim says what a put
/// gets when that is used up, state_delay=SECONDS (or state_delay_ms) is how long streams take to be made, changed and
/// deleted (no time by default), region=NAME and account=TWELVE_DIGITS are what ARNs name, shard_limit=N and
/// on_demand_stream_limit=N are the account's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_server_start(
    options: *const c_char,
    server: *mut kinetik_server,
) -> kinetik_status {
    guard(|| {
        crate::fork::watch();
        // SAFETY: the caller passes NULL, a NUL-terminated string, or a pointer that it may write.
        let (place, options) = unsafe {
            (
                out("server", server)?,
                if options.is_null() {
                    ""
                } else {
                    text("options", options)?
                },
            )
        };
        place.handle = SERVERS.insert(start(Options::parse(options)?)?)?;
        Ok(())
    })
}

#[derive(Default)]
struct Options {
    port: u16,
    streams: Vec<(String, u32)>,
    engine: EngineConfig,
}

impl Options {
    fn parse(text: &str) -> Result<Self> {
        let mut options = Self::default();
        for word in text.split_whitespace() {
            let form = "expected NAME=VALUE, with blanks between them";
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| Error::invalid("options", form))?;
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "port" => {
                self.port = value
                    .parse()
                    .map_err(|_| Error::invalid("port", "expected 0 to 65535"))?;
            }
            "streams" => {
                let streams = value.split(',').map(stream);
                self.streams.extend(streams.collect::<Result<Vec<_>>>()?);
            }
            _ => self.engine.set(name, value)?,
        }
        Ok(())
    }
}

fn stream(text: &str) -> Result<(String, u32)> {
    let (name, shards) = text.split_once(':').unwrap_or_default();
    match shards.parse() {
        Ok(shards) => Ok((name.to_owned(), shards)),
        Err(_) => Err(Error::invalid("streams", "expected NAME:SHARDS,…")),
    }
}

fn start(options: Options) -> Result<Server> {
    let engine = Engine::new(options.engine);
    for (name, shards) in &options.streams {
        engine.create_stream(name, *shards)?;
    }
    Server::start(ServerConfig {
        engine,
        port: options.port,
        ..ServerConfig::default()
    })
}

/// Gives a handle on the engine behind a server, for its streams, faults, clock and metrics. It is the caller's to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_server_engine(
    server: kinetik_server,
    engine: *mut kinetik_engine,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("engine", engine) }?;
        let behind = SERVERS.get(server.handle)?.engine().clone();
        place.handle = ENGINES.insert(behind)?;
        Ok(())
    })
}

/// Writes the server's address, for example http://127.0.0.1:40123, into a place of the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_server_endpoint(
    server: kinetik_server,
    url: *mut c_char,
    size: usize,
) -> kinetik_status {
    guard(|| {
        let endpoint = SERVERS.get(server.handle)?.endpoint();
        // SAFETY: the caller passes NULL or `size` writable bytes.
        unsafe { write_text(&endpoint, url, size) }
    })
}

/// Stops a server and frees it; its records are gone. Calls under way in other threads end first.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_server_stop(server: kinetik_server) -> kinetik_status {
    guard(|| blocking(|| SERVERS.remove(server.handle).map(|_| ())))
}
