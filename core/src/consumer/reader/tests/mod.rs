//! The reader's state machine against a model of the service that misbehaves as servers do.

mod ledger;
mod memory;
mod model;
mod simulated;
