//! The nouns of the service and its limits.
