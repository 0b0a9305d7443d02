//! `sliceway bridge`: the service beside an MQTT broker that keeps SenML readings and answers queries about them. It is a
//! part of the data path, runs in a slice's own pod, and knows nothing of the orchestrator.

#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod http;
mod readings;
mod senml;
mod subscriber;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use readings::Readings;

/// Bytes of memory that readings may take before the oldest go: some 60,000 of a usual length, well within the pod's limit.
pub const DEFAULT_BOUND: usize = 48 << 20;

/// What the service is told.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// Where queries are answered.
    pub listen: SocketAddr,
    /// The broker, without TLS: it stands in the same pod.
    pub mqtt: SocketAddr,
    /// The folder of the readings.
    pub data: PathBuf,
    /// How many bytes of memory the readings may take, about; the file stays below that too.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    const MOSQUITTO: &str = "/usr/sbin/mosquitto";
    const MOSQUITTO_PUB: &str = "/usr/bin/mosquitto_pub";

    /// Where there is none, that is said past the harness, which keeps what a passing test prints to itself.
    #[allow(clippy::explicit_write, reason = "the harness catches what the macro prints")]
    fn has_mosquitto() -> bool {
        use std::io::Write as _;
        let there = [MOSQUITTO, MOSQUITTO_PUB].iter().all(|program| Path::new(program).exists());
        if !there {
            assert!(std::env::var_os("CI").is_none(), "CI has {MOSQUITTO} and {MOSQUITTO_PUB}");
            writeln!(std::io::stderr(), "SKIPPED: no mosquitto here; apt-get install mosquitto mosquitto-clients")
                .unwrap();
        }
        there
    }

    struct Broker {
        child: Child,
        address: SocketAddr,
    }

    impl Drop for Broker {
        fn drop(&mut self) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }

    fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn broker() -> Broker {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let port = address.port().to_string();
        let mut command = Command::new(MOSQUITTO);
        let child = command.args(["-p", &port]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let broker = Broker { child, address };
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "mosquitto does not answer");
            std::thread::yield_now();
        }
        broker
    }

    fn publish(broker: &Broker, pack: &str) {
        let port = broker.address.port().to_string();
        let words = ["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", "sliceway/thermo-1/temperature", "-m", pack];
        assert!(Command::new(MOSQUITTO_PUB).args(words).status().unwrap().success());
    }

    fn config(broker: &Broker, data: &Path) -> BridgeConfig {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let clock = || jiff::Timestamp::UNIX_EPOCH;
        BridgeConfig { listen, mqtt: broker.address, data: data.to_owned(), bound: 1 << 20, clock }
    }

    /// Asks until the answer has so many readings.
    async fn answer(listen: SocketAddr, readings: usize) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let mut text = String::new();
            if let Ok(mut stream) = tokio::net::TcpStream::connect(listen).await {
                let request = "GET /readings?device=thermo-1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
                stream.write_all(request.as_bytes()).await.unwrap();
                stream.read_to_string(&mut text).await.unwrap();
            }
            if text.matches("\"resource\"").count() == readings {
                return text;
            }
            assert!(Instant::now() < end, "{readings} readings are not in: {text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn what_is_published_while_the_service_is_away_is_kept_when_it_returns() {
        if !has_mosquitto() {
            return;
        }
        let (broker, data) = (broker(), tempfile::tempdir().unwrap());
        let first = config(&broker, data.path());
        let service = tokio::spawn(run(first.clone()));
        // The service is subscribed once a pack that is sent again and again arrives; it is one and the same reading.
        let end = Instant::now() + Duration::from_secs(20);
        while std::fs::metadata(data.path().join("readings.jsonl")).map_or(0, |file| file.len()) == 0 {
            assert!(Instant::now() < end, "nothing was kept");
            publish(&broker, r#"[{"n":"t","t":2000000000,"v":1}]"#);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(answer(first.listen, 1).await.contains("application/senml+json"));
        service.abort();
        assert!(service.await.unwrap_err().is_cancelled());
        publish(&broker, "no SenML at all");
        publish(&broker, r#"[{"n":"t","t":2000000001,"v":2}]"#);
        let second = config(&broker, data.path());
        let service = tokio::spawn(run(second.clone()));
        assert!(answer(second.listen, 2).await.contains(r#""v":2.0"#));
        service.abort();
    }
}
