//! Packed charts that no honest tool packs: any name, any kind of entry, any size.

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

pub const NOTHING: &str = "apiVersion: v2\nname: bad\nversion: 1.0.0\n";

pub struct Pack(Builder<GzEncoder<Vec<u8>>>);

impl Pack {
    /// With a `Chart.yaml` that is in order.
    pub fn chart() -> Pack {
        Pack::empty().file("bad/Chart.yaml", NOTHING)
    }

    pub fn empty() -> Pack {
        Pack(Builder::new(GzEncoder::new(Vec::new(), Compression::fast())))
    }

    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Pack {
        self.entry(name, EntryType::Regular, text.as_ref())
    }

    pub fn entry(mut self, name: &str, kind: EntryType, data: &[u8]) -> Pack {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        if name.len() < 100 {
            // Not by `set_path`, which would not take a hostile name.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            self.0.append(&header, data).unwrap();
        } else {
            self.0.append_data(&mut header, name, data).unwrap();
        }
        self
    }

    /// A file whose header says more than there is.
    pub fn claim(mut self, name: &str, size: u64) -> Pack {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(size);
        header.set_cksum();
        self.0.append(&header, &b""[..]).unwrap();
        self
    }

    pub fn done(self) -> Vec<u8> {
        self.0.into_inner().unwrap().finish().unwrap()
    }
}

/// A chart with one template.
pub fn template(text: &str) -> Vec<u8> {
    Pack::chart().file("bad/templates/x.yaml", text).done()
}

pub fn metadata(more: &str) -> Vec<u8> {
    Pack::empty().file("bad/Chart.yaml", format!("{NOTHING}{more}")).done()
}

pub fn schema(text: &str) -> Vec<u8> {
    Pack::chart().file("bad/values.schema.json", text).file("bad/templates/x.yaml", "").done()
}

/// Packed charts in packed charts.
pub fn nested(levels: usize) -> Vec<u8> {
    let mut inner = Pack::chart().done();
    for _ in 0..levels {
        inner = Pack::chart().file("bad/charts/bad.tgz", inner).done();
    }
    inner
}

/// A few hundred bytes that mean a thousand million words.
pub fn aliases() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let of = vec![format!("*a{}", n - 1); 10].join(", ");
        text += &format!("a{n}: &a{n} [{of}]\n");
    }
    text
}

/// Ten names for the one subchart, on each of six levels.
pub fn aliased() -> Vec<u8> {
    let mut names = "dependencies:\n".to_owned();
    for n in 0..10 {
        names += &format!("- {{name: bad, version: 1.0.0, alias: a{n}}}\n");
    }
    let (mut pack, mut at) = (Pack::empty(), "bad".to_owned());
    for _ in 0..6 {
        pack = pack.file(&format!("{at}/Chart.yaml"), format!("{NOTHING}{names}"));
        at += "/charts/bad";
    }
    pack.file(&format!("{at}/Chart.yaml"), NOTHING).done()
}

/// Each of the levels asks the next one twice.
pub fn doubling_schema(levels: usize) -> String {
    let mut definitions = vec![format!(r#""d{levels}": {{"type": "object"}}"#)];
    for n in 0..levels {
        let next = format!(r##"{{"$ref": "#/$defs/d{}"}}"##, n + 1);
        definitions.push(format!(r#""d{n}": {{"allOf": [{next}, {next}]}}"#));
    }
    format!(r##"{{"$ref": "#/$defs/d0", "$defs": {{{}}}}}"##, definitions.join(", "))
}
