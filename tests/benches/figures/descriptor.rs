//! P17: from a packed chart of forty objects to the files of its package, beside the rendering alone, in turns.

use crate::charts::{OBJECTS, shop};
use crate::ours::program;
use crate::row::{Row, Table, median, millis};
use adapters::helm::{ApiVersions, Capabilities, ChartSource, Helm, Limits, Release, RenderRequest, WORKER};
use orchestrator::packages::NAMESPACE;
use orchestrator::packages::build::{Built, Order, build};
use orchestrator::packages::written::{Form, Together, Travels, Wanted, files};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 60;
/// Until the worker runs and its code is in memory.
const WARM: usize = 5;

pub async fn measure(table: &mut Table) {
    let helm = helm();
    let archive = shop("1.0.0");
    let request = request(&archive);
    let rendered = helm.render(&request).await.unwrap();
    assert_eq!(rendered.objects.len(), OBJECTS);
    let [mut whole, mut alone] = [Vec::new(), Vec::new()];
    for round in 0..WARM + ROUNDS {
        // Each comes first as often as the other.
        let (ours, theirs) = if round % 2 == 0 {
            let ours = descriptor(&helm, &archive).await;
            (ours, render(&helm, &request).await)
        } else {
            let theirs = render(&helm, &request).await;
            (descriptor(&helm, &archive).await, theirs)
        };
        if round >= WARM {
            whole.push(ours);
            alone.push(theirs);
        }
    }
    helm.close().await;
    let [whole, alone] = [whole, alone].map(|mut took| millis(median(&mut took)));
    table.add(Row {
        id: "P17",
        what: "from a chart of 40 objects to the files of its CSAR, p50",
        value: whole,
        unit: "ms",
        against: format!("the rendering alone {alone:.1} ms: times that, <= 2"),
        ratio: Some(whole / alone),
    });
}

pub fn helm() -> Helm {
    Helm::new(program(WORKER), Limits::default())
}

/// A chart with its descriptor.
pub async fn drawn(helm: &Helm, archive: &Arc<[u8]>) -> Built {
    let order = Order { archive: Arc::clone(archive), provider: "Example".into(), ..Order::default() };
    build(helm, &order).await.unwrap()
}

/// What is written of it.
pub fn csar(built: Built) -> Vec<u8> {
    let wanted = Wanted { form: Form::Sol001, travels: Travels::Package, signer: None };
    let files = files(&[built], &Together::default(), wanted).unwrap();
    files.into_iter().find(|(name, _)| name.ends_with(".csar")).unwrap().1
}

async fn descriptor(helm: &Helm, archive: &Arc<[u8]>) -> Duration {
    let began = Instant::now();
    let csar = csar(drawn(helm, archive).await);
    let took = began.elapsed();
    assert!(csar.starts_with(b"PK"));
    took
}

async fn render(helm: &Helm, request: &RenderRequest) -> Duration {
    let began = Instant::now();
    let rendered = helm.render(request).await.unwrap();
    let took = began.elapsed();
    assert_eq!(rendered.objects.len(), OBJECTS);
    took
}

/// Once, without what a descriptor asks beyond the objects.
fn request(archive: &Arc<[u8]>) -> RenderRequest {
    RenderRequest {
        chart: ChartSource::Archive(Arc::clone(archive)),
        release: Release { name: "shop".into(), namespace: NAMESPACE.into(), revision: 1, is_upgrade: false },
        values: String::new(),
        capabilities: Some(Capabilities { kube_version: None, api_versions: ApiVersions::Append(vec![]) }),
        include_crds: false,
        include_values: false,
        check_reproducible: false,
        found: vec![],
    }
}
