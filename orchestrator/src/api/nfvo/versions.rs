//! Which versions of an interface there are (SOL013 9.3).

use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::auth::Caller;
use sol005::types::common::{ApiVersion, ApiVersionInformation};
use std::sync::Arc;

/// Of all major versions, or of one, by the path.
pub(crate) async fn get(_: Arc<App>, _: Caller, input: Input) -> Result<Reply, Problem> {
    let Some(spoken) = input.spoken else { return Err(Problem::not_found(&input.at)) };
    let name = spoken.interface.name();
    let one = input.at.strip_suffix("/api_versions").and_then(|prefix| prefix.strip_prefix(&format!("/{name}/v")));
    let majors: Vec<u8> = match one.and_then(|major| major.parse().ok()) {
        Some(major) => vec![major],
        None => spoken.interface.majors().to_vec(),
    };
    let versions = majors.iter().flat_map(|major| spoken.interface.versions(*major));
    let version = |version: &sol005::sol013::Version| ApiVersion { version: version.to_string(), is_deprecated: None };
    let prefix = match majors.as_slice() {
        [major] if one.is_some() => format!("/{name}/v{major}/"),
        _ => format!("/{name}"),
    };
    Reply::ok(&ApiVersionInformation { uri_prefix: prefix, api_versions: versions.map(version).collect() })
}
