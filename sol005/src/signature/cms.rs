//! Whether a signature (CMS SignedData, RFC 5652 5) is over these bytes, and by which certificate's key. Whether that one is
//! believed is asked elsewhere.

use super::certificate::{Certificate, MOST};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignerIdentifier, SignerInfo, SignerInfos};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode as _, Encode as _, Sequence, Tag, Tagged as _};
use ring::digest::{self, SHA256, SHA384, SHA512};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use std::borrow::Cow;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// A signature that is larger is none.
const LARGEST: usize = 256 << 10;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

pub(super) const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
pub(super) const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
pub(super) const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
pub(super) const SHA_256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
pub(super) const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const RSA_SHA_256: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
const RSA_SHA_384: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
const RSA_SHA_512: ObjectIdentifier = oid("1.2.840.113549.1.1.13");
pub(super) const EC: ObjectIdentifier = oid("1.2.840.10045.2.1");
pub(super) const ECDSA_SHA_256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
const ECDSA_SHA_384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");
pub(super) const P_256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
const P_384: ObjectIdentifier = oid("1.3.132.0.34");

/// As the crate has it, but with certificates as they came: their bytes are what is signed, trusted and shown.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct SignedData {
    pub(super) version: CmsVersion,
    pub(super) digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    pub(super) encap_content_info: EncapsulatedContentInfo,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) certificates: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) crls: Option<SetOfVec<Any>>,
    pub(super) signer_infos: SignerInfos,
}

/// What is wrong with a signature, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) mend: &'static str,
}

fn fault(message: impl Into<String>, mend: &'static str) -> Fault {
    Fault { message: message.into(), mend }
}

const AGAIN: &str = "sign it anew, with SHA-256 and one certificate's key";
const CHANGED: &str = "what was signed was changed, or the signature is another's: sign it anew";

/// Who signed, and the other certificates that came along.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) signer: Certificate,
    pub(super) others: Vec<Certificate>,
}

/// The signature in DER; `beside` are certificates that it may leave out.
pub(crate) fn verify(signature: &[u8], content: &[u8], beside: &[Certificate]) -> Result<Verified, Fault> {
    let data = read(signature)?;
    let info = match data.signer_infos.0.as_slice() {
        [one] => one,
        [] => return Err(fault("nobody signed it", AGAIN)),
        several => return Err(fault(format!("{} have signed it, and one is taken", several.len()), AGAIN)),
    };
    let mut others = certificates(&data)?;
    others.extend_from_slice(beside);
    let is_signer = |one: &&Certificate| match &info.sid {
        SignerIdentifier::IssuerAndSerialNumber(of) => one.is_called(&of.issuer, of.serial_number.as_bytes()),
        SignerIdentifier::SubjectKeyIdentifier(id) => one.has_key_id(id),
    };
    let Some(signer) = others.iter().find(is_signer).cloned() else {
        let mend = "put it in: sign with the certificate inside, or name its file in ETSI-Entry-Certificate";
        return Err(fault("the signer's certificate is not in the package: nothing can be verified", mend));
    };
    if data.digest_algorithms.iter().all(|of| of.oid != info.digest_alg.oid) {
        return Err(fault(format!("its digest {} is none of those that it names", info.digest_alg.oid), AGAIN));
    }
    let hash = Hash::of(&info.digest_alg.oid)
        .ok_or_else(|| fault(format!("{} is no digest that is taken", info.digest_alg.oid), AGAIN))?;
    let signed = signed(info, content, hash)?;
    let tbs = &signer.read.tbs_certificate;
    let of_key = &tbs.subject_public_key_info.algorithm;
    let algorithm = algorithm(&info.signature_algorithm.oid, of_key, hash).ok_or_else(|| {
        let message = format!("{} with the key {} is not known here", info.signature_algorithm.oid, of_key.oid);
        fault(message, "sign with RSA (PKCS#1, 2048 bits or more) or ECDSA (P-256, P-384), and SHA-256")
    })?;
    let verified = UnparsedPublicKey::new(algorithm, signer.key()).verify(&signed, info.signature.as_bytes());
    verified.map_err(|_| fault(format!("it is not by the key of {}", signer.subject()), CHANGED))?;
    others.retain(|other| *other != signer);
    Ok(Verified { signer, others })
}

fn read(signature: &[u8]) -> Result<SignedData, Fault> {
    let unreadable = |error: der::Error| fault(format!("it cannot be read as CMS: {error}"), AGAIN);
    if signature.len() > LARGEST {
        return Err(fault(format!("it has more than {LARGEST} bytes"), AGAIN));
    }
    let info = ContentInfo::from_der(signature).map_err(unreadable)?;
    if info.content_type != SIGNED_DATA {
        return Err(fault(format!("it is no signature, but {}", info.content_type), AGAIN));
    }
    let data: SignedData = info.content.decode_as().map_err(unreadable)?;
    if data.encap_content_info.econtent.is_some() {
        return Err(fault("what it signs stands in it once more", "sign it detached"));
    }
    if data.encap_content_info.econtent_type != DATA {
        return Err(fault(format!("it signs {}, not data", data.encap_content_info.econtent_type), AGAIN));
    }
    Ok(data)
}

/// What is no certificate of X.509 is passed over.
fn certificates(data: &SignedData) -> Result<Vec<Certificate>, Fault> {
    let all = data.certificates.iter().flat_map(|set| set.iter()).filter(|any| any.tag() == Tag::Sequence);
    let mut found = Vec::new();
    for any in all {
        if found.len() == MOST {
            return Err(fault(format!("there are more than {MOST} certificates in it"), AGAIN));
        }
        let der = any.to_der().map_err(|error| fault(format!("it cannot be read as CMS: {error}"), AGAIN))?;
        found.push(Certificate::der(der).map_err(|message| fault(message, AGAIN))?);
    }
    Ok(found)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(oid: &ObjectIdentifier) -> Option<Self> {
        Some(match *oid {
            SHA_256 => Self::Sha256,
            SHA_384 => Self::Sha384,
            SHA_512 => Self::Sha512,
            _ => return None,
        })
    }

    fn digest(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

/// The bytes that the key signed: the content, or the attributes that hold its digest (RFC 5652 5.4).
fn signed<'c>(info: &SignerInfo, content: &'c [u8], hash: Hash) -> Result<Cow<'c, [u8]>, Fault> {
    let Some(attributes) = &info.signed_attrs else { return Ok(Cow::Borrowed(content)) };
    let one = |oid: ObjectIdentifier, what: &str| {
        let values: Vec<&Any> = attributes.iter().filter(|of| of.oid == oid).flat_map(|of| of.values.iter()).collect();
        match values.as_slice() {
            [one] => Ok(*one),
            _ => Err(fault(format!("its signed attributes say the {what} {} times", values.len()), AGAIN)),
        }
    };
    let kind = one(CONTENT_TYPE, "content's type")?.decode_as::<ObjectIdentifier>();
    if kind != Ok(DATA) {
        return Err(fault("its signed attributes are of another content", AGAIN));
    }
    let told = one(MESSAGE_DIGEST, "digest")?.decode_as::<OctetString>();
    let told = told.map_err(|error| fault(format!("its digest cannot be read: {error}"), AGAIN))?;
    if hash.digest(content).as_ref() != told.as_bytes() {
        let mend = match hash.digest(&with_returns(content)).as_ref() == told.as_bytes() {
            true => "it was signed as a text with other line ends: sign the bytes (openssl cms -sign -binary)",
            false => CHANGED,
        };
        return Err(fault("it is over other bytes than these", mend));
    }
    let bytes = attributes.to_der().map_err(|error| fault(format!("it cannot be read as CMS: {error}"), AGAIN))?;
    Ok(Cow::Owned(bytes))
}

/// As a text travels in mails, which is what some tools sign.
fn with_returns(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + content.len() / 16);
    let mut before = 0;
    for byte in content {
        if *byte == b'\n' && before != b'\r' {
            bytes.push(b'\r');
        }
        bytes.push(*byte);
        before = *byte;
    }
    bytes
}

/// RSA (PKCS#1) and ECDSA; `None`: not known here, or not of this key.
fn algorithm(
    of: &ObjectIdentifier,
    key: &AlgorithmIdentifierOwned,
    hash: Hash,
) -> Option<&'static dyn VerificationAlgorithm> {
    let says = match *of {
        RSA => hash,
        RSA_SHA_256 | ECDSA_SHA_256 => Hash::Sha256,
        RSA_SHA_384 | ECDSA_SHA_384 => Hash::Sha384,
        RSA_SHA_512 => Hash::Sha512,
        _ => return None,
    };
    if says != hash {
        return None;
    }
    if [ECDSA_SHA_256, ECDSA_SHA_384].contains(of) {
        let curve: ObjectIdentifier = key.parameters.as_ref()?.decode_as().ok()?;
        return match (key.oid == EC, curve, hash) {
            (true, P_256, Hash::Sha256) => Some(&signature::ECDSA_P256_SHA256_ASN1),
            (true, P_256, Hash::Sha384) => Some(&signature::ECDSA_P256_SHA384_ASN1),
            (true, P_384, Hash::Sha256) => Some(&signature::ECDSA_P384_SHA256_ASN1),
            (true, P_384, Hash::Sha384) => Some(&signature::ECDSA_P384_SHA384_ASN1),
            _ => None,
        };
    }
    (key.oid == RSA).then_some(match hash {
        Hash::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Hash::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
    })
}
