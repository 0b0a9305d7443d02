//! The certificates of one cluster: a throw-away CA of its own, a key for each identity, a kubeconfig for each client.
//! The CA's key never leaves the cluster's folder.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

use crate::error::{Doing, LabError, Result};
use crate::file::Cluster;

/// What the certificates of a cluster are made for.
pub(crate) struct Pki<'a> {
    pub(crate) cluster: &'a Cluster,
    /// Where programs of the root namespace reach the API server.
    pub(crate) management: IpAddr,
    /// The day of making; certificates begin the day before and last a year.
    pub(crate) today: jiff::civil::Date,
    pub(crate) dir: PathBuf,
}

struct Identity<'a> {
    file: &'a str,
    name: String,
    group: Option<&'a str>,
    usage: ExtendedKeyUsagePurpose,
    addresses: Vec<IpAddr>,
    hosts: Vec<String>,
}

impl<'a> Identity<'a> {
    fn client(file: &'a str, name: &str, group: Option<&'a str>) -> Self {
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        Self { file, name: name.to_owned(), group, usage, addresses: Vec::new(), hosts: Vec::new() }
    }

    fn server(file: &'a str, name: &str, addresses: Vec<IpAddr>) -> Self {
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        Self { file, name: name.to_owned(), group: None, usage, addresses, hosts: Vec::new() }
    }
}

impl Pki<'_> {
    /// Writes every key, certificate and kubeconfig of the cluster.
    pub(crate) fn write(&self) -> Result<()> {
        let pki = self.dir.join("pki");
        fs::create_dir_all(&pki).doing("make", &pki)?;
        let mut params = self.params(&format!("{}-ca", self.cluster.name))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        public(&pki.join("ca.crt"), &certificate)?;
        secret(&pki.join("ca.key"), &key.serialize_pem())?;
        let issuer = Issuer::new(params, key);
        for identity in self.identities() {
            self.issue(&pki, &issuer, &identity)?;
        }
        let accounts = KeyPair::generate()?;
        secret(&pki.join("sa.key"), &accounts.serialize_pem())?;
        public(&pki.join("sa.pub"), &accounts.public_key_pem())?;
        self.kubeconfigs(&pki)
    }

    fn identities(&self) -> Vec<Identity<'static>> {
        let cluster = self.cluster;
        let (node, address) = (cluster.node_name(), IpAddr::from(cluster.node_address()));
        let services = IpAddr::from(cluster.services.host(1));
        let api = vec![IpAddr::from([127, 0, 0, 1]), address, self.management, services];
        let local = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let mut hosts: Vec<String> = local.map(str::to_owned).to_vec();
        hosts.push("kubernetes.default.svc.cluster.local".to_owned());
        let node_user = format!("system:node:{node}");
        vec![
            Identity { hosts, ..Identity::server("api", "kube-apiserver", api) },
            Identity { hosts: vec![node], ..Identity::server("kubelet-server", &node_user, vec![address]) },
            Identity::client("api-kubelet", "kube-apiserver-kubelet-client", Some("system:masters")),
            Identity::client("admin", "admin", Some("system:masters")),
            Identity::client("controllers", "system:kube-controller-manager", None),
            Identity::client("scheduler", "system:kube-scheduler", None),
            Identity::client("kubelet", &node_user, Some("system:nodes")),
            Identity::client("proxy", "system:kube-proxy", None),
            Identity::client("front-proxy", "front-proxy-client", None),
        ]
    }

    fn params(&self, name: &str) -> Result<CertificateParams> {
        let mut params = CertificateParams::new(Vec::new())?;
        let day = |date: jiff::civil::Date| {
            let part = |value: i8| u8::try_from(value).unwrap_or(1);
            rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
        };
        params.not_before = day(self.today.saturating_sub(jiff::Span::new().days(1)));
        params.not_after = day(self.today.saturating_add(jiff::Span::new().days(365)));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Ok(params)
    }

    fn issue(&self, pki: &Path, issuer: &Issuer<'_, KeyPair>, identity: &Identity<'_>) -> Result<()> {
        let mut params = self.params(&identity.name)?;
        if let Some(group) = identity.group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![identity.usage.clone()];
        params.subject_alt_names = identity.addresses.iter().map(|address| SanType::IpAddress(*address)).collect();
        for host in &identity.hosts {
            params.subject_alt_names.push(SanType::DnsName(host.as_str().try_into()?));
        }
        let key = KeyPair::generate()?;
        public(&pki.join(format!("{}.crt", identity.file)), &params.signed_by(&key, issuer)?.pem())?;
        secret(&pki.join(format!("{}.key", identity.file)), &key.serialize_pem())
    }

    fn kubeconfigs(&self, pki: &Path) -> Result<()> {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let clients = [
            ("admin", self.management),
            ("controllers", loopback),
            ("scheduler", loopback),
            ("kubelet", loopback),
            ("proxy", loopback),
        ];
        for (client, server) in clients {
            let data = |file: String| -> Result<String> {
                let path = pki.join(file);
                Ok(STANDARD.encode(fs::read(&path).doing("read", &path)?))
            };
            let (ca, certificate, key) =
                (data("ca.crt".into())?, data(format!("{client}.crt"))?, data(format!("{client}.key"))?);
            let name = &self.cluster.name;
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
                 clusters:\n- name: {name}\n  cluster:\n    server: https://{server}:6443\n    certificate-authority-data: {ca}\n\
                 users:\n- name: {client}\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n\
                 contexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: {client}\n"
            );
            secret(&self.dir.join(format!("{client}.kubeconfig")), &text)?;
        }
        Ok(())
    }
}

fn public(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).doing("write", path)
}

fn secret(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).doing("write", path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .map_err(|source| LabError::Io { what: format!("cannot write {}", path.display()), source })
}
