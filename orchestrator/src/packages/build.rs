//! From packed charts to what is written of them: rendered by the worker, drawn, and spelled.

use super::NAMESPACE;
use super::drawing::{AUTOSCALER, Assumed, Drawn, Probe, Wish, draw};
use adapters::helm::{
    ApiVersions, Capabilities, ChartInfo, ChartSource, Helm, HelmError, ObjectsRequest, Release, RenderRequest,
    Rendered,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One chart to make a descriptor of.
#[derive(Clone, Default)]
pub struct Order {
    pub archive: Arc<[u8]>,
    /// The user's values, YAML or JSON, as text.
    pub values: String,
    pub provider: String,
    /// Where a manager will find the chart; `None`: in the package.
    pub reference: Option<String>,
    pub assumed: Assumed,
    /// Such as `v1.36.3`; `None`: what `helm template` takes.
    pub kube_version: Option<String>,
    pub api_versions: Vec<String>,
}

/// A chart with its descriptor.
pub struct Built {
    pub chart: ChartInfo,
    pub archive: Arc<[u8]>,
    pub drawn: Drawn,
}

/// So many values are tried as numbers of replicas, at most.
const MOST_TRIED: usize = 32;
/// The first number that a value is set to; each other gets one of its own above it.
const FIRST: u64 = 101;

pub async fn build(helm: &Helm, order: &Order) -> Result<Built, HelmError> {
    let source = ChartSource::Archive(Arc::clone(&order.archive));
    let info = helm.inspect(&source).await?;
    let request = RenderRequest {
        chart: source,
        release: Release { name: info.name.clone(), namespace: NAMESPACE.into(), revision: 1, is_upgrade: false },
        values: order.values.clone(),
        capabilities: Some(Capabilities {
            kube_version: order.kube_version.clone(),
            api_versions: ApiVersions::Append(order.api_versions.clone()),
        }),
        include_crds: false,
        include_values: true,
        check_reproducible: true,
        found: vec![],
    };
    let rendered = helm.render(&request).await?;
    let probe = probe(helm, &request, &rendered).await;
    let wish = Wish {
        provider: order.provider.clone(),
        chart: order.reference.clone().unwrap_or_else(|| info.name.clone()),
        values: rendered.values.clone(),
        assumed: order.assumed,
        probe,
    };
    let drawn = draw(&rendered, &wish);
    Ok(Built { chart: rendered.chart, archive: Arc::clone(&order.archive), drawn })
}

/// The chart's autoscalers once more, each value that may be a number of replicas set to a number of its own. A chart that
/// does not take that tells nothing of its scaling, and one without autoscalers has nothing to tell.
async fn probe(helm: &Helm, request: &RenderRequest, rendered: &Rendered) -> Option<Probe> {
    if rendered.objects.iter().all(|object| object.object["kind"] != AUTOSCALER) {
        return None;
    }
    let mut paths = Vec::new();
    candidates(&rendered.values, &mut Vec::new(), &mut paths);
    paths.truncate(MOST_TRIED);
    if paths.is_empty() {
        return None;
    }
    let mut values = rendered.values.clone();
    let numbered = paths.iter().zip(FIRST..);
    for (path, number) in numbered.clone() {
        set(&mut values, path, number);
    }
    let again = RenderRequest {
        values: values.to_string(),
        include_values: false,
        check_reproducible: false,
        ..request.clone()
    };
    let only = ObjectsRequest { render: again, kinds: vec![AUTOSCALER.to_owned()] };
    let probed = helm.objects(&only).await.ok()?;
    let joined = |path: &Vec<String>| super::drawing::joined(&path.iter().map(String::as_str).collect::<Vec<_>>());
    Some(Probe {
        set: numbered.map(|(path, number)| (joined(path), number)).collect(),
        objects: probed.into_iter().map(|object| object.object).collect(),
    })
}

/// Whole numbers under names of which one speaks of replicas.
fn candidates(values: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (key, value) in values.as_object().into_iter().flatten() {
        path.push(key.clone());
        let says = path.iter().any(|key| {
            let key = key.to_lowercase();
            ["replica", "instances", "scal", "count"].iter().any(|word| key.contains(word))
        });
        match value {
            Value::Object(_) => candidates(value, path, found),
            Value::Number(number) if says && number.is_u64() => found.push(path.clone()),
            _ => {}
        }
        path.pop();
    }
}

fn set(values: &mut Value, path: &[String], number: u64) {
    let mut at = values;
    for key in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Some(map) = at.as_object_mut() else { return };
        at = map.entry(key.clone()).or_insert(Value::Null);
    }
    *at = Value::from(number);
}
