//! Where the worker's program is. Never builds or fetches it: `make` does.

use super::error::HelmError;
use std::path::{Path, PathBuf};

/// The name of the worker's program.
pub const WORKER: &str = "sliceway-helm-worker";

/// The configured path if there is one; else beside the running program; else in the cache folder.
pub fn locate(configured: Option<&Path>, cache: &Path) -> Result<PathBuf, HelmError> {
    if let Some(path) = configured {
        return if path.is_file() { Ok(path.to_owned()) } else { Err(HelmError::Missing(vec![path.to_owned()])) };
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(WORKER)));
    let tried: Vec<PathBuf> = beside.into_iter().chain([cache.join(WORKER), cache.join("bin").join(WORKER)]).collect();
    tried.iter().find(|path| path.is_file()).cloned().ok_or(HelmError::Missing(tried))
}
