//! Listening: plain on loopback, or TLS; with time-outs, and an end that waits for what is being answered.

use super::App;
use super::connections::Connections;
use super::dispatch::{dispatch, problem_response};
use super::problem::Problem;
use axum::Router;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

/// What is being answered when the server ends gets this long.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {at}: {cause}")]
    Listen { at: SocketAddr, cause: io::Error },
    #[error("{path}: {cause}")]
    Tls { path: PathBuf, cause: String },
    #[error("the listener failed: {0}")]
    Failed(#[from] io::Error),
}

/// Serves until `stop`; `ready` is told the address that was taken.
pub async fn serve(
    app: Arc<App>,
    (at, tls): (SocketAddr, Option<Tls>),
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let tls = tls.as_ref().map(acceptor).transpose()?;
    let listener = TcpListener::bind(at).await.map_err(|cause| ServeError::Listen { at, cause })?;
    ready(listener.local_addr()?);
    let panicked = |_: Box<dyn std::any::Any + Send>| {
        problem_response(&Problem::new(500, "internal", "the server made a mistake; its log says more"))
    };
    let router: Router =
        Router::new().fallback(dispatch).with_state(Arc::clone(&app)).layer(CatchPanicLayer::custom(panicked));
    let connections = Connections { router, tls, deadline: app.head_deadline, stop: stop.clone() };
    let ending = async {
        stop.cancelled().await;
        app.closing.cancel();
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = connections.take(listener) => {}
        () = ending => {}
    }
    Ok(())
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ServeError> {
    let fault = |path: &Path, cause: String| ServeError::Tls { path: path.to_owned(), cause };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| fault(&tls.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| fault(&tls.key, error.to_string()))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| fault(&tls.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
