//! Connections: taken up to a bound, each with a deadline for its handshake and for every head, and ended in order.
//!
//! A client that says nothing, or says it slowly, must never hold up another one.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Connections at one time; more wait to be taken.
const MOST: usize = 4_096;
/// After an accept that failed: the machine is out of something, and it passes.
const PAUSE: Duration = Duration::from_millis(100);
/// HTTP/2 asks a silent client whether it is there.
const PING: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
enum Version {
    Http1,
    Http2,
}

/// What every connection is served with.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) router: Router,
    pub(super) tls: Option<TlsAcceptor>,
    /// For the handshake, and for every head.
    pub(super) deadline: Duration,
    pub(super) stop: CancellationToken,
}

impl Connections {
    /// Takes connections until `stop`, and returns when all of them have ended.
    pub(super) async fn take(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(MOST));
        let open = TaskTracker::new();
        while let Some((stream, from, permit)) = self.next(&listener, &room).await {
            let each = self.clone();
            open.spawn(async move {
                each.connection(stream, from).await;
                drop(permit);
            });
        }
        open.close();
        open.wait().await;
    }

    async fn next(
        &self,
        listener: &TcpListener,
        room: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        loop {
            let taken = async {
                let permit = Arc::clone(room).acquire_owned().await.ok()?;
                Some((listener.accept().await, permit))
            };
            let (accepted, permit) = tokio::select! {
                () = self.stop.cancelled() => return None,
                taken = taken => taken?,
            };
            match accepted {
                Ok((stream, from)) => return Some((stream, from, permit)),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn connection(&self, stream: TcpStream, from: SocketAddr) {
        let Some(tls) = &self.tls else { return self.serve(stream, Version::Http1).await };
        match tokio::time::timeout(self.deadline, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let version = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Version::Http2,
                    Some(_) | None => Version::Http1,
                };
                self.serve(stream, version).await;
            }
            Ok(Err(error)) => tracing::debug!(%from, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%from, "a TLS handshake took too long"),
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, version: Version) {
        let service = self.router.clone().map_request(|request: Request<_>| request.map(Body::new));
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.deadline);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING);
        let builder = match version {
            Version::Http1 => builder.http1_only(),
            Version::Http2 => builder.http2_only(),
        };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
