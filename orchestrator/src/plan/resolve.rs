//! Which chart a file means: repository, name and version against what the repositories hold.

use super::bundle::ChartPin;
use models::problem::nearest;
use models::repository::Repository;
use models::slice::{Chart, SliceSpec};
use models::{Name, Problem};
use std::collections::BTreeMap;

/// Where a function stands in the file: `spec.servers[0]`.
pub fn field(spec: &SliceSpec, function: &Name) -> String {
    let at = |list: &str, index: Option<usize>| index.map(|index| format!("spec.{list}[{index}]"));
    at("servers", spec.servers.iter().position(|s| &s.name == function))
        .or_else(|| at("gateways", spec.gateways.iter().position(|g| &g.name == function)))
        .or_else(|| at("functions", spec.functions.iter().position(|f| &f.name == function)))
        .unwrap_or_else(|| "spec".into())
}

/// Whether a chart that was resolved before is still what the file means: a floating version keeps its pin.
pub fn still_meant(chart: &Chart, pin: &ChartPin) -> bool {
    chart.name == pin.name && chart.version.as_ref().is_none_or(|version| *version == pin.version)
}

pub fn chart(repositories: &BTreeMap<Name, Repository>, chart: &Chart, field: &str) -> Result<ChartPin, Problem> {
    let repository = repositories.get(&chart.repository).ok_or_else(|| {
        let known = repositories.keys().map(Name::as_str);
        Problem::at(format!("{field}.repository"), format!("no repository is called {:?}", chart.repository.as_str()))
            .mend(mend(
                nearest(chart.repository.as_str(), known.clone()),
                known,
                "sliceway repository add NAME --path DIR",
            ))
    })?;
    let named: Vec<_> = repository.charts.iter().filter(|stored| stored.name == chart.name).collect();
    if named.is_empty() {
        let known = repository.charts.iter().map(|stored| stored.name.as_str());
        let message = format!("repository {} has no chart {:?}", chart.repository, chart.name);
        return Err(Problem::at(format!("{field}.name"), message).mend(mend(
            nearest(&chart.name, known.clone()),
            known,
            "sliceway get repository -o wide",
        )));
    }
    let fits = |version: &str| chart.version.as_ref().is_none_or(|wanted| wanted == version);
    let newest =
        named.iter().filter(|stored| fits(&stored.version)).max_by_key(|s| semver::Version::parse(&s.version).ok());
    let found = newest.ok_or_else(|| {
        let known = named.iter().map(|stored| stored.version.as_str());
        let message = format!("chart {} has no version {:?}", chart.name, chart.version.as_deref().unwrap_or(""));
        Problem::at(format!("{field}.version"), message).mend(mend(None, known, "leave the version out for the newest"))
    })?;
    Ok(ChartPin { name: found.name.clone(), version: found.version.clone(), digest: found.digest.clone() })
}

fn mend<'a>(near: Option<&str>, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    let known: Vec<&str> = known.collect();
    match (near, known.is_empty()) {
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, false) => format!("there are: {}", known.join(", ")),
        (None, true) => otherwise.to_owned(),
    }
}
