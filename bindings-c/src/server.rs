//! The server: an engine behind HTTP on this machine, for any AWS SDK.

use std::ffi::c_char;

use ::kinetik_server::{Server, ServerConfig};
use kinetik_core::engine::{Engine, EngineConfig};
use kinetik_core::{Error, Result};

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
/// for a port (a free one by default), quotas=off lifts the service's quotas.
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
        place.handle = SERVERS.insert(start(&Options::parse(options)?)?)?;
        Ok(())
    })
}

#[derive(Default)]
struct Options {
    port: u16,
    quotas_off: bool,
    streams: Vec<(String, u32)>,
}

impl Options {
    fn parse(text: &str) -> Result<Self> {
        let mut options = Self::default();
        for word in text.split_whitespace() {
            let refused = || {
                Error::invalid(
                    "options",
                    "expected streams=NAME:SHARDS,… port=N or quotas=on|off",
                )
            };
            let (name, value) = word.split_once('=').ok_or_else(refused)?;
            match (name, value) {
                ("port", port) => options.port = port.parse().map_err(|_| refused())?,
                ("quotas", "on") => options.quotas_off = false,
                ("quotas", "off") => options.quotas_off = true,
                ("streams", streams) => {
                    for stream in streams.split(',') {
                        let (name, shards) = stream.split_once(':').ok_or_else(refused)?;
                        let shards = shards.parse().map_err(|_| refused())?;
                        options.streams.push((name.to_owned(), shards));
                    }
                }
                _ => return Err(refused()),
            }
        }
        Ok(options)
    }
}

fn start(options: &Options) -> Result<Server> {
    let engine = Engine::new(EngineConfig {
        quotas: !options.quotas_off,
        ..EngineConfig::default()
    });
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
    guard(|| SERVERS.remove(server.handle).map(|_| ()))
}
