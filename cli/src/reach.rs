//! How a command reaches the service.

use std::path::PathBuf;

use clap::Args;
use kinetik::Result;
use kinetik::client::{Client, ClientConfig};
use kinetik::transport::{Connect, Endpoint, Proxy};

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
        let endpoint = self.endpoint()?;
        let mut config = ClientConfig::default();
        let mut connect = Connect {
            region: self.region.clone(),
            profile: self.profile.clone(),
            ca_bundle: self.ca_bundle.clone(),
            proxy: self.proxy.clone(),
            clock: config.clock.clone(),
            ..Connect::default()
        };
        config.set(&mut connect, "wire", &self.wire)?;
        for (name, seconds) in [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
        ] {
            config.set(&mut connect, name, &seconds.to_string())?;
        }
        Client::connect(&endpoint, &connect, config)
    }
}
