//! A throw-away CA with what a control plane needs. Its keys must never be used for anything else.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::path::Path;
use std::time::Duration;
use time::OffsetDateTime;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Day,
    /// It ended an hour ago.
    Over,
}

pub struct Pki {
    ca: CertifiedIssuer<'static, KeyPair>,
    ca_pem: String,
    leaf_pem: String,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Pki {
    /// Makes the CA and writes `ca.crt`, `server.{crt,key}` and `account.{pub,key}`.
    pub fn make(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test plane");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut server = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf_pem = server.signed_by(&key, &ca).unwrap().pem();
        let account = KeyPair::generate().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("ca.crt", &ca.pem());
        write("server.crt", &leaf_pem);
        write("server.key", &key.serialize_pem());
        write("account.pub", &account.public_key_pem());
        write("account.key", &account.serialize_pem());
        Self { ca_pem: ca.pem(), ca, leaf_pem }
    }

    pub fn ca(&self) -> &str {
        &self.ca_pem
    }

    pub fn leaf(&self) -> &str {
        &self.leaf_pem
    }

    /// Certificate and key of a client.
    pub fn client(&self, name: &str, group: &str, life: Life) -> (String, String) {
        let now = OffsetDateTime::now_utc();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = match life {
            Life::Day => (now - HOUR, now + 24 * HOUR),
            Life::Over => (now - 2 * HOUR, now - HOUR),
        };
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.ca).unwrap().pem(), key.serialize_pem())
    }
}
