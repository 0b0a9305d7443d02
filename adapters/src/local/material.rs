//! Makes secret material: ECDSA P-256 certificates and passwords. No IO; clock and randomness are given.
//!
//! It must never make a certificate that outlives its CA.

use crate::port::Sealed;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use std::num::NonZeroU32;
use std::time::Duration;
use time::OffsetDateTime;
use zeroize::Zeroizing;

const CA_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// Peers whose clocks are a little behind accept a fresh certificate.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

const PASSWORD_BYTES: usize = 24;
/// What mosquitto_passwd 2.0.11 writes: `$7$`, rounds, 12 bytes of salt, a digest of 64 bytes.
const MOSQUITTO_ROUNDS: NonZeroU32 = NonZeroU32::new(101).expect("101 is not zero");
const MOSQUITTO_SALT_BYTES: usize = 12;

pub(super) struct Forge<'a> {
    pub(super) now: Timestamp,
    pub(super) life: SignedDuration,
    pub(super) random: &'a (dyn SecureRandom + Send + Sync),
}

type Made = Result<Vec<(String, Sealed)>, String>;

impl Forge<'_> {
    pub(super) fn ca(&self, common_name: &str) -> Made {
        let (key, pem) = self.key()?;
        let mut params = self.params(common_name, &[])?;
        params.not_after = moment(self.now + CA_LIFE);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(|e| e.to_string())?;
        Ok(vec![field("ca.crt", certificate.pem().into_bytes()), ("ca.key".to_owned(), pem)])
    }

    pub(super) fn certificate(&self, ca: &[(String, Sealed)], common_name: &str, dns_names: &[String]) -> Made {
        let ca_crt = text(ca, "ca.crt")?;
        let issuer_end = end(ca_crt.as_bytes()).ok_or("the CA's certificate cannot be read")?;
        if issuer_end <= self.now {
            return Err(format!("its CA ended at {issuer_end}"));
        }
        let issuer_key = KeyPair::from_pem(text(ca, "ca.key")?).map_err(|_| "the CA's key cannot be read")?;
        let issuer = Issuer::from_ca_cert_pem(ca_crt, issuer_key).map_err(|e| e.to_string())?;
        let (key, pem) = self.key()?;
        let mut params = self.params(common_name, dns_names)?;
        params.not_after = moment((self.now + self.life).min(issuer_end));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &issuer).map_err(|e| e.to_string())?;
        Ok(vec![
            field("ca.crt", ca_crt.as_bytes().to_vec()),
            field("tls.crt", certificate.pem().into_bytes()),
            ("tls.key".to_owned(), pem),
        ])
    }

    pub(super) fn password(&self) -> Made {
        let bytes: Zeroizing<[u8; PASSWORD_BYTES]> = self.bytes()?;
        let salt: Zeroizing<[u8; MOSQUITTO_SALT_BYTES]> = self.bytes()?;
        let password = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
        let mosquitto = mosquitto(&password, &*salt);
        Ok(vec![field("password", password.as_bytes().to_vec()), field("mosquitto", mosquitto.into_bytes())])
    }

    fn bytes<const N: usize>(&self) -> Result<Zeroizing<[u8; N]>, String> {
        let mut bytes = Zeroizing::new([0; N]);
        self.random.fill(&mut *bytes).map_err(|_| "the machine gives no randomness")?;
        Ok(bytes)
    }

    fn key(&self) -> Result<(KeyPair, Sealed), String> {
        let fault = "a key could not be made";
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, self.random).map_err(|_| fault)?;
        let key = KeyPair::try_from(der.as_ref()).map_err(|_| fault)?;
        let pem = Zeroizing::new(key.serialize_pem().into_bytes());
        Ok((key, pem))
    }

    fn params(&self, common_name: &str, names: &[String]) -> Result<CertificateParams, String> {
        let bad = |e: rcgen::Error| format!("one of the names {names:?} cannot stand in a certificate: {e}");
        let mut params = CertificateParams::new(names.to_vec()).map_err(bad)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = moment(self.now - BACKDATE.min(self.life / 10));
        Ok(params)
    }
}

/// The form of a mosquitto password file: `$7$rounds$salt$digest`, PBKDF2 with HMAC-SHA512.
fn mosquitto(password: &str, salt: &[u8]) -> String {
    let mut digest = [0u8; 64];
    ring::pbkdf2::derive(ring::pbkdf2::PBKDF2_HMAC_SHA512, MOSQUITTO_ROUNDS, salt, password.as_bytes(), &mut digest);
    format!("$7${MOSQUITTO_ROUNDS}${}${}", STANDARD.encode(salt), STANDARD.encode(digest))
}

fn field(name: &str, value: Vec<u8>) -> (String, Sealed) {
    (name.to_owned(), Zeroizing::new(value))
}

fn text<'f>(fields: &'f [(String, Sealed)], name: &str) -> Result<&'f str, String> {
    let found = fields.iter().find(|(field, _)| field == name);
    found.and_then(|(_, value)| std::str::from_utf8(value).ok()).ok_or_else(|| format!("the CA has no {name}"))
}

fn moment(at: Timestamp) -> OffsetDateTime {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// When the first certificate of a PEM text begins and ends.
pub(super) fn life(pem: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let moment = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    Some((moment(certificate.validity().not_before)?, moment(certificate.validity().not_after)?))
}

pub(super) fn end(pem: &[u8]) -> Option<Timestamp> {
    life(pem).map(|(_, end)| end)
}
