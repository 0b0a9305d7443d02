//! Whether a signer is believed: it is one of those who are trusted, or one of those vouches for it. The chain between them is
//! webpki's to build, which bounds how long it looks.

use super::Trust;
use super::certificate::Certificate;
use super::cms::Verified;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert, ring};

/// Why it is not believed, where it is not.
pub(crate) fn judge(of: &Verified, trust: &Trust) -> Result<(), String> {
    let signer = &of.signer;
    let (begin, end) = signer.validity();
    if trust.now < begin {
        return Err(format!("its certificate holds from {begin} on"));
    }
    if trust.now > end {
        return Err(format!("its certificate ended at {end}"));
    }
    if !signer.may_sign() {
        return Err("its certificate is not for signatures (keyUsage)".into());
    }
    if trust.signers.is_empty() {
        return Err("no signer is trusted here".into());
    }
    if trust.signers.contains(signer) {
        return Ok(());
    }
    chain(signer, &of.others, trust)
}

/// What a signer's certificate is for otherwise, nobody asks.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

fn chain(signer: &Certificate, others: &[Certificate], trust: &Trust) -> Result<(), String> {
    let der = |of: &Certificate| CertificateDer::from(of.bytes().to_vec());
    let authorities = trust.signers.iter().filter(|one| one.is_authority() && one.is_valid(trust.now));
    let authorities: Vec<CertificateDer<'_>> = authorities.map(der).collect();
    let anchors: Vec<_> = authorities.iter().filter_map(|one| anchor_from_trusted_cert(one).ok()).collect();
    let between: Vec<CertificateDer<'_>> = others.iter().filter(|other| other.is_authority()).map(der).collect();
    let seconds = u64::try_from(trust.now.as_second()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let own = der(signer);
    let own = EndEntityCert::try_from(&own).map_err(|error| unvouched(&error))?;
    let algorithms = &[
        ring::RSA_PKCS1_2048_8192_SHA256,
        ring::RSA_PKCS1_2048_8192_SHA384,
        ring::RSA_PKCS1_2048_8192_SHA512,
        ring::ECDSA_P256_SHA256,
        ring::ECDSA_P256_SHA384,
        ring::ECDSA_P384_SHA256,
        ring::ECDSA_P384_SHA384,
    ];
    let built = own.verify_for_usage(algorithms, &anchors, &between, now, AnyPurpose, None, None);
    built.map(|_| ()).map_err(|error| unvouched(&error))
}

fn unvouched(error: &Error) -> String {
    match error {
        Error::UnknownIssuer => "it is none of the trusted signers, and none of them vouches for it".into(),
        Error::CertExpired { .. } => "a certificate between it and a trusted signer has ended".into(),
        Error::CertNotValidYet { .. } => "a certificate between it and a trusted signer does not hold yet".into(),
        Error::UnsupportedCertVersion => {
            "it is none of the trusted signers, and its certificate is too old a form (not version 3) for others to \
             vouch for"
                .into()
        }
        other => format!("it is none of the trusted signers, and none of them vouches for it ({other:?})"),
    }
}
