//! `sliceway bridge`: the service beside an MQTT broker that keeps SenML readings and answers queries about them. It is a
//! part of the data path, runs in a slice's own pod, and knows nothing of the orchestrator.

mod http;
mod readings;
mod senml;
mod subscriber;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use readings::Readings;

/// How many readings are kept before the oldest go.
pub const DEFAULT_BOUND: usize = 200_000;

/// What the service is told.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// Where queries are answered.
    pub listen: SocketAddr,
    /// The broker, without TLS: it stands in the same pod.
    pub mqtt: SocketAddr,
    /// The folder of the readings.
    pub data: PathBuf,
    /// How many readings are kept.
    pub bound: usize,
    pub clock: fn() -> jiff::Timestamp,
}

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    #[error("cannot keep readings")]
    Data(#[source] std::io::Error),
    #[error("cannot answer on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    #[error("the MQTT client failed: {0}")]
    Mqtt(String),
}

/// Runs until something fails for good.
///
/// # Errors
/// When the folder cannot be written, the address cannot be listened on, or the client breaks.
pub async fn run(config: BridgeConfig) -> Result<(), BridgeError> {
    let (data, bound) = (config.data.clone(), config.bound);
    let opened = tokio::task::spawn_blocking(move || Readings::open(&data, bound));
    let readings = opened.await.map_err(|error| BridgeError::Mqtt(error.to_string()))?.map_err(BridgeError::Data)?;
    let readings = Arc::new(Mutex::new(readings));
    let failed = |error| BridgeError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    tokio::select! {
        ended = subscriber::run(&config, readings.clone()) => ended,
        ended = axum::serve(listener, http::router(readings.clone())).into_future() => ended.map_err(failed),
    }
}
