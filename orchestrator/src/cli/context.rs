//! Which server the CLI speaks to: flags, then environment, then the file that `login` and `serve` write.

use super::error::Failed;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// `https://host:port`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// A PEM file with the CA of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
}

/// `$SLICEWAY_CONFIG`, or `~/.config/sliceway/cli.toml`.
pub(crate) fn path() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".config/sliceway/cli.toml"));
    std::env::var_os("SLICEWAY_CONFIG").map(PathBuf::from).or_else(home)
}

pub(crate) fn read() -> Result<Context, Failed> {
    let Some(path) = path() else { return Ok(Context::default()) };
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Context::default()),
        Err(error) => Err(Failed::usage(format!("{}: {error}", path.display()))),
        Ok(text) => toml::from_str(&text).map_err(|error| {
            Failed::usage(format!("{}: {error}", path.display()))
                .next("mend the file, or remove it and: sliceway login")
        }),
    }
}

/// Only for its owner: it holds a token.
pub(crate) fn write(context: &Context) -> Result<PathBuf, Failed> {
    let path = path().ok_or_else(|| Failed::usage("neither SLICEWAY_CONFIG nor HOME is set"))?;
    let fault = |error: std::io::Error| Failed::new(super::exit::FAILED, format!("{}: {error}", path.display()));
    let text = toml::to_string(context).map_err(|error| Failed::usage(error.to_string()))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(fault)?;
    file.write_all(text.as_bytes()).map_err(fault)?;
    Ok(path)
}
