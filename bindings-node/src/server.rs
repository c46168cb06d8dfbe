//! An engine behind HTTP.

use std::net::IpAddr;

use kinetik::engine::Engine;
use kinetik::transport::Endpoint;
use kinetik::{Error, ErrorKind, Result};
use kinetik_server::{Server, ServerConfig};
use napi::Env;
use napi_derive::napi;
use tokio::sync::oneshot;

use crate::engine::{NativeEndpoint, NativeEngine};
use crate::errors::guard;
use crate::event_loop::promise;
use crate::js::Raw;

/// A running server; `None` once it was stopped.
#[napi]
pub struct NativeServer {
    server: Option<Server>,
    engine: Engine,
    url: String,
}

/// Starts a server in front of an engine.
#[napi]
pub fn start_server(
    env: Env,
    host: Option<String>,
    port: Option<f64>,
    engine: &NativeEngine,
) -> napi::Result<NativeServer> {
    guard(env.raw(), || {
        let default = ServerConfig::default();
        let server = Server::start(ServerConfig {
            host: host.map_or(Ok(default.host), |host| address(&host))?,
            port: port.map_or(Ok(default.port), port_number)?,
            engine: engine.0.clone(),
            ..default
        })?;
        Ok(NativeServer {
            engine: server.engine().clone(),
            url: server.endpoint(),
            server: Some(server),
        })
    })
}

fn address(host: &str) -> Result<IpAddr> {
    host.parse()
        .map_err(|_| Error::invalid("host", "expected an IP address, for example 127.0.0.1"))
}

fn port_number(port: f64) -> Result<u16> {
    let whole = port as u16;
    (f64::from(whole) == port)
        .then_some(whole)
        .ok_or_else(|| Error::invalid("port", "expected 0 to 65535"))
}

#[napi]
impl NativeServer {
    /// Its URL.
    #[napi(catch_unwind)]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The endpoint that reaches it.
    #[napi(catch_unwind)]
    pub fn endpoint(&self) -> NativeEndpoint {
        NativeEndpoint(Endpoint::from(self.url.as_str()))
    }

    /// The engine behind it.
    #[napi(catch_unwind)]
    pub fn engine(&self) -> NativeEngine {
        NativeEngine(self.engine.clone())
    }

    /// The region that its ARNs name.
    #[napi(catch_unwind)]
    pub fn region(&self) -> String {
        self.engine.config().region.clone()
    }

    /// Stops it; stopping again does nothing.
    #[napi]
    pub fn stop(&mut self, env: Env) -> napi::Result<Raw> {
        guard(env.raw(), || {
            let (stopped, done) = oneshot::channel::<()>();
            if let Some(server) = self.server.take() {
                // Requests that are being answered may take a second; no event loop waits for that.
                std::thread::Builder::new()
                    .name("kinetik-stop".into())
                    .spawn(move || {
                        server.stop();
                        drop(stopped);
                    })
                    .map_err(|error| {
                        Error::new(ErrorKind::Internal, "no thread to stop the server")
                            .source(error)
                    })?;
            }
            let ended = async move {
                // The other end says nothing: it is dropped when the server has stopped.
                let _ = done.await;
                Ok(())
            };
            promise(env.raw(), ended, |_, ()| ()).map(Raw)
        })
    }
}
