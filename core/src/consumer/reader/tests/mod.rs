//! The reader's state machine against a model of the service that misbehaves as servers do.

mod answers;
mod engine;
mod events;
mod fan_out;
mod fan_out_simulated;
mod hostile;
mod ledger;
mod listings;
mod memory;
mod model;
mod remade;
mod simulated;
mod until;
mod way;
