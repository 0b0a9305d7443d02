//! The certificate that a server shows. Nothing is sent but a handshake, and nothing rests on it: whether it is trusted
//! is decided where requests are made.

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(4);

/// When it ends. `server` is a host and a port.
pub(super) async fn end(server: Option<(String, u16)>) -> Result<Timestamp, String> {
    let server = server.ok_or("the kubeconfig names no https server")?;
    let shown = tokio::task::spawn_blocking(move || shake(&server)).await;
    shown.map_err(|error| error.to_string())?
}

fn shake((host, port): &(String, u16)) -> Result<Timestamp, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let address = (host.as_str(), *port).to_socket_addrs().map_err(|error| words(&error))?.next();
    let address = address.ok_or_else(|| format!("{host} has no address"))?;
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| words(&error))?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(|error| words(&error))?;
    socket.set_write_timeout(Some(PATIENCE)).map_err(|error| words(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let verifier = Arc::new(AnyServer(provider));
    let config = builder.map_err(|error| words(&error))?.dangerous().with_custom_certificate_verifier(verifier);
    let name = ServerName::try_from(host.clone()).map_err(|error| words(&error))?;
    let client = ClientConnection::new(Arc::new(config.with_no_client_auth()), name);
    let mut client = client.map_err(|error| words(&error))?;
    while client.peer_certificates().is_none() {
        client.complete_io(&mut socket).map_err(|error| words(&error))?;
    }
    let first = client.peer_certificates().and_then(<[CertificateDer<'_>]>::first).ok_or("it shows none")?;
    let (_, certificate) = x509_parser::parse_x509_certificate(first).map_err(|error| words(&error))?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).map_err(|error| words(&error))
}

/// Looks at whatever is shown.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
