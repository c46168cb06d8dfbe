//! Who looks up the names of hosts.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Looks up the names of hosts: the operating system, or whoever is asked instead of it. Asked for every new connection;
/// nothing is kept. A handle for tests and simulations, as the clock and the dice are.
///
/// ```
/// use kinetik::transport::{Connect, Names};
///
/// let private = |host: &str| match host {
///     "kinesis.internal" => Ok(vec![([10, 0, 0, 7], 0).into()]),
///     _ => Err(std::io::Error::other("unknown host")),
/// };
/// let options = Connect { names: Names::asking(private), ..Connect::default() };
/// assert_eq!(format!("{:?}", options.names), "Names(asking)");
/// ```
#[derive(Clone, Default)]
pub struct Names(Option<Arc<LookUp>>);

type LookUp = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl Names {
    /// The operating system: the default.
    pub const fn system() -> Self {
        Self(None)
    }

    /// This function, called with the host's name while a connection is made, so it may not block. Ports that it gives
    /// do not matter. An error, or no address, makes the connection fail as one that was refused does.
    pub fn asking(
        look_up: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(look_up)))
    }

    /// What the function says; `None` where the operating system is to be asked.
    pub(super) fn look_up(&self, host: &str) -> Option<io::Result<Vec<SocketAddr>>> {
        self.0.as_ref().map(|look_up| look_up(host))
    }

    pub(super) fn is_system(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.is_system() {
            true => "Names(system)",
            false => "Names(asking)",
        })
    }
}
