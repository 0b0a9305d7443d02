//! Where the signature of a package stands (SOL004 5): at the end of its manifest (option 1), or beside the package in a zip
//! of both (option 2).

use super::{Packed, Read, is_csar, package};
use crate::archive::{self, Entries, Limits};
use crate::signature::{BEGIN, Certificate, END, Fault, Trust, judge, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use models::Problem;
use models::package::Signature;

/// What is known of a signature.
pub(super) enum Signed {
    Not,
    /// It holds.
    By(Signature),
    Broken(Problem),
}

const SIGN: &str =
    "have it signed by one of the trusted signers: sliceway package build … --sign KEY --certificate CERT";

impl Signed {
    /// What becomes of it where `trust` decides, with what a person should know.
    pub(super) fn judged(self, name: &str, trust: &Trust) -> Result<(Option<Signature>, Option<String>), Problem> {
        match self {
            Self::Broken(problem) => Err(problem),
            Self::Not if trust.required => {
                let problem = Problem::at("", "it is not signed, and only signed packages are taken");
                Err(Problem { file: Some(name.to_owned()), ..problem }.mend(SIGN))
            }
            Self::Not => Ok((None, None)),
            Self::By(of) if of.trusted => Ok((Some(of), None)),
            Self::By(of) => {
                let message = format!("it is signed by {}, who is not trusted: {}", of.signer, of.reason);
                if trust.required {
                    let problem = Problem { file: Some(of.entry), ..Problem::at("", message) };
                    let mend = format!("{SIGN}; or trust this one ({})", of.certificate);
                    return Err(problem.mend(mend));
                }
                let warning = format!("{}: {message}", of.entry);
                Ok((Some(of), Some(warning)))
            }
        }
    }

    /// The manifest's (option 1); the file of the certificate may stand beside it.
    pub(super) fn manifest(files: &Entries, (name, certificate): (&str, Option<&str>), trust: &Trust) -> Self {
        let Some(bytes) = files.get(name) else { return Self::Not };
        let (content, signature) = parts(bytes);
        let Some(signature) = signature else { return Self::Not };
        let line = 1 + content.iter().filter(|byte| **byte == b'\n').count() as u64;
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let own = format!("{stem}.cert");
        let beside = [certificate.unwrap_or(own.as_str())];
        let signed = unwrapped_pem(signature).and_then(|der| verified((&der, content), (files, &beside), trust));
        told(name, signed, Some(line))
    }
}

fn told(entry: &str, signed: Result<Signature, Fault>, line: Option<u64>) -> Signed {
    match signed {
        Ok(signature) => Signed::By(Signature { entry: entry.to_owned(), ..signature }),
        Err(Fault { message, mend }) => {
            let problem = Problem::at("", format!("the signature does not hold: {message}")).mend(mend);
            Signed::Broken(Problem { file: Some(entry.to_owned()), line, ..problem })
        }
    }
}

fn verified(
    (signature, content): (&[u8], &[u8]),
    (files, beside): (&Entries, &[&str]),
    trust: &Trust,
) -> Result<Signature, Fault> {
    let mut certificates = Vec::new();
    for path in beside {
        let Some(bytes) = files.get(*path) else { continue };
        certificates.extend(Certificate::all(bytes).map_err(|message| Fault {
            message: format!("{path}: {message}"),
            mend: "put in the signer's certificate, as PEM",
        })?);
    }
    // A signer who is trusted need not be brought.
    certificates.extend(trust.signers.iter().cloned());
    let verified = verify(signature, content, &certificates)?;
    let reason = judge(&verified, trust).err();
    Ok(Signature {
        entry: String::new(),
        signer: verified.signer.subject(),
        certificate: verified.signer.fingerprint(),
        trusted: reason.is_none(),
        reason: reason.unwrap_or_default(),
    })
}

/// What a manifest says, and the signature at its end, from its first line on.
pub(super) fn parts(manifest: &[u8]) -> (&[u8], Option<&[u8]>) {
    let begins = |at: &usize| manifest[*at..].starts_with(BEGIN.as_bytes()) && (*at == 0 || manifest[*at - 1] == b'\n');
    match (0..manifest.len()).find(begins) {
        Some(at) => (&manifest[..at], Some(&manifest[at..])),
        None => (manifest, None),
    }
}

/// PEM with nothing after its end: what stands there nobody signed.
fn unwrapped_pem(pem: &[u8]) -> Result<Vec<u8>, Fault> {
    let again = "sign it anew";
    let wrong = |message: &str| Fault { message: message.to_owned(), mend: again };
    let text = std::str::from_utf8(pem).map_err(|_| wrong("what stands behind its beginning is no text"))?;
    let body = text.strip_prefix(BEGIN).ok_or_else(|| wrong(&format!("it does not begin with {BEGIN}")))?;
    let (body, after) = body.split_once(END).ok_or_else(|| wrong("it is cut off: its end is missing"))?;
    if !after.trim().is_empty() {
        return Err(wrong("more follows its end, which nobody signed"));
    }
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).map_err(|error| wrong(&format!("it is no base64: {error}")))
}

/// The signature of a zip that holds a package and its signature (option 2); `None`: it is a package itself.
pub(super) fn wrapped(files: &Entries) -> Option<String> {
    let signature = files.keys().find(|path| path.ends_with(".cms") && !path.contains('/'))?;
    let descriptor = |path: &String| [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
    (!is_csar(files) && !files.keys().any(descriptor)).then(|| signature.clone())
}

/// The package in it, with its signature. What the package itself is signed with is looked at as well.
pub(super) fn unwrapped(mut files: Entries, signature: &str, trust: &Trust) -> Result<Read, Vec<Problem>> {
    let wrong = |file: &str, message: &str| {
        let mend = "put in one package, its signature NAME.cms, and the certificate NAME.cert where it is not in that";
        vec![Problem { file: Some(file.to_owned()), ..Problem::at("", message) }.mend(mend)]
    };
    let is_certificate = |path: &String| [".cert", ".pem", ".crt"].iter().any(|end| path.ends_with(end));
    let certificates: Vec<String> = files.keys().filter(|path| is_certificate(path)).cloned().collect();
    let others = files.keys().filter(|path| *path != signature && !is_certificate(path));
    let name = match others.cloned().collect::<Vec<_>>().as_slice() {
        [one] => one.clone(),
        [] => return Err(wrong(signature, "there is no package beside it")),
        [_, second, ..] => return Err(wrong(second, "it is one file too many beside a signature")),
    };
    let bytes = files.remove(&name).unwrap_or_default();
    if Packed::of(&bytes).is_none() {
        return Err(wrong(&name, "it is no package"));
    }
    let der = match files.remove(signature) {
        Some(pem) if pem.starts_with(b"-----BEGIN") => unwrapped_pem(&pem),
        der => Ok(der.unwrap_or_default()),
    };
    let beside: Vec<&str> = certificates.iter().map(String::as_str).collect();
    let signed = der.and_then(|der| verified((&der, &bytes), (&files, &beside), trust));
    let signed = told(signature, signed, None);
    drop(files);
    let inner = archive::read(&bytes, Limits::default())?;
    let (own, read) = package(&inner, trust);
    match (own, signed) {
        (Signed::Broken(problem), _) => Ok((Signed::Broken(problem), read)),
        (Signed::Not | Signed::By(_), signed) => Ok((signed, read)),
    }
}
