//! Archives of packages: written in memory, so that the same entries give the same bytes, without times and owners; and read,
//! where they come from strangers.

mod entries;
mod gzip;
mod tar;
mod zip;
mod zipped;

pub(crate) use entries::shown;
pub use entries::{Entries, Limits, Packed, read};
pub use tar::Tar;
pub use zip::Zip;
