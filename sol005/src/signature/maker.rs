//! Who signs: a key with its certificate. With an RSA key the same bytes have the same signature; with ECDSA each is another.

use super::certificate::Certificate;
use super::cms::{CONTENT_TYPE, DATA, ECDSA_SHA_256, MESSAGE_DIGEST, RSA, SHA_256, SIGNED_DATA, SignedData};
use cms::cert::IssuerAndSerialNumber;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignerIdentifier, SignerInfo, SignerInfos};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::pem::{self, LineEnding};
use der::{Any, Decode as _, Encode as _};
use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io;
use std::sync::Arc;
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned;

pub struct Signer {
    key: Key,
    /// The signer's own first.
    certificates: Vec<Certificate>,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

impl fmt::Debug for Signer {
    /// The key is nobody's to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("certificate", &self.certificate().subject()).finish_non_exhaustive()
    }
}

/// What is wrong with a key or a certificate that somebody wants to sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    Key(String),
    Certificate(String),
}

impl Signer {
    /// A key in PEM (PKCS#8, PKCS#1, SEC1), and its certificate, with those between it and an authority behind it.
    pub fn read(
        (key, certificates): (&[u8], &[u8]),
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, Unfit> {
        let key = Key::read(key, &*random).map_err(Unfit::Key)?;
        let certificates = Certificate::all(certificates).map_err(Unfit::Certificate)?;
        let signer = Self { key, certificates, random };
        if signer.key.public() != signer.certificate().key() {
            return Err(Unfit::Certificate(format!("{} has another key", signer.certificate().subject())));
        }
        if !signer.certificate().may_sign() {
            let message = format!("{} is not for signatures (keyUsage)", signer.certificate().subject());
            return Err(Unfit::Certificate(message));
        }
        Ok(signer)
    }

    pub fn certificate(&self) -> &Certificate {
        // It was read with one at least.
        &self.certificates[0]
    }

    /// CMS, detached, in PEM.
    pub fn sign(&self, content: &[u8]) -> io::Result<String> {
        let der = self.signed(content).and_then(|signed| signed.to_der()).map_err(io::Error::other)?;
        pem::encode_string("CMS", LineEnding::LF, &der).map_err(|error| io::Error::other(error.to_string()))
    }

    fn signed(&self, content: &[u8]) -> Result<ContentInfo, der::Error> {
        let attribute = |oid: ObjectIdentifier, value: Any| {
            Ok::<_, der::Error>(Attribute { oid, values: SetOfVec::try_from(vec![value])? })
        };
        let digest = OctetString::new(Sha256::digest(content).to_vec())?;
        // No moment stands in it: the same bytes have the same signature.
        let attributes = SetOfVec::try_from(vec![
            attribute(CONTENT_TYPE, Any::encode_from(&DATA)?)?,
            attribute(MESSAGE_DIGEST, Any::encode_from(&digest)?)?,
        ])?;
        let signature = self.key.sign(&attributes.to_der()?, &*self.random);
        let signature = signature.map_err(|_| der::Error::from(der::ErrorKind::Failed))?;
        let digest_alg = AlgorithmIdentifierOwned { oid: SHA_256, parameters: None };
        let own = &self.certificate().read.tbs_certificate;
        let sid = IssuerAndSerialNumber { issuer: own.issuer.clone(), serial_number: own.serial_number.clone() };
        let info = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(sid),
            digest_alg: digest_alg.clone(),
            signed_attrs: Some(attributes),
            signature_algorithm: self.key.algorithm(),
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let certificates: Result<Vec<Any>, _> =
            self.certificates.iter().map(|one| Any::from_der(one.bytes())).collect();
        let data = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::try_from(vec![digest_alg])?,
            encap_content_info: EncapsulatedContentInfo { econtent_type: DATA, econtent: None },
            certificates: Some(SetOfVec::try_from(certificates?)?),
            crls: None,
            signer_infos: SignerInfos::try_from(vec![info])?,
        };
        Ok(ContentInfo { content_type: SIGNED_DATA, content: Any::encode_from(&data)? })
    }
}

const KINDS: &str = "RSA keys of 2048 bits or more and EC keys on P-256 are taken";

impl Key {
    fn read(pem: &[u8], random: &dyn SecureRandom) -> Result<Self, String> {
        let key =
            PrivateKeyDer::from_pem_slice(pem).map_err(|error| match pem.windows(9).any(|p| p == b"ENCRYPTED") {
                true => "the key is encrypted: decrypt it first (openssl pkey)".to_owned(),
                false => format!("it cannot be read as a key in PEM: {error}"),
            })?;
        let rsa = |read: Result<RsaKeyPair, ring::error::KeyRejected>| read.map(|key| Self::Rsa(Box::new(key)));
        let ecdsa = |der: &[u8]| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, random).map(|key| Self::Ecdsa(Box::new(key)))
        };
        match &key {
            PrivateKeyDer::Pkcs1(key) => rsa(RsaKeyPair::from_der(key.secret_pkcs1_der())),
            PrivateKeyDer::Sec1(key) => ecdsa(&as_pkcs8(key.secret_sec1_der()).map_err(|error| error.to_string())?),
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                rsa(RsaKeyPair::from_pkcs8(der)).or_else(|why| ecdsa(der).map_err(|_| why))
            }
            _ => return Err(KINDS.into()),
        }
        .map_err(|why| format!("{KINDS} ({why})"))
    }

    fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(key) => key.public_key().as_ref(),
            Self::Ecdsa(key) => key.public_key().as_ref(),
        }
    }

    fn algorithm(&self) -> AlgorithmIdentifierOwned {
        match self {
            Self::Rsa(_) => AlgorithmIdentifierOwned { oid: RSA, parameters: Some(Any::null()) },
            Self::Ecdsa(_) => AlgorithmIdentifierOwned { oid: ECDSA_SHA_256, parameters: None },
        }
    }

    fn sign(&self, bytes: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, ring::error::Unspecified> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, random, bytes, &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(key) => Ok(key.sign(random, bytes)?.as_ref().to_vec()),
        }
    }
}

/// SEC1 is what PKCS#8 (RFC 5915 5) wraps.
fn as_pkcs8(sec1: &[u8]) -> Result<Vec<u8>, der::Error> {
    #[derive(der::Sequence)]
    struct Wrapped {
        version: u8,
        algorithm: AlgorithmIdentifierOwned,
        key: OctetString,
    }
    let curve = Any::encode_from(&super::cms::P_256)?;
    let algorithm = AlgorithmIdentifierOwned { oid: super::cms::EC, parameters: Some(curve) };
    Wrapped { version: 0, algorithm, key: OctetString::new(sec1)? }.to_der()
}
