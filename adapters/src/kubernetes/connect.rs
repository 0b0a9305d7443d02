//! From a kubeconfig to a client. A server-side kubeconfig holds everything in itself: it names no file of the server's.

use super::access::Access;
use jiff::Timestamp;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::{Path, PathBuf};

/// Whether a kubeconfig may run a program of the server's machine to get credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecPolicy {
    Refuse,
    Allow,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the kubeconfig cannot be read: {0}")]
    Unreadable(String),
    #[error(
        "the kubeconfig names the file {path}; the CLI puts such files in: sliceway cluster add NAME --kubeconfig F"
    )]
    NamesFile { path: String },
    #[error(
        "the kubeconfig runs the program {command:?}; allow it by [clusters] allow_exec = true in the server's configuration"
    )]
    Exec { command: String },
    #[error(
        "the kubeconfig uses the auth-provider {name:?}, which Kubernetes dropped; give a token or a client certificate"
    )]
    AuthProvider { name: String },
    #[error(
        "the program {command:?} that the kubeconfig runs did not end within {seconds} s; run it by hand on the server's machine"
    )]
    Slow { command: String, seconds: u64 },
    #[error("the program {command:?} that the kubeconfig runs: {cause}; run it by hand on the server's machine")]
    Program { command: String, cause: String },
    #[error("{path} cannot be read: {cause}")]
    File { path: PathBuf, cause: String },
    #[error("the kubeconfig has no context {wanted:?}; it has: {known}")]
    NoContext { wanted: String, known: String },
}

/// How a kubeconfig opens its cluster. Connects to nothing and runs nothing yet.
pub(super) async fn access(text: &str, exec: ExecPolicy) -> Result<Access, ConnectError> {
    let kubeconfig = parse(text)?;
    refuse_files(&kubeconfig)?;
    let users = kubeconfig.auth_infos.iter().filter_map(|user| user.auth_info.as_ref());
    if let (ExecPolicy::Refuse, Some(plugin)) = (exec, users.filter_map(|user| user.exec.as_ref()).next()) {
        return Err(ConnectError::Exec { command: plugin.command.clone().unwrap_or_default() });
    }
    let mut users = kubeconfig.auth_infos.iter().filter_map(|user| user.auth_info.as_ref());
    // The client would run its `cmd-path` on the server's machine, whatever the policy says of exec plugins.
    if let Some(provider) = users.find_map(|user| user.auth_provider.as_ref()) {
        return Err(ConnectError::AuthProvider { name: provider.name.clone() });
    }
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| ConnectError::Unreadable(error.to_string()))?;
    // The way is the one that the kubeconfig names, not the one that the server's environment prefers.
    config.proxy_url = None;
    if config.accept_invalid_certs {
        // Whatever certificate it shows is taken: the machine's own, some hundred files, need not be read.
        config.root_cert = Some(vec![]);
    }
    // The engine above retries, and wants to know why.
    config.default_retry = false;
    Access::of(config).map_err(|error| ConnectError::Unreadable(error.to_string()))
}

/// The parser's own words quote the file, and with it a token: they go nowhere.
pub(super) fn parse(text: &str) -> Result<Kubeconfig, ConnectError> {
    let words = "it is no kubeconfig in YAML or JSON (kubectl config view --raw prints one)";
    // The CLI sends JSON, which is read in a fraction of the time.
    if let Ok(kubeconfig) = serde_json::from_str(text) {
        return Ok(kubeconfig);
    }
    Kubeconfig::from_yaml(text).map_err(|_| ConnectError::Unreadable(words.to_owned()))
}

fn refuse_files(kubeconfig: &Kubeconfig) -> Result<(), ConnectError> {
    let clusters = kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref());
    let users = kubeconfig.auth_infos.iter().filter_map(|named| named.auth_info.as_ref());
    let files = clusters.filter_map(|cluster| cluster.certificate_authority.clone()).chain(
        users.flat_map(|user| [&user.client_certificate, &user.client_key, &user.token_file]).flatten().cloned(),
    );
    match files.into_iter().next() {
        Some(path) => Err(ConnectError::NamesFile { path }),
        None => Ok(()),
    }
}

/// When the client certificate of the current context ends.
pub fn certificate_end(text: &str) -> Option<Timestamp> {
    super::way::Way::of(text).client_end
}

/// The client's side: one context of a kubeconfig file, with the files that it names put in.
pub fn inline(path: &Path, context: Option<&str>) -> Result<String, ConnectError> {
    let file =
        |path: &Path, error: std::io::Error| ConnectError::File { path: path.to_owned(), cause: error.to_string() };
    let text = std::fs::read_to_string(path).map_err(|error| file(path, error))?;
    let mut kubeconfig = parse(&text)?;
    let wanted = context.map(str::to_owned).or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
    let found = kubeconfig.contexts.iter().find(|named| named.name == wanted).and_then(|named| named.context.clone());
    let known = kubeconfig.contexts.iter().map(|named| named.name.clone()).collect::<Vec<_>>().join(", ");
    let chosen = found.ok_or(ConnectError::NoContext { wanted: wanted.clone(), known })?;
    kubeconfig.contexts.retain(|named| named.name == wanted);
    kubeconfig.clusters.retain(|named| named.name == chosen.cluster);
    kubeconfig.auth_infos.retain(|named| Some(&named.name) == chosen.user.as_ref());
    kubeconfig.current_context = Some(wanted);
    let folder = path.parent().unwrap_or(Path::new("."));
    put_files_in(&mut kubeconfig, folder)?;
    serde_json::to_string(&kubeconfig).map_err(|error| ConnectError::Unreadable(error.to_string()))
}

fn put_files_in(kubeconfig: &mut Kubeconfig, folder: &Path) -> Result<(), ConnectError> {
    use base64::Engine as _;
    let read = |path: String| {
        let path = folder.join(path);
        std::fs::read(&path).map_err(|error| ConnectError::File { path, cause: error.to_string() })
    };
    let encoded = |path: String| read(path).map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        if let Some(path) = cluster.certificate_authority.take() {
            cluster.certificate_authority_data = Some(encoded(path)?);
        }
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        if let Some(path) = user.client_certificate.take() {
            user.client_certificate_data = Some(encoded(path)?);
        }
        if let Some(path) = user.client_key.take() {
            user.client_key_data = Some(encoded(path)?.into());
        }
        if let Some(path) = user.token_file.take() {
            user.token = Some(String::from_utf8_lossy(&read(path)?).trim().to_owned().into());
        }
    }
    Ok(())
}
