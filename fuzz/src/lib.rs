//! What several fuzz targets share.

pub mod body;
pub mod forged;
