//! Which chart a function has: the one that is recorded while the file still means it, else the one that was resolved for
//! this plan.

use super::bundle::ChartPin;
use super::make::Wish;
use super::world::World;
use models::slice::{Chart, ChartFrom, SliceSpec, Workload};
use models::{Name, Problem};

/// Where a function stands in the file: `spec.servers[0]`.
pub fn field(spec: &SliceSpec, function: &Name) -> String {
    let at = |list: &str, index: Option<usize>| index.map(|index| format!("spec.{list}[{index}]"));
    at("servers", spec.servers.iter().position(|s| &s.name == function))
        .or_else(|| at("gateways", spec.gateways.iter().position(|g| &g.name == function)))
        .or_else(|| at("functions", spec.functions.iter().position(|f| &f.name == function)))
        .unwrap_or_else(|| "spec".into())
}

/// Whether a chart that was resolved before is still what the file means: a floating version or a range keeps its pin.
pub fn still_meant(chart: &Chart, pin: &ChartPin) -> bool {
    let from = match &chart.from {
        ChartFrom::Repository(name) => {
            pin.package.is_none() && pin.repository.as_ref().is_none_or(|repository| repository == name)
        }
        ChartFrom::Package(name) => pin.package.as_ref() == Some(name),
    };
    let version = chart.version.is_none() || chart.version == pin.asked || chart.version.as_ref() == Some(&pin.version);
    chart.name == pin.name && from && version
}

/// The chart that is recorded for a function, if it stays.
pub fn recorded<'w>(world: &'w World, wish: &Wish, workload: &Workload<'_>) -> Option<&'w ChartPin> {
    let bundle = world.bundles.get(workload.name.as_str())?;
    let stays = !wish.upgrade.contains(workload.name) && still_meant(workload.chart, &bundle.chart);
    stays.then_some(&bundle.chart)
}

pub fn chart(world: &World, wish: &Wish, workload: &Workload<'_>) -> Result<ChartPin, Problem> {
    if let Some(pin) = recorded(world, wish, workload) {
        return Ok(pin.clone());
    }
    let missing = || Err(Problem::at("", "the chart was not resolved"));
    world.charts.get(workload.name).cloned().unwrap_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(version: Option<&str>, asked: Option<&str>) -> bool {
        let repository: Name = "lab".parse().unwrap();
        let pin = ChartPin {
            name: "web".into(),
            version: "1.2.5".into(),
            digest: String::new(),
            repository: Some(repository.clone()),
            package: None,
            asked: asked.map(str::to_owned),
            source: None,
            dependencies: vec![],
        };
        let from = ChartFrom::Repository(repository);
        let chart = Chart { from, name: "web".into(), version: version.map(str::to_owned) };
        still_meant(&chart, &pin)
    }

    #[test]
    fn a_pin_stays_while_the_file_says_the_same_or_its_version_or_none() {
        assert!(meant(Some("^1.2"), Some("^1.2")));
        assert!(meant(Some("1.2.5"), Some("^1.2")));
        assert!(meant(None, Some("^1.2")));
        assert!(meant(None, None));
        assert!(!meant(Some("^1.3"), Some("^1.2")));
        assert!(!meant(Some("1.2.4"), None));
    }

    #[test]
    fn another_repository_is_another_chart() {
        let pin = ChartPin {
            name: "web".into(),
            version: "1.0.0".into(),
            digest: String::new(),
            repository: Some("lab".parse().unwrap()),
            package: None,
            asked: None,
            source: None,
            dependencies: vec![],
        };
        let from = ChartFrom::Repository("other".parse().unwrap());
        let chart = Chart { from, name: "web".into(), version: None };
        assert!(!still_meant(&chart, &pin));
        assert!(still_meant(&chart, &ChartPin { repository: None, ..pin }));
    }
}
