//! A tar, gzipped.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io;
use tar::{Builder, EntryType, Header};

#[derive(Default)]
pub struct Tar {
    entries: Option<Builder<Vec<u8>>>,
}

impl Tar {
    /// Paths longer than a header holds are written in GNU's way.
    pub fn file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let builder = self.entries.get_or_insert_with(|| Builder::new(Vec::new()));
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        builder.append_data(&mut header, path, bytes)
    }

    pub fn gzipped(self) -> io::Result<Vec<u8>> {
        let bytes = self.entries.unwrap_or_else(|| Builder::new(Vec::new())).into_inner()?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        io::Write::write_all(&mut gzip, &bytes)?;
        gzip.finish()
    }
}
