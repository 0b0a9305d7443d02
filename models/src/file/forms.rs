//! The forms of text that the file knows: names, quantities, ports, labels. Each says what may be written.

use super::finding::quoted;
use super::shape::{Bare, Form, Wrong, positive, quantity};
use super::units;
use crate::Name;
use crate::quantity::{Bandwidth, Cpu, Latency, Memory, Port, Share};

/// Labels that only Sliceway sets.
const OUR_LABELS: &str = "sliceway.io/";

pub(crate) static NAME: Form = Form {
    title: "name",
    allowed: "1 to 40 of a-z, 0-9 and '-', with a letter or digit first and last",
    pattern: "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$",
    example: "factory-7",
    bare: Bare::Refused,
    judge: |text| match text.parse::<Name>() {
        Ok(_) => Ok(()),
        Err(_) => Err(unfit(text, &NAME)),
    },
};

pub(crate) static BANDWIDTH: Form = Form {
    title: "data rate",
    allowed: Bandwidth::ALLOWED,
    pattern: r"^\s*[0-9]+(\.[0-9]+)?\s*(bps|kbps|Mbps|Gbps)\s*$",
    example: "5Mbps",
    bare: Bare::Refused,
    judge: positive::<Bandwidth>,
};

pub(crate) static LATENCY: Form = Form {
    title: "delay",
    allowed: Latency::ALLOWED,
    pattern: r"^\s*[0-9]+(\.[0-9]+)?\s*(us|ms|s)\s*$",
    example: "50ms",
    bare: Bare::Refused,
    judge: positive::<Latency>,
};

pub(crate) static SHARE: Form = Form {
    title: "share",
    allowed: Share::ALLOWED,
    pattern: r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$",
    example: "99.9%",
    bare: Bare::Refused,
    judge: |text| match quantity::<Share>(text)?.possible() {
        true => Ok(()),
        false => Err(Wrong::new(format!("{} is impossible", quoted(text)), "write at most 100%")),
    },
};

pub(crate) static MEMORY: Form = Form {
    title: "amount of memory",
    allowed: Memory::ALLOWED,
    pattern: r"^\s*[0-9]+(\.[0-9]+)?\s*(k|M|G|T|Ki|Mi|Gi|Ti)?\s*$",
    example: "1Gi",
    bare: Bare::Taken,
    judge: positive::<Memory>,
};

pub(crate) static CPU: Form = Form {
    title: "amount of CPU",
    allowed: Cpu::ALLOWED,
    pattern: r"^\s*[0-9]+(\.[0-9]+)?\s*m?\s*$",
    example: "500m",
    bare: Bare::Taken,
    judge: positive::<Cpu>,
};

pub(crate) static PORT: Form = Form {
    title: "port",
    allowed: Port::ALLOWED,
    pattern: r"^\s*\+?[0-9]+/(tcp|udp)$",
    example: "8883/tcp",
    bare: Bare::Refused,
    judge: |text| quantity::<Port>(text).map(drop),
};

pub(crate) static SD: Form = Form {
    title: "slice differentiator",
    allowed: "six hexadecimal digits in quotes, such as \"0000A1\"",
    pattern: "^[0-9A-Fa-f]{6}$",
    example: "0000A1",
    bare: Bare::Refused,
    judge: |text| fits(text.len() == 6 && text.chars().all(|c| c.is_ascii_hexdigit()), text, &SD),
};

pub(crate) static CHART: Form = Form {
    title: "chart name",
    allowed: "the chart's folder in its repository: letters, digits, '.', '_' and '-'",
    pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
    example: "mqtt-server",
    bare: Bare::Refused,
    judge: |text| fits(word(text, "._-", 128) && starts_plain(text), text, &CHART),
};

pub(crate) static VERSION: Form = Form {
    title: "chart version",
    allowed: "a version such as 1.2.0, or a range as Helm reads it, such as ^1.2, perhaps with @sha256: and a digest",
    pattern: r"^(sha256:|[0-9vVxX*^~<>=!])[0-9A-Za-z.+*^~<>=!|,@: -]{0,255}$",
    example: "1.2.0",
    bare: Bare::Refused,
    judge: |text| {
        let mark = |c: char| c.is_ascii_digit() || "vVxX*^~<>=!".contains(c);
        let first = text.starts_with(mark) || text.starts_with("sha256:");
        fits(first && word(text, ".+*^~<>=!|,@: -", 256), text, &VERSION)
    },
};

pub(crate) static URL: Form = Form {
    title: "repository address",
    allowed: "an address that begins with https://, http:// or oci:// (oci+http:// without TLS), without credentials",
    pattern: r"^(https|http|oci|oci\+http)://[^\s@]+$",
    example: "https://charts.example.org/stable",
    bare: Bare::Refused,
    judge: |text| {
        let schemes = ["https://", "http://", "oci://", "oci+http://"];
        let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
        let good = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c == '@'));
        fits(good, text, &URL)
    },
};

pub(crate) static FOLDER: Form = Form {
    title: "path",
    allowed: "the path of a folder",
    pattern: r"\S",
    example: "./charts",
    bare: Bare::Refused,
    judge: |text| fits(!text.trim().is_empty(), text, &FOLDER),
};

pub(crate) static FILE: Form = Form {
    title: "path",
    allowed: "the path of a file",
    pattern: r"\S",
    example: "./edge.kubeconfig",
    bare: Bare::Refused,
    judge: |text| fits(!text.trim().is_empty(), text, &FILE),
};

pub(crate) static PEM: Form = Form {
    title: "certificate",
    allowed: "certificates as PEM, which begin with -----BEGIN CERTIFICATE-----",
    pattern: "-----BEGIN CERTIFICATE-----",
    example: "-----BEGIN CERTIFICATE-----",
    bare: Bare::Refused,
    judge: |text| fits(text.contains("-----BEGIN CERTIFICATE-----"), text, &PEM),
};

pub(crate) static TEXT: Form = Form {
    title: "text",
    allowed: "a text",
    pattern: "",
    example: "what it is for",
    bare: Bare::Refused,
    judge: |_| Ok(()),
};

pub(crate) static ADDRESS: Form = Form {
    title: "host",
    allowed: "a host name or an IP address, without a port",
    pattern: "^[0-9A-Za-z:][0-9A-Za-z.:-]{0,252}$",
    example: "203.0.113.7",
    bare: Bare::Refused,
    judge: |text| {
        let host = || !text.contains(':') && word(text, ".-", 253) && starts_plain(text);
        fits(text.parse::<std::net::IpAddr>().is_ok() || host(), text, &ADDRESS)
    },
};

pub(crate) static SNSSAI: Form = Form {
    title: "S-NSSAI",
    allowed: "a slice/service type, perhaps with a differentiator, such as 3 or 3-0000A1",
    pattern: "^[0-9]{1,3}(-[0-9A-Fa-f]{6})?$",
    example: "3-0000A1",
    bare: Bare::Taken,
    judge: |text| {
        let (sst, sd) = text.split_once('-').map_or((text, None), |(sst, sd)| (sst, Some(sd)));
        let plain = sst.len() <= 3 && sst.chars().all(|c| c.is_ascii_digit());
        let hex = |sd: &str| sd.len() == 6 && sd.chars().all(|c| c.is_ascii_hexdigit());
        fits(plain && sst.parse::<u8>().is_ok() && sd.is_none_or(hex), text, &SNSSAI)
    },
};

pub(crate) static IDENTIFIER: Form = Form {
    title: "identifier",
    allowed: "1 to 255 characters, none of them a space or a control character",
    pattern: r"^\S{1,255}$",
    example: "web",
    bare: Bare::Taken,
    judge: |text| {
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        fits((1..=255).contains(&text.chars().count()) && text.chars().all(plain), text, &IDENTIFIER)
    },
};

pub(crate) static UNIT: Form = Form {
    title: "unit",
    allowed: "a unit of SenML (RFC 8428 12.1, RFC 8798), such as Cel",
    pattern: r"^\S.{0,31}$",
    example: "Cel",
    bare: Bare::Refused,
    judge: |text| match (units::UNITS.contains(&text), units::meant(text)) {
        (true, _) => Ok(()),
        (false, Some(meant)) => {
            Err(Wrong::new(format!("{} is no unit of SenML", quoted(text)), format!("did you mean {}?", quoted(meant))))
        }
        (false, None) => Err(unfit(text, &UNIT)),
    },
};

pub(crate) static LABEL_KEY: Form = Form {
    title: "label key",
    allowed: "at most 63 letters, digits, '-', '_' and '.', perhaps after a DNS name and a '/'",
    pattern: r"^(?!sliceway\.io/)([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    example: "customer",
    bare: Bare::Refused,
    judge: |text| {
        if text.starts_with(OUR_LABELS) {
            let message = format!("labels under {OUR_LABELS} are set by Sliceway and nobody else");
            return Err(Wrong::new(message, "take another prefix"));
        }
        let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
        fits(prefix.is_none_or(dns_name) && label(name), text, &LABEL_KEY)
    },
};

pub(crate) static LABEL_VALUE: Form = Form {
    title: "label value",
    allowed: "at most 63 letters, digits, '-', '_' and '.', with a letter or digit first and last, in quotes where it looks like a number",
    pattern: "^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$",
    example: "acme",
    bare: Bare::Refused,
    judge: |text| fits(text.is_empty() || label(text), text, &LABEL_VALUE),
};

pub(crate) static VALUES_PATH: Form = Form {
    title: "path in a chart's values",
    allowed: "keys joined by dots, such as auth.existingSecret; the key sliceway is ours",
    pattern: r"^(?!sliceway(\.|$))[^.\s]+(\.[^.\s]+)*$",
    example: "auth.existingSecret",
    bare: Bare::Refused,
    judge: |text| {
        let mut keys = text.split('.');
        let ours = keys.clone().next() == Some("sliceway");
        fits(!ours && keys.all(|key| !key.is_empty() && !key.contains(char::is_whitespace)), text, &VALUES_PATH)
    },
};

pub(crate) static MOMENT: Form = Form {
    title: "moment",
    allowed: "a moment with its offset, such as 2027-01-01T00:00:00Z",
    pattern: "^[0-9+-]",
    example: "2027-01-01T00:00:00Z",
    bare: Bare::Refused,
    judge: |text| fits(text.parse::<jiff::Timestamp>().is_ok(), text, &MOMENT),
};

pub(crate) static NAMESPACE: Form = Form {
    title: "namespace",
    allowed: "1 to 63 of a-z, 0-9 and '-', with a letter or digit first and last",
    pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    example: "iot",
    bare: Bare::Refused,
    judge: |text| fits(text.len() <= 63 && dns_name(text) && !text.contains('.'), text, &NAMESPACE),
};

pub(crate) static RELEASE: Form = Form {
    title: "name of a release",
    allowed: "1 to 53 of a-z, 0-9, '-' and '.', with a letter or digit first and last of each part",
    pattern: r"^[a-z0-9][a-z0-9.-]{0,52}$",
    example: "broker",
    bare: Bare::Refused,
    judge: |text| fits(text.len() <= 53 && dns_name(text), text, &RELEASE),
};

pub(crate) static BELOW: Form = Form {
    title: "folder below the uploaded one",
    allowed: "folders joined by '/', none of them '.' or '..'",
    pattern: "^[^/]",
    example: "mqtt-server",
    bare: Bare::Refused,
    judge: |text| {
        let part = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
        fits(text.len() <= 1_024 && text.split('/').all(part), text, &BELOW)
    },
};

pub(crate) static BASE64: Form = Form {
    title: "text in base64",
    allowed: "the bytes in base64 (RFC 4648 4), padded",
    pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    example: "H4sIAAAAAAAA/w==",
    bare: Bare::Refused,
    judge: |text| {
        let body = text.trim_end_matches('=');
        let good = text.len().is_multiple_of(4) && text.len() - body.len() <= 2;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        // Packages are megabytes: so many at a time take a fraction of what one after the other does.
        let all_plain = |some: &[u8]| some.iter().fold(true, |all, byte| all & plain(byte));
        fits(good && body.as_bytes().chunks(64).all(all_plain), text, &BASE64)
    },
};

fn fits(good: bool, text: &str, form: &'static Form) -> Result<(), Wrong> {
    if good { Ok(()) } else { Err(unfit(text, form)) }
}

fn unfit(text: &str, form: &'static Form) -> Wrong {
    Wrong::new(format!("{} is not a {}", quoted(text), form.title), format!("write {}", form.allowed))
}

fn word(text: &str, marks: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

fn starts_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn label(text: &str) -> bool {
    word(text, "-_.", 63) && starts_plain(text) && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn dns_name(text: &str) -> bool {
    let part = |part: &str| word(part, "-", 63) && !part.starts_with('-') && !part.ends_with('-');
    text.len() <= 253 && text.split('.').all(part) && !text.contains(|c: char| c.is_ascii_uppercase())
}
