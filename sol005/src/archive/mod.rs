//! Archives of packages, written in memory: the same entries give the same bytes, without times and owners.

mod tar;

pub use tar::Tar;
