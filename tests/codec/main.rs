//! The codec against golden vectors, against an independent reader of the same format, and against hostile bytes.

mod decoding;
mod golden;
mod ledger;
mod oracle;
mod sizes;
