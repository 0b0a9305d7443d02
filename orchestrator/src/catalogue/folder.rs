//! Folders of charts: packed by the CLI, or on the server by its allow-list.

use super::CatalogueError;
use super::repositories::problem;
use adapters::helm::pack_folder;
use models::repository::RepositorySpec;
use std::path::{Path, PathBuf};

/// How deep below the uploaded folder a chart may lie that others refer to by `file://`.
const DEPTH: usize = 3;

/// One packed chart folder.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The folder's path below the uploaded one. Only those directly below are charts of the repository; the others are
    /// there for `file://`.
    pub name: String,
    pub archive: Vec<u8>,
}

impl Upload {
    pub(super) fn is_own(&self) -> bool {
        !self.name.contains('/')
    }
}

/// Every folder with a Chart.yaml below an allowed path.
pub(super) fn allowed(spec: &RepositorySpec, allow_paths: &[PathBuf]) -> Result<Vec<Upload>, CatalogueError> {
    let path = spec.path.as_deref();
    let path =
        Path::new(path.ok_or_else(|| problem("spec", "neither path, url nor charts", "give spec.path or spec.url"))?);
    let real = path.canonicalize().map_err(|error| {
        problem("spec.path", format!("{}: {error}", path.display()), "give a folder that exists on the server")
    })?;
    if !allow_paths.iter().any(|allowed| real.starts_with(allowed)) {
        let mend = "allow it by [repositories] allow_paths in the server's configuration, or upload by the CLI: \
                    sliceway repository add NAME --path DIR";
        return Err(problem("spec.path", format!("the server may not read {}", real.display()), mend));
    }
    chart_folders(&real).map_err(|error| problem("spec.path", error, "mend or move the folder"))
}

/// Packs every chart below a folder; also what the CLI uploads.
pub(crate) fn chart_folders(folder: &Path) -> Result<Vec<Upload>, String> {
    let mut uploads = Vec::new();
    walk(folder, "", &mut uploads)?;
    if !uploads.iter().any(Upload::is_own) {
        return Err(format!("{} holds no folder with a Chart.yaml", folder.display()));
    }
    uploads.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(uploads)
}

fn walk(folder: &Path, inside: &str, uploads: &mut Vec<Upload>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let name = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if path.join("Chart.yaml").is_file() {
            match pack_folder(&path) {
                Ok(archive) => uploads.push(Upload { name, archive }),
                // Whoever refers to one that lies deeper is told that it is not there.
                Err(_) if !inside.is_empty() => {}
                Err(error) => return Err(format!("{}: {error}", path.display())),
            }
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_walked(&name) {
            walk(&path, &name, uploads)?;
        }
    }
    Ok(())
}

fn is_walked(name: &str) -> bool {
    name.split('/').count() < DEPTH && !name.split('/').any(|part| part.starts_with('.'))
}
