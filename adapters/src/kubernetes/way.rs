//! What a kubeconfig says of the way to its cluster: the server, and when what opens it ends. It holds no secret.

use super::connect::parse;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;

#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// Host and port; `None` where it is not https, or not readable.
    pub(super) server: Option<(String, u16)>,
    pub(super) ca_end: Option<Timestamp>,
    pub(super) client_end: Option<Timestamp>,
    /// Where the token is one that says it (a JWT).
    pub(super) token_end: Option<Timestamp>,
}

impl Way {
    pub(super) fn of(text: &str) -> Self {
        Self::read(text).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let kubeconfig = parse(text).ok()?;
        let current = kubeconfig.current_context.clone()?;
        let context = kubeconfig.contexts.iter().find(|named| named.name == current)?.context.clone()?;
        let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster)?.cluster.clone()?;
        let user = kubeconfig.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref());
        let user = user.and_then(|named| named.auth_info.clone()).unwrap_or_default();
        let pem = |data: Option<String>| crate::local::certificate_end(&STANDARD.decode(data?.trim()).ok()?);
        let token = serde_json::to_value(&user).ok()?.get("token").and_then(Value::as_str).and_then(end);
        Some(Self {
            server: cluster.server.as_deref().and_then(host),
            ca_end: pem(cluster.certificate_authority_data),
            client_end: pem(user.client_certificate_data),
            token_end: token,
        })
    }
}

fn host(server: &str) -> Option<(String, u16)> {
    let uri: http::Uri = server.parse().ok()?;
    if uri.scheme_str() != Some("https") {
        return None;
    }
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some((host, uri.port_u16().unwrap_or(443)))
}

/// `exp` of a JWT.
fn end(token: &str) -> Option<Timestamp> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_with_its_port_and_a_token_with_its_end() {
        assert_eq!(host("https://10.0.0.1:6443/x"), Some(("10.0.0.1".into(), 6443)));
        assert_eq!(host("https://[2001:db8::1]"), Some(("2001:db8::1".into(), 443)));
        assert_eq!(host("http://10.0.0.1"), None);
        let token = format!("a.{}.c", URL_SAFE_NO_PAD.encode(r#"{"exp":1800000000}"#));
        assert_eq!(end(&token), Timestamp::from_second(1_800_000_000).ok());
        assert_eq!(end("opaque"), None);
    }
}
