//! Charts become bundles: the one IO of planning.
//!
//! What a chart may not bring is refused before anything is kept (`refuse`); what reaches out of its slice is kept with a
//! warning (`isolation`). A Secret that a chart brings is sealed before it is kept.

use super::bundle::{Bundle, ChartPin, HookPiece, Piece};
use super::claim::DEFINITION;
use super::lookup::{self, Finder};
use super::make::PlanError;
use super::{demand, isolation, refuse};
use crate::store::{Blobs, Digest, Secret};
use adapters::helm::{
    ApiVersions, Capabilities, ChartSource, Found, Helm, HelmError, Lookup, Object, Release, RenderRequest, Rendered,
};
use async_trait::async_trait;
use models::resource::{Body, DeletePolicy};
use models::{ClusterFacts, Name, Problem};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A chart asks once, or asks again for what the first answer named.
const MOST_ROUNDS: usize = 8;

/// One chart to render for one target.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    pub function: &'a Name,
    /// Where the function stands in the file: `spec.servers[0]`.
    pub field: &'a str,
    pub chart: &'a ChartPin,
    pub release: Release,
    pub values: &'a Value,
    pub cluster: &'a Name,
    pub facts: &'a ClusterFacts,
    pub inputs: &'a str,
}

#[async_trait]
pub trait Renderer: Send + Sync {
    async fn render(&self, order: &Order<'_>) -> Result<Bundle, PlanError>;

    /// What Helm recorded of a release that it deployed, as if it had been rendered now.
    async fn recorded(&self, order: &Order<'_>, release: &Value) -> Result<Bundle, PlanError>;

    /// Keeps a record of Helm's sealed, since it holds the chart's Secrets too; says under which digest.
    async fn seal(&self, release: &Value) -> Result<String, PlanError>;

    /// The definition of a custom kind as it is on a cluster: what a chart brings is compared with it.
    async fn definition(&self, cluster: &Name, name: &str) -> Result<Option<Value>, PlanError>;
}

/// The real one: Helm's engine, charts from the blob store.
pub struct Rendering {
    pub helm: Arc<Helm>,
    pub blobs: Arc<Blobs>,
    pub finder: Arc<dyn Finder>,
}

#[async_trait]
impl Renderer for Rendering {
    async fn definition(&self, cluster: &Name, name: &str) -> Result<Option<Value>, PlanError> {
        let lookup = Lookup {
            api_version: "apiextensions.k8s.io/v1".into(),
            kind: DEFINITION.into(),
            namespace: String::new(),
            name: name.to_owned(),
        };
        self.finder.find(cluster, &lookup).await.map_err(|error| unavailable(error.to_string()))
    }

    async fn seal(&self, release: &Value) -> Result<String, PlanError> {
        let bytes = Secret::new(release.to_string().into_bytes());
        let digest = self.blobs.put_sealed(bytes).await.map_err(|error| unavailable(error.to_string()))?;
        Ok(digest.to_string())
    }

    async fn recorded(&self, order: &Order<'_>, release: &Value) -> Result<Bundle, PlanError> {
        let broken = |cause: String| PlanError::Unavailable { cause: format!("a release cannot be read: {cause}") };
        let request = RenderRequest {
            chart: adapters::helm::chart_of(release).map_err(broken)?,
            release: order.release.clone(),
            values: "{}".into(),
            capabilities: None,
            include_crds: false,
            include_values: false,
            check_reproducible: false,
            found: vec![],
        };
        let mut rendered = self.helm.render(&request).await.map_err(|error| failed(order, &error))?;
        let hooks = rendered.hooks.iter_mut().flat_map(|hook| &mut hook.objects);
        for object in rendered.objects.iter_mut().chain(hooks) {
            let source = adapters::helm::source(&object.raw).unwrap_or("the release's manifest").to_owned();
            object.source = source;
        }
        rendered.release = release.clone();
        self.bundle(order, rendered).await
    }

    async fn render(&self, order: &Order<'_>) -> Result<Bundle, PlanError> {
        let digest: Digest = order.chart.digest.parse().map_err(|_| unavailable("a chart's digest is not readable"))?;
        let archive = self.blobs.get(&digest).await.map_err(|error| unavailable(error.to_string()))?;
        let mut request = RenderRequest {
            chart: ChartSource::Archive(archive.expose().into()),
            release: order.release.clone(),
            values: order.values.to_string(),
            capabilities: Some(Capabilities {
                kube_version: Some(order.facts.version.clone()),
                api_versions: ApiVersions::Replace(order.facts.apis.clone()),
            }),
            include_crds: false,
            include_values: false,
            check_reproducible: true,
            found: vec![],
        };
        let (rendered, unanswered) = self.answered(order, &mut request).await?;
        let mut bundle = self.bundle(order, rendered).await?;
        bundle.lookups = request.found.len();
        bundle.notes.extend(unanswered);
        Ok(bundle)
    }
}

impl Rendering {
    /// Rendered with what it looks up on its cluster; one answer may lead to the next question.
    async fn answered(
        &self,
        order: &Order<'_>,
        request: &mut RenderRequest,
    ) -> Result<(Rendered, Vec<String>), PlanError> {
        let mut unanswered = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let rendered = self.helm.render(request).await.map_err(|error| failed(order, &error))?;
            if rendered.lookups.is_empty() {
                return Ok((rendered, unanswered));
            }
            for lookup in rendered.lookups {
                let object = match lookup::permitted(&lookup, &order.release.namespace) {
                    Some(seen) => {
                        self.finder.find(order.cluster, &seen).await.map_err(|e| unavailable(e.to_string()))?
                    }
                    None => {
                        unanswered.push(lookup::refusal(&lookup));
                        None
                    }
                };
                request.found.push(Found { lookup, object });
            }
        }
        let message = format!("the chart goes on looking things up after {MOST_ROUNDS} rounds of answers");
        Err(PlanError::Problems(vec![Problem::at(format!("{}.chart", order.field), message)]))
    }

    async fn bundle(&self, order: &Order<'_>, rendered: Rendered) -> Result<Bundle, PlanError> {
        let problems = refuse::refusals(order, &rendered);
        match problems.is_empty() {
            true => self.keep(order, rendered).await,
            false => Err(PlanError::Problems(problems)),
        }
    }

    async fn keep(&self, order: &Order<'_>, rendered: Rendered) -> Result<Bundle, PlanError> {
        let notes = notes(&rendered);
        let mut bundle = Bundle {
            format: Bundle::FORMAT,
            inputs: order.inputs.to_owned(),
            chart: order.chart.clone(),
            objects: Vec::new(),
            hooks: Vec::new(),
            definitions: Vec::new(),
            release: Some(self.seal(&rendered.release).await?),
            pods: Vec::new(),
            volumes: Vec::new(),
            storage_bytes: 0,
            lookups: 0,
            notes,
        };
        for object in rendered.crds {
            bundle.definitions.push(self.piece(object).await?);
        }
        for object in rendered.objects {
            measure(&mut bundle, &object.object);
            if text(&object.object, "/kind") == DEFINITION {
                bundle.definitions.push(self.piece(object).await?);
                continue;
            }
            let object = helms(order, object);
            bundle.objects.push(self.piece(object).await?);
        }
        let mut hooks = rendered.hooks;
        // As Helm runs them: by weight, then name, then kind.
        hooks.sort_by(|a, b| (a.weight, &a.name).cmp(&(b.weight, &b.name)));
        for hook in hooks {
            for object in hook.objects {
                let piece = self.piece(object).await?;
                let policies = hook.delete_policies.iter().filter_map(|word| policy(word)).collect();
                let words = hook.log_policies.iter().any(|word| word == "hook-succeeded");
                let (events, weight) = (hook.events.clone(), hook.weight);
                bundle.hooks.push(HookPiece { events, weight, policies, words, piece });
            }
        }
        Ok(bundle)
    }

    async fn piece(&self, Object { source, object, .. }: Object) -> Result<Piece, PlanError> {
        let word = |pointer: &str| text(&object, pointer).to_owned();
        let (api_version, kind, name) = (word("/apiVersion"), word("/kind"), word("/metadata/name"));
        let policy =
            object.pointer("/metadata/annotations").and_then(|all| all.get("helm.sh/resource-policy")?.as_str());
        let keep = policy.is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"));
        let body = self.body(&kind, object).await?;
        Ok(Piece { api_version, kind, name, source, keep, body })
    }

    async fn body(&self, kind: &str, object: Value) -> Result<Body, PlanError> {
        match kind {
            "Secret" => Ok(Body::Sealed { digest: self.seal(&object).await? }),
            _ => Ok(Body::Plain(object)),
        }
    }
}

/// Helm takes for its own what carries its marks; without them its command line would refuse the release.
fn helms(order: &Order<'_>, mut object: Object) -> Object {
    let Release { name, namespace, .. } = &order.release;
    let marks = [
        ("/metadata/labels", "app.kubernetes.io/managed-by", "Helm"),
        ("/metadata/annotations", "meta.helm.sh/release-name", name),
        ("/metadata/annotations", "meta.helm.sh/release-namespace", namespace),
    ];
    for (map, key, value) in marks {
        let absent = object.object.pointer(map).is_none_or(Value::is_null);
        if absent && let Some(metadata) = object.object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert(map.rsplit('/').next().unwrap_or_default().to_owned(), Value::Object(Map::new()));
        }
        if let Some(map) = object.object.pointer_mut(map).and_then(Value::as_object_mut) {
            map.insert(key.to_owned(), Value::from(value));
        }
    }
    object
}

/// Words that Helm does not know do nothing, as with Helm.
fn policy(word: &str) -> Option<DeletePolicy> {
    match word {
        "before-hook-creation" => Some(DeletePolicy::BeforeHookCreation),
        "hook-succeeded" => Some(DeletePolicy::HookSucceeded),
        "hook-failed" => Some(DeletePolicy::HookFailed),
        _ => None,
    }
}

fn measure(bundle: &mut Bundle, object: &Value) {
    bundle.pods.extend(demand::pods(object));
    let replicas = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    match text(object, "/kind") {
        "PersistentVolumeClaim" => {
            bundle.volumes.push(text(object, "/metadata/name").to_owned());
            bundle.storage_bytes += demand::storage(object);
        }
        "StatefulSet" => {
            for claim in object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten() {
                bundle.volumes.push(text(claim, "/metadata/name").to_owned());
                bundle.storage_bytes += demand::storage(claim) * replicas;
            }
        }
        _ => {}
    }
}

fn notes(rendered: &Rendered) -> Vec<String> {
    let mut notes = Vec::new();
    if rendered.reproducible == Some(false) {
        notes.push(
            "the chart renders differently each time (random or time functions); this bundle is kept and used".into(),
        );
    }
    notes.extend(rendered.objects.iter().filter_map(|object| isolation::warning(&object.source, &object.object)));
    for hook in &rendered.unknown_hooks {
        let events = hook.events.join(", ");
        notes.push(format!(
            "{}: {} {} waits for {events:?}, which Helm does not know: it is left out",
            hook.path, hook.kind, hook.name
        ));
    }
    notes
}

fn failed(order: &Order<'_>, error: &HelmError) -> PlanError {
    if error.retryable() {
        return unavailable(error.to_string());
    }
    if error.problems().is_empty() {
        let message = format!("{} {}: {error}", order.chart.name, order.chart.version);
        return PlanError::Problems(vec![Problem::at(format!("{}.chart", order.field), message)]);
    }
    let each = |problem: &adapters::helm::Problem| match &problem.path {
        Some(pointer) => {
            let path: String = pointer.split('/').skip(1).map(|part| format!(".{part}")).collect();
            Problem::at(format!("{}.values{path}", order.field), problem.message.clone())
                .mend(format!("see values.schema.json of chart {} {}", order.chart.name, order.chart.version))
        }
        None => Problem::at(format!("{}.chart", order.field), problem.to_string()),
    };
    PlanError::Problems(error.problems().iter().map(each).collect())
}

fn unavailable(cause: impl Into<String>) -> PlanError {
    PlanError::Unavailable { cause: cause.into() }
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapters::helm::Problem as Found;
    use std::time::Duration;

    fn told(error: &HelmError) -> String {
        let chart = ChartPin {
            name: "web".into(),
            version: "1.2.3".into(),
            digest: String::new(),
            repository: None,
            package: None,
            asked: None,
            source: None,
            dependencies: vec![],
        };
        let release = Release { name: "r".into(), namespace: "n".into(), revision: 1, is_upgrade: false };
        let (function, facts) = ("it".parse().expect("a name"), ClusterFacts::default());
        let (values, field) = (&Value::Null, "spec.functions[0]");
        let order = Order {
            function: &function,
            field,
            chart: &chart,
            release,
            values,
            cluster: &function,
            facts: &facts,
            inputs: "",
        };
        failed(&order, error).to_string()
    }

    #[test]
    fn a_chart_that_ends_its_worker_is_named() {
        let says = "spec.functions[0].chart: web 1.2.3: the chart made the worker end, twice: out of memory";
        assert_eq!(told(&HelmError::Crashed("out of memory".into())), says);
        assert!(told(&HelmError::TimedOut(Duration::from_secs(30))).contains("web 1.2.3: the chart did not render"));
    }

    #[test]
    fn a_schema_error_points_to_the_value_and_a_template_error_to_the_chart() {
        let schema = r#"{"kind": "schema", "message": "too large", "path": "/port"}"#;
        let template = r#"{"kind": "template", "message": "no x", "file": "web/templates/a.yaml", "line": 3}"#;
        let problem = |text: &str| HelmError::Chart(vec![serde_json::from_str::<Found>(text).expect("a problem")]);
        assert!(told(&problem(schema)).starts_with("spec.functions[0].values.port: too large; see values.schema.json"));
        assert_eq!(told(&problem(template)), "spec.functions[0].chart: web/templates/a.yaml:3: no x");
    }
}
