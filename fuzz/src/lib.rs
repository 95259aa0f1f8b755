//! What several fuzz targets share.

pub mod arrow;
pub mod decoder;
pub mod memory;
