//! KPL aggregated records: encode, decode, and the MD5 lanes that digest them.

pub mod digest;
