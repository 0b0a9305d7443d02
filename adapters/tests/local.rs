//! The target `@local`: certificates are checked by a TLS handshake, passwords by mosquitto's own broker.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends so")]

#[path = "safe/mod.rs"]
mod safe;

use adapters::local::{Local, NOT_AFTER};
use adapters::{Port, PortError};
use jiff::{SignedDuration, Timestamp};
use models::resource::{Resource, ResourceId, Target};
use models::secret::{Material, SecretRef, SecretSpec};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use safe::Memory;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

struct Clock(Arc<AtomicI64>);

impl Clock {
    fn local(&self) -> Local {
        let seconds = Arc::clone(&self.0);
        let clock = move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap();
        Local::new(Arc::new(clock), Arc::new(ring::rand::SystemRandom::new()))
    }
}

fn clock() -> Clock {
    Clock(Arc::new(AtomicI64::new(Timestamp::now().as_second())))
}

fn secret(name: &str, version: u32, material: Material) -> Resource {
    let id = ResourceId { target: Target::Local, kind: "secret".into(), namespace: String::new(), name: name.into() };
    Resource::Secret(SecretSpec { id, version, material })
}

fn ca() -> Resource {
    secret("s/ca", 1, Material::Ca { common_name: "slice s".into() })
}

fn certificate(name: &str) -> Resource {
    let ca = SecretRef { id: "s/ca".into(), version: 1 };
    let dns_names = vec![name.to_owned(), "10.0.0.7".to_owned()];
    secret(&format!("s/{name}"), 1, Material::Certificate { ca, common_name: name.into(), dns_names })
}

fn field(safe: &Memory, id: &str, name: &str) -> String {
    let secrets = safe.secrets.lock().unwrap();
    let fields = &secrets[&SecretRef { id: id.into(), version: 1 }];
    let (_, value) = fields.iter().find(|(field, _)| field == name).unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

fn chain(safe: &Memory, id: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(field(safe, id, "tls.crt").as_bytes()).unwrap();
    (vec![certificate], PrivateKeyDer::from_pem_slice(field(safe, id, "tls.key").as_bytes()).unwrap())
}

fn roots(safe: &Memory, id: &str) -> Arc<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(field(safe, id, "ca.crt").as_bytes()).unwrap()).unwrap();
    Arc::new(roots)
}

/// A handshake in memory, both sides with certificates; the client calls the server `name`.
fn handshake(safe: &Memory, name: &str) -> Result<(), rustls::Error> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let verifier = rustls::server::WebPkiClientVerifier::builder(roots(safe, "s/gw")).build().unwrap();
    let (certificates, key) = chain(safe, "s/store");
    let server = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
    let mut server = rustls::ServerConnection::new(Arc::new(server.with_single_cert(certificates, key)?))?;
    let (certificates, key) = chain(safe, "s/gw");
    let client = rustls::ClientConfig::builder().with_root_certificates(roots(safe, "s/store"));
    let client = Arc::new(client.with_client_auth_cert(certificates, key)?);
    let mut client = rustls::ClientConnection::new(client, name.to_owned().try_into().unwrap())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[tokio::test]
async fn two_certificates_of_one_ca_trust_each_other_in_both_directions_and_by_planned_names_only() {
    let (local, safe) = (clock().local(), Arc::new(Memory::default()));
    let call = safe.call("u");
    for want in [ca(), certificate("store"), certificate("gw")] {
        local.apply(&call, &want, None).await.unwrap();
    }
    assert_eq!(handshake(&safe, "store"), Ok(()));
    assert_eq!(handshake(&safe, "10.0.0.7"), Ok(()));
    assert!(handshake(&safe, "elsewhere").is_err());
}

#[tokio::test]
async fn a_version_once_made_stays_and_tells_its_end() {
    let (time, safe) = (clock(), Arc::new(Memory::default()));
    let (local, call) = (time.local(), safe.call("u"));
    let start = Timestamp::from_second(time.0.load(Ordering::Relaxed)).unwrap();
    let made = local.apply(&call, &ca(), None).await.unwrap();
    let leaf = local.apply(&call, &certificate("store"), None).await.unwrap();
    let kept = field(&safe, "s/ca", "ca.key");
    time.0.fetch_add(3600, Ordering::Relaxed);
    assert_eq!(local.apply(&call, &ca(), Some(&made)).await.unwrap(), made);
    assert_eq!(local.observe(&call, ca().id()).await.unwrap(), Some(made.clone()));
    assert_eq!(field(&safe, "s/ca", "ca.key"), kept);
    let end = |seen: &models::Seen| seen.outputs[NOT_AFTER].parse::<Timestamp>().unwrap();
    assert_eq!(end(&made), start + SignedDuration::from_hours(10 * 365 * 24));
    assert_eq!(end(&leaf), start + SignedDuration::from_hours(365 * 24));
}

#[tokio::test]
async fn no_certificate_outlives_its_ca_and_none_is_made_by_one_that_ended() {
    let (time, safe) = (clock(), Arc::new(Memory::default()));
    let (local, call) = (time.local(), safe.call("u"));
    let made = local.apply(&call, &ca(), None).await.unwrap();
    time.0.fetch_add(9 * 365 * 86_400 + 180 * 86_400, Ordering::Relaxed);
    let leaf = local.apply(&call, &certificate("store"), None).await.unwrap();
    assert_eq!(leaf.outputs[NOT_AFTER], made.outputs[NOT_AFTER]);
    time.0.fetch_add(365 * 86_400, Ordering::Relaxed);
    let late = local.apply(&call, &certificate("gw"), None).await;
    assert!(matches!(late, Err(PortError::Invalid { .. })), "{late:?}");
}

#[tokio::test]
async fn a_certificate_needs_its_ca_and_names_that_can_be_written() {
    let (local, safe) = (clock().local(), Arc::new(Memory::default()));
    let call = safe.call("u");
    let missing = local.apply(&call, &certificate("store"), None).await;
    assert!(matches!(missing, Err(PortError::Sealed { .. })), "{missing:?}");
    local.apply(&call, &ca(), None).await.unwrap();
    let odd = local.apply(&call, &certificate("störe"), None).await;
    assert!(matches!(odd, Err(PortError::Invalid { .. })), "{odd:?}");
}

#[tokio::test]
async fn observe_tells_the_newest_version_and_remove_takes_all() {
    let (local, safe) = (clock().local(), Arc::new(Memory::default()));
    let call = safe.call("u");
    let password = |version| secret("s/p", version, Material::Password);
    assert_eq!(local.observe(&call, password(1).id()).await, Ok(None));
    for version in [1, 2, 12] {
        local.apply(&call, &password(version), None).await.unwrap();
    }
    assert_eq!(local.observe(&call, password(1).id()).await.unwrap().unwrap().version, "12");
    local.apply(&call, &secret("s/p2", 1, Material::Password), None).await.unwrap();
    assert_eq!(local.remove(&call, &password(2), None).await, Ok(()));
    assert_eq!(local.remove(&call, &password(2), None).await, Ok(()), "absent is success");
    assert_eq!(local.observe(&call, password(1).id()).await, Ok(None));
    assert!(local.observe(&call, secret("s/p2", 1, Material::Password).id()).await.unwrap().is_some());
}

/// Going back is going back: what was undone is not what counts, and its key is gone. Of what was before, the last stays.
#[tokio::test]
async fn an_undone_version_is_erased_and_of_the_older_ones_the_last_stays() {
    let (local, safe) = (clock().local(), Arc::new(Memory::default()));
    let call = safe.call("u");
    let versions = async || call.safe.versions("s/p").await.unwrap();
    for version in [1, 2, 3] {
        local.apply(&call, &secret("s/p", version, Material::Password), None).await.unwrap();
    }
    assert_eq!(versions().await, [2, 3]);
    local.apply(&call, &secret("s/p", 2, Material::Password), None).await.unwrap();
    assert_eq!(versions().await, [2]);
    let id = secret("s/p", 2, Material::Password).id().clone();
    assert_eq!(local.observe(&call, &id).await.unwrap().unwrap().version, "2");
}

#[tokio::test]
async fn a_kept_version_that_holds_something_else_is_refused() {
    let (local, safe) = (clock().local(), Arc::new(Memory::default()));
    safe.keep("s/ca", "password", "p4ss");
    match local.apply(&safe.call("u"), &ca(), None).await {
        Err(PortError::Invalid { cause, .. }) => assert_eq!(cause, "version 1 is kept already and has no ca.crt"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_that_is_told_contains_a_password() {
    let (local, safe) = (clock().local(), Arc::new(Memory::default()));
    let seen = local.apply(&safe.call("u"), &secret("s/p", 1, Material::Password), None).await.unwrap();
    let password = field(&safe, "s/p", "password");
    assert!(password.len() == 32 && password.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    assert!(!format!("{seen:?}").contains(&password) && seen.digest.is_empty());
}

struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Mosquitto on a free port, with this password file; waits until it listens.
fn broker(folder: &std::path::Path, passwords: &str) -> Option<(Broker, u16)> {
    use std::os::unix::fs::PermissionsExt;
    let program =
        ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].into_iter().find(|p| std::fs::exists(p).unwrap())?;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (file, config) = (folder.join("passwords"), folder.join("broker.conf"));
    std::fs::write(&file, passwords).unwrap();
    // Started by root, mosquitto reads its files as another user.
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\n", file.display());
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(program);
    let child = command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let broker = Broker(child);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < end, "mosquitto does not listen");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Some((broker, port))
}

/// The return code of an MQTT 3.1.1 CONNECT: 0 is accepted, 5 not authorised.
fn connect(port: u16, password: &str) -> u8 {
    use std::io::{Read, Write};
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let body = [text("MQTT"), vec![4, 0b1100_0010, 0, 60], text("c"), text("gw"), text(password)].concat();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&[&[0x10, u8::try_from(body.len()).unwrap()][..], &body].concat()).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    answer[3]
}

#[tokio::test]
async fn mosquitto_takes_the_password_that_was_made_and_no_other() {
    let (local, safe) = (clock().local(), Arc::new(Memory::default()));
    local.apply(&safe.call("u"), &secret("s/p", 1, Material::Password), None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let Some((_broker, port)) = broker(folder.path(), &format!("gw:{}\n", field(&safe, "s/p", "mosquitto"))) else {
        safe::skipped("no mosquitto here (Debian package mosquitto)");
        return;
    };
    assert_eq!(connect(port, &field(&safe, "s/p", "password")), 0);
    assert_eq!(connect(port, "another"), 5);
}
