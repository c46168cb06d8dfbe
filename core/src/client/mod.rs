//! One method per operation of the service, with retries.
