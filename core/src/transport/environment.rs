//! Where the settings around a process are read.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::FixedState;

/// Where variables are read: the process's environment, or a fixed set in tests.
#[derive(Clone)]
pub struct Environment(Option<Arc<BTreeMap<String, String>>>);

impl Environment {
    /// The process's environment, read when it is asked for.
    pub const fn process() -> Self {
        Self(None)
    }

    /// A fixed set of variables. Nothing outside it is looked at: no file, no other host.
    pub fn fixed<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(Some(Arc::new(variables.collect())))
    }

    /// A variable's value; `None` if it is absent, empty or no text.
    pub fn get(&self, name: &str) -> Option<String> {
        match &self.0 {
            None => std::env::var(name).ok(),
            Some(variables) => variables.get(name).cloned(),
        }
        .filter(|value| !value.is_empty())
    }

    /// What tells the process's environment from an earlier state of it, as far as it says how AWS is reached: tests set
    /// other endpoints one after another.
    pub(super) fn fingerprint(&self) -> u64 {
        let matters = |name: &str| {
            let name = name.to_ascii_uppercase();
            name.starts_with("AWS_") || name.ends_with("_PROXY") || name == "HOME"
        };
        let mut hasher = FixedState::default().build_hasher();
        for (name, value) in std::env::vars_os() {
            if name.to_str().is_some_and(matters) {
                (name, value).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Whether the machine around the process may be looked at.
    pub(super) fn is_process(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_process() {
            "Environment(process)"
        } else {
            "Environment(fixed)"
        })
    }
}
