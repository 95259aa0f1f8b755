//! What several fuzz targets share.

pub mod decoder;
pub mod memory;
