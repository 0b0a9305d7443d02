//! Signatures of packages on the command line: who signs, and who is believed. Keys stay here.

use super::args::{BuildPackage, Format, ValidatePackage};
use super::error::Failed;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use sol005::signature::{Certificate, Signer, Trust, Unfit};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Files of keys and certificates are smaller.
const LARGEST: u64 = 1 << 20;

/// Who signs what is built, where somebody does.
pub(super) fn signer(args: &BuildPackage) -> Result<Option<Signer>, Failed> {
    let (Some(key), Some(certificate)) = (&args.sign, &args.certificate) else { return Ok(None) };
    if args.format != Format::Sol001 {
        let message = "--sign: only packages of SOL004 have a manifest that is signed";
        return Err(Failed::usage(message)
            .next("sliceway package build CHART --format sol001 --sign KEY --certificate CERTIFICATE -o DIR"));
    }
    let pair = (read(("--sign", key))?, read(("--certificate", certificate))?);
    let signer = Signer::read((&pair.0, &pair.1), Arc::new(SystemRandom::new()));
    signer.map(Some).map_err(|unfit| match unfit {
        Unfit::Key(why) => Failed::usage(format!("--sign {}: {why}", key.display()))
            .next("make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out KEY"),
        Unfit::Certificate(why) => Failed::usage(format!("--certificate {}: {why}", certificate.display()))
            .next("name the certificate of the key in --sign, as PEM"),
    })
}

/// Who is believed now.
pub(super) fn trust(args: &ValidatePackage) -> Result<Trust, Failed> {
    let mut trust = Trust { required: args.require_signature, now: Timestamp::now(), ..Trust::default() };
    for path in &args.trust {
        trust.signers.extend(certificates(path)?.1);
    }
    if trust.required && trust.signers.is_empty() {
        return Err(Failed::usage("--require-signature: nobody is trusted whose signature it could be")
            .next("say whose: --trust CERTIFICATE"));
    }
    Ok(trust)
}

/// A file of certificates, as its text and what is in it.
pub(super) fn certificates(path: &Path) -> Result<(String, Vec<Certificate>), Failed> {
    let wrong = |why: String| {
        Failed::usage(format!("--trust {}: {why}", path.display())).next("name a file of certificates as PEM")
    };
    let bytes = read(("--trust", path))?;
    let all = Certificate::all(&bytes).map_err(wrong)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
    Ok((text.to_owned(), all))
}

fn read((flag, path): (&str, &Path)) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let mut bytes = Zeroizing::new(Vec::new());
    let done = File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    done.map_err(|error| Failed::usage(format!("{flag} {}: {error}", path.display())))?;
    Ok(bytes)
}
