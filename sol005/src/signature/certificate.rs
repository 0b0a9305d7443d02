//! A certificate as it came: what it says, and the bytes that it is known by.

use crate::archive::shown;
use der::Decode as _;
use der::pem::{self, LineEnding};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};

/// Who signs has fewer above.
pub(super) const MOST: usize = 16;
/// Certificates that are larger are none.
const LARGEST: usize = 256 << 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    pub(super) read: x509_cert::Certificate,
}

impl Certificate {
    /// All that a file holds: PEM, or one in DER. There is at least one.
    pub fn all(bytes: &[u8]) -> Result<Vec<Self>, String> {
        if bytes.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        if !bytes.windows(10).any(|part| part == b"-----BEGIN") {
            return Ok(vec![Self::der(bytes.to_vec())?]);
        }
        let mut all = Vec::new();
        for one in CertificateDer::pem_slice_iter(bytes) {
            let one = one.map_err(|error| format!("it cannot be read as PEM: {error}"))?;
            all.push(Self::der(one.to_vec())?);
            if all.len() > MOST {
                return Err(format!("there are more than {MOST} certificates in it"));
            }
        }
        if all.is_empty() { Err("there is no certificate in it".into()) } else { Ok(all) }
    }

    pub(super) fn der(der: Vec<u8>) -> Result<Self, String> {
        let read = x509_cert::Certificate::from_der(&der);
        let read = read.map_err(|error| format!("the certificate cannot be read: {error}"))?;
        Ok(Self { der, read })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.der
    }

    /// Its subject for people, whatever is in it.
    pub fn subject(&self) -> String {
        let name = self.read.tbs_certificate.subject.to_string();
        if name.is_empty() {
            format!("serial number {}", self.read.tbs_certificate.serial_number)
        } else {
            shown(&name)
        }
    }

    /// `sha256:…` of its bytes.
    pub fn fingerprint(&self) -> String {
        format!("sha256:{:x}", Sha256::digest(&self.der))
    }

    /// From when and until when it may be used, in seconds.
    pub(super) fn validity(&self) -> (Timestamp, Timestamp) {
        let of = |time: &x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
        };
        let validity = &self.read.tbs_certificate.validity;
        (of(&validity.not_before), of(&validity.not_after))
    }

    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        let (begin, end) = self.validity();
        (begin..=end).contains(&now)
    }

    /// Whether it may vouch for others. What says nothing of it may not.
    pub(super) fn is_authority(&self) -> bool {
        let tbs = &self.read.tbs_certificate;
        let says = matches!(tbs.get::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca);
        let may = match tbs.get::<KeyUsage>() {
            Ok(Some((_, usage))) => usage.key_cert_sign(),
            Ok(None) => true,
            Err(_) => false,
        };
        says && may
    }

    /// Whether its key may sign: what says nothing of it may.
    pub(super) fn may_sign(&self) -> bool {
        match self.read.tbs_certificate.get::<KeyUsage>() {
            Ok(Some((_, usage))) => usage.digital_signature() || usage.non_repudiation(),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    pub(super) fn is_called(&self, issuer: &x509_cert::name::Name, serial: &[u8]) -> bool {
        let tbs = &self.read.tbs_certificate;
        tbs.issuer == *issuer && tbs.serial_number.as_bytes() == serial
    }

    pub(super) fn has_key_id(&self, id: &SubjectKeyIdentifier) -> bool {
        matches!(self.read.tbs_certificate.get::<SubjectKeyIdentifier>(), Ok(Some((_, own))) if own == *id)
    }

    /// Its public key, as the algorithms take it.
    pub(super) fn key(&self) -> &[u8] {
        self.read.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes()
    }

    /// In PEM, as files of certificates are written.
    pub(crate) fn pem(&self) -> String {
        pem::encode_string("CERTIFICATE", LineEnding::LF, &self.der).unwrap_or_default()
    }
}
