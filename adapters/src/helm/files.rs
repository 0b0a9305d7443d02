//! A packed chart as its files, to put subcharts in and take folders out. Nothing is written to a disk.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::Read as _;
use std::path::{Component, Path};

/// As in the worker and in packing.
const MAX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 10_000;
const TOP: &str = "chart";

/// Names without the archive's top folder, in the archive's order.
#[derive(Debug, Clone, Default)]
pub struct ChartFiles(Vec<(String, Vec<u8>)>);

impl ChartFiles {
    /// What is wrong with it, in words, where it is no such archive.
    pub fn read(archive: &[u8]) -> Result<Self, String> {
        // Headers and padding come on top of the files.
        let bounded = GzDecoder::new(archive).take(MAX_BYTES + MAX_FILES as u64 * 2_048);
        let mut archive = tar::Archive::new(bounded);
        let mut files = Vec::new();
        let mut bytes = 0;
        for entry in archive.entries().map_err(|error| error.to_string())? {
            let mut entry = entry.map_err(|error| error.to_string())?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = inside(&entry.path().map_err(|error| error.to_string())?)?;
            let mut data = Vec::new();
            entry.read_to_end(&mut data).map_err(|error| error.to_string())?;
            bytes += data.len() as u64;
            if files.len() >= MAX_FILES || bytes > MAX_BYTES {
                return Err(format!("the chart has more than {MAX_FILES} files or {MAX_BYTES} bytes"));
            }
            files.push((name, data));
        }
        Ok(Self(files))
    }

    pub fn all(&self) -> &[(String, Vec<u8>)] {
        &self.0
    }

    /// The chart that a folder of this one is.
    pub(crate) fn below(&self, folder: &str) -> Option<Self> {
        let prefix = format!("{folder}/");
        let below =
            self.0.iter().filter_map(|(name, data)| Some((name.strip_prefix(&prefix)?.to_owned(), data.clone())));
        let files = Self(below.collect());
        files.0.iter().any(|(name, _)| name == "Chart.yaml").then_some(files)
    }

    pub(crate) fn remove(&mut self, file: &str) {
        self.0.retain(|(name, _)| name != file);
    }

    pub(crate) fn add(&mut self, file: String, data: Vec<u8>) {
        self.remove(&file);
        self.0.push((file, data));
    }

    pub(crate) fn pack(&self) -> Result<Vec<u8>, String> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (name, data) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            let path = format!("{TOP}/{name}");
            archive.append_data(&mut header, path, data.as_slice()).map_err(|error| error.to_string())?;
        }
        archive.into_inner().and_then(GzEncoder::finish).map_err(|error| error.to_string())
    }
}

fn inside(path: &Path) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => {
                let name = part.to_str().ok_or("a file's name is not UTF-8")?;
                // No archive could be written of it again.
                if name.contains('\0') {
                    return Err(format!("{:?} is no name of a file", path.display().to_string()));
                }
                parts.push(name);
            }
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!("{} leads out of the chart's folder", path.display()));
            }
        }
    }
    match parts.split_first() {
        Some((_, rest)) if !rest.is_empty() => Ok(rest.join("/")),
        _ => Err(format!("{} is not in the chart's folder", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_there_and_a_folder_comes_out_as_a_chart() {
        let mut files = ChartFiles::default();
        files.add("Chart.yaml".into(), b"a".to_vec());
        files.add("libs/x/Chart.yaml".into(), b"x".to_vec());
        files.add("libs/x/templates/t.yaml".into(), b"t".to_vec());
        let read = ChartFiles::read(&files.pack().unwrap()).unwrap();
        assert_eq!(read.0, files.0);
        assert_eq!(read.below("libs/x").unwrap().0.len(), 2);
        assert!(read.below("libs").is_none());
    }
}
