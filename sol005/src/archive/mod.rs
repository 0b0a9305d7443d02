//! Archives of packages, written in memory: the same entries give the same bytes, without times and owners.

mod tar;
mod zip;

pub use tar::Tar;
pub use zip::Zip;
