//! How a command reaches the service.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kinetik::Result;
use kinetik::client::{Client, ClientConfig};
use kinetik::time::Clock;
use kinetik::transport::{Connect, Endpoint, Proxy, Transport};

/// The arguments that every client command takes; the AWS variables fill in what is not given.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Where the service is: http://HOST:PORT or https://HOST [default: AWS, by the AWS variables and profile]
    #[arg(long, env = "KINETIK_ENDPOINT_URL", value_name = "URL")]
    endpoint_url: Option<String>,
    /// The region.
    #[arg(long)]
    region: Option<String>,
    /// The profile of the AWS configuration files.
    #[arg(long)]
    profile: Option<String>,
    /// A file of root certificates (PEM) to trust instead of the machine's [default: AWS_CA_BUNDLE]
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// The proxy to go through, http://[USER:PASSWORD@]HOST:PORT, or none [default: HTTPS_PROXY, NO_PROXY, …]
    #[arg(long, value_name = "URL")]
    proxy: Option<Proxy>,
    /// The form of bodies: auto (CBOR to AWS), json or cbor.
    #[arg(long, default_value = "auto")]
    wire: String,
    /// Seconds that a connection may take.
    #[arg(long, default_value_t = 3.1, value_name = "SECONDS")]
    connect_timeout: f64,
    /// Seconds that one request may take.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    request_timeout: f64,
}

impl Reach {
    pub(crate) fn endpoint(&self) -> Result<Endpoint> {
        self.endpoint_url.as_deref().unwrap_or_default().parse()
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let (connect, config) = self.settings(&Clock::system())?;
        Client::connect(&self.endpoint()?, &connect, config)
    }

    /// The way to the service, for callers with this clock.
    pub(crate) fn transport(&self, clock: &Clock) -> Result<Arc<dyn Transport>> {
        let (connect, _) = self.settings(clock)?;
        self.endpoint()?.connect(&connect)
    }

    fn settings(&self, clock: &Clock) -> Result<(Connect, ClientConfig)> {
        let mut config = ClientConfig {
            clock: clock.clone(),
            ..ClientConfig::default()
        };
        let mut connect = Connect {
            region: self.region.clone(),
            profile: self.profile.clone(),
            ca_bundle: self.ca_bundle.clone(),
            proxy: self.proxy.clone(),
            clock: clock.clone(),
            ..Connect::default()
        };
        config.set(&mut connect, "wire", &self.wire)?;
        for (name, seconds) in [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
        ] {
            config.set(&mut connect, name, &seconds.to_string())?;
        }
        Ok((connect, config))
    }
}
