//! What the tests stand on: OpenSSL's keys and certificates in a folder, and a package to sign.

use jiff::Timestamp;
use models::Problem;
use sol005::archive::{self, Entries, Limits, Zip};
use sol005::descriptor::{Mciop, Vnfd};
use sol005::onboarding::{Onboarded, onboard};
use sol005::signature::{Certificate, Signer, Trust};
use sol005::sol001;
use sol005::sol004::{self, Contents};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

pub struct Authority {
    folder: TempDir,
}

const EXTENSIONS: &str = "[ca]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n\
    [signer]\nbasicConstraints=CA:false\nkeyUsage=critical,digitalSignature\n\
    [server]\nbasicConstraints=CA:false\nkeyUsage=critical,keyEncipherment\n";

impl Authority {
    pub fn new() -> Self {
        let new = Self { folder: tempfile::tempdir().unwrap() };
        new.write("extensions", EXTENSIONS.as_bytes());
        new
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Its words, and whether it ended well; it works in the folder.
    pub fn says(&self, arguments: &str) -> (bool, String) {
        let out = Command::new("openssl").args(arguments.split(' ')).current_dir(self.folder.path()).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    }

    pub fn openssl(&self, arguments: &str) {
        let (well, words) = self.says(arguments);
        assert!(well, "openssl {arguments}: {words}");
    }

    /// `NAME.key`: `rsa`, `ec` or `P-384`.
    pub fn key(&self, name: &str, kind: &str) {
        let what = match kind {
            "rsa" => "RSA -pkeyopt rsa_keygen_bits:2048",
            "ec" => "EC -pkeyopt ec_paramgen_curve:P-256",
            curve => &format!("EC -pkeyopt ec_paramgen_curve:{curve}"),
        };
        self.openssl(&format!("genpkey -algorithm {what} -out {name}.key"));
    }

    /// `NAME.key` and `NAME.pem`, by itself or by another of this folder; as `ca`, `signer` or `server`.
    pub fn certificate(&self, (name, kind): (&str, &str), (by, extension): (&str, &str)) {
        self.key(name, kind);
        self.openssl(&format!("req -new -key {name}.key -subj /O=acme/CN={name} -out {name}.csr"));
        let by = if by == name { format!("-signkey {name}.key") } else { format!("-CA {by}.pem -CAkey {by}.key") };
        let with = "-extfile extensions -days 365 -CAcreateserial";
        self.openssl(&format!("x509 -req -in {name}.csr {by} {with} -extensions {extension} -out {name}.pem"));
    }

    pub fn signer(&self, name: &str) -> Signer {
        let pair = (self.read(&format!("{name}.key")), self.read(&format!("{name}.pem")));
        Signer::read((&pair.0, &pair.1), Arc::new(ring::rand::SystemRandom::new())).unwrap()
    }

    /// These are believed, now.
    pub fn trusts(&self, names: &[&str]) -> Trust {
        let of = |name: &&str| Certificate::all(&self.read(&format!("{name}.pem"))).unwrap();
        Trust { signers: names.iter().flat_map(of).collect(), required: false, now: Timestamp::now() }
    }
}

pub fn package(signer: Option<&Signer>) -> Vec<u8> {
    let mciop = Mciop {
        id: "web".into(),
        chart: "iml/web".into(),
        version: "1.0.0".into(),
        digest: String::new(),
        vdus: vec![],
    };
    let vnfd = Vnfd {
        id: "6ed5bb11-0000-4000-8000-000000000000".into(),
        provider: "acme".into(),
        product_name: "web".into(),
        software_version: "1.0".into(),
        version: "1.0.0".into(),
        mciops: vec![mciop],
        ..Vnfd::default()
    };
    let document = sol001::vnfd(&vnfd, |_| None);
    let contents = Contents { released: "1970-01-01T00:00:00Z".into(), signer, ..Contents::default() };
    sol004::function(&vnfd, (&document, &contents)).unwrap()
}

pub fn files(package: &[u8]) -> Entries {
    archive::read(package, Limits::default()).unwrap()
}

pub fn zip(files: &Entries) -> Vec<u8> {
    let mut zip = Zip::default();
    for (path, bytes) in files {
        zip.file(path, bytes).unwrap();
    }
    zip.finished().unwrap()
}

/// The package with one of its files as `change` leaves it.
pub fn changed(package: &[u8], name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut files = files(package);
    let text = String::from_utf8(files[name].clone()).unwrap();
    assert_ne!(change(&text), text, "nothing was changed");
    files.insert(name.to_owned(), change(&text).into_bytes());
    zip(&files)
}

/// What the manifest says, and the signature at its end.
pub fn manifest(package: &[u8]) -> (String, String) {
    let text = String::from_utf8(files(package)["web.mf"].clone()).unwrap();
    let at = text.find("-----BEGIN CMS-----").unwrap_or(text.len());
    (text[..at].to_owned(), text[at..].to_owned())
}

pub fn taken(package: &[u8], trust: &Trust) -> Onboarded {
    onboard("web.csar", package, trust).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The words of its refusal, a line for each problem.
pub fn refused(package: &[u8], trust: &Trust) -> String {
    let problems = onboard("web.csar", package, trust).err().unwrap_or_default();
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
