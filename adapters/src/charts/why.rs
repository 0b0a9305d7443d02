//! Finds the cause in an error of the HTTP client: it lies several sources deep.

use super::fault::Reason;
use reqwest::Url;
use std::error::Error;
use std::io;

pub(super) fn why(error: &reqwest::Error, url: &Url) -> Reason {
    let host = host(url);
    let mut last = error.to_string();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        last = cause.to_string();
        if let Some(refused) = certificate(cause) {
            return Reason::Certificate { host, cause: refused };
        }
        if let Some(kind) = cause.downcast_ref::<io::Error>().map(io::Error::kind)
            && kind == io::ErrorKind::ConnectionRefused
        {
            return Reason::Refused { host };
        }
        if last.contains("dns error") || last.contains("failed to lookup address") {
            return Reason::UnknownHost { host: url.host_str().unwrap_or_default().to_owned() };
        }
        next = cause.source();
    }
    Reason::Unreachable { host, cause: last }
}

/// The TLS library's refusal, which stands inside of an I/O error, which may stand inside of another.
fn certificate(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(refused)) = error.downcast_ref() {
        return Some(refused.to_string());
    }
    certificate(error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)?)
}

pub(super) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// What an answer other than success means.
pub(super) fn status(status: u16, url: &str, known: Known) -> Reason {
    let url = url.to_owned();
    match (status, known) {
        (401, Known::Nobody) => Reason::NeedsLogin { url },
        (401, Known::Somebody) => Reason::WrongLogin { url },
        (403, _) => Reason::Forbidden { url },
        (404 | 410, _) => Reason::NotFound { url },
        (status, _) => Reason::Status { url, status },
    }
}

/// Whether credentials were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Nobody,
    Somebody,
}
