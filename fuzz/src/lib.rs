//! What several fuzz targets share, and what would hide their point.

pub mod body;
pub mod forged;
pub mod frames;
