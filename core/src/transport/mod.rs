//! How a call reaches a service.
