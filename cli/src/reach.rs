//! How a command reaches the service.

use std::sync::Arc;

use clap::Args;
use kinetik::Result;
use kinetik::client::{Client, ClientConfig};
use kinetik::time::Clock;
use kinetik::transport::{Connect, Endpoint, Transport};

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
}

impl Reach {
    pub(crate) fn endpoint(&self) -> Result<Endpoint> {
        self.endpoint_url.as_deref().unwrap_or_default().parse()
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let config = ClientConfig::default();
        Ok(Client::new(self.transport(&config.clock)?, config))
    }

    /// The way to the service, for callers with this clock.
    pub(crate) fn transport(&self, clock: &Clock) -> Result<Arc<dyn Transport>> {
        self.endpoint()?.connect(&Connect {
            region: self.region.clone(),
            profile: self.profile.clone(),
            clock: clock.clone(),
            ..Connect::default()
        })
    }
}
