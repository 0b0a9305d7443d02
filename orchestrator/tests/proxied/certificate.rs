//! A server that shows somebody else's certificate is not spoken to; when the right one is back, what waited goes on.

use crate::control_plane::{ControlPlane, User};
use crate::story::Story;
use models::OperationState;
use rcgen::{CertificateParams, KeyPair};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Passes connections on to the API server, or answers them itself with a certificate that nobody knows.
async fn passage(plane: u16, wrong: Arc<AtomicBool>) -> u16 {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acceptor, wrong) = (acceptor.clone(), wrong.load(Ordering::SeqCst));
            tokio::spawn(async move {
                if wrong {
                    let _ = acceptor.accept(stream).await;
                } else if let Ok(mut server) = TcpStream::connect(("127.0.0.1", plane)).await {
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_waits_while_the_server_shows_a_wrong_certificate_and_says_so() {
    let Some(plane) = ControlPlane::shared() else { return };
    let wrong = Arc::new(AtomicBool::new(true));
    let port = passage(plane.port, Arc::clone(&wrong)).await;
    let kubeconfig = plane.kubeconfig(&User::ADMIN);
    let server = |port: u16| format!("https://127.0.0.1:{port}");
    let story = Story::new(plane, (100_000, &kubeconfig.replace(&server(plane.port), &server(port)))).await;
    let id = story.make().await;
    let end = Instant::now() + Duration::from_secs(20);
    let waits = loop {
        let view = story.view(&id).await;
        match view.operation.waiting_for {
            Some(text) => break text,
            None => assert!(Instant::now() < end, "{:?}", view.operation),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(waits.contains("certificate"), "{waits}");
    wrong.store(false, Ordering::SeqCst);
    let view = story.wait(&id).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(story.faults_when_made(&view).await, Vec::<String>::new());
    assert_eq!(story.faults_when_removed(&story.removed().await).await, Vec::<String>::new());
}
