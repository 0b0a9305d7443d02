//! A zip: entries in the order in which they are given, of one moment, so that the same entries give the same bytes.

use std::io::{self, Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

pub struct Zip {
    entries: ZipWriter<Cursor<Vec<u8>>>,
}

impl Default for Zip {
    fn default() -> Self {
        Self { entries: ZipWriter::new(Cursor::new(Vec::new())) }
    }
}

impl Zip {
    pub fn file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        self.entries.start_file(path, options).map_err(io::Error::other)?;
        self.entries.write_all(bytes)
    }

    pub fn finished(self) -> io::Result<Vec<u8>> {
        Ok(self.entries.finish().map_err(io::Error::other)?.into_inner())
    }
}
