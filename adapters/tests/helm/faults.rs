//! What is wrong is named with its place; what takes too much is stopped; the next render works.

use super::bench::{chart, chart_folder, helm, helm_with, request, template, worker};
use adapters::helm::{Helm, HelmError, Limits, Problem, ProblemKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

async fn problems(chart_name: &str, values: &str) -> Vec<Problem> {
    helm().render(&request(chart(chart_name), values)).await.unwrap_err().problems().to_vec()
}

#[tokio::test]
async fn a_template_error_names_the_file_and_line_of_the_chart() {
    for (values, file, line, word) in [
        ("case: deep", "broken/templates/_helpers.tpl", 3, "can't evaluate field no"),
        ("case: required", "broken/templates/x.yaml", 8, "say x"),
        ("case: fail", "broken/templates/x.yaml", 10, "never: this"),
        ("case: index", "broken/templates/x.yaml", 12, "index of untyped nil"),
    ] {
        let found = problems("broken", values).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, ProblemKind::Template);
        assert_eq!(found[0].file.as_deref(), Some(file), "{found:?}");
        assert_eq!(found[0].line, Some(line), "{found:?}");
        assert!(found[0].message.contains(word), "{found:?}");
    }
}

#[tokio::test]
async fn a_template_that_does_not_parse_names_its_line() {
    let found = problems("unparsed", "").await;
    assert_eq!((found[0].file.as_deref(), found[0].line), (Some("unparsed/templates/x.yaml"), Some(2)), "{found:?}");
}

#[tokio::test]
async fn a_template_that_gives_no_yaml_names_its_file() {
    let found = problems("broken", "case: yaml").await;
    assert_eq!(found[0].kind, ProblemKind::Manifest);
    assert_eq!(found[0].file.as_deref(), Some("broken/templates/x.yaml"));
}

#[tokio::test]
async fn every_schema_error_points_to_its_value() {
    let values = "port: 70000\nmode: c\nsize: big\nunknown: 1\nnested: {list: [1, two]}\nbelow: {a/b: 1}\n";
    let found = problems("strict", values).await;
    let paths: Vec<_> = found.iter().map(|p| p.path.as_deref().unwrap()).collect();
    assert_eq!(paths, ["/below/a~1b", "/mode", "/nested/list/1", "/port", "/size", "/unknown"], "{found:?}");
    assert!(found.iter().all(|p| p.kind == ProblemKind::Schema));
    assert_eq!(found[3].message, "maximum: got 70,000, want 65,535");
    assert_eq!(found[0].file.as_deref(), Some("strict/charts/below/values.schema.json"));
}

#[tokio::test]
async fn a_missing_value_points_to_where_it_is_missing() {
    let found = problems("strict", "nested: {list: null}").await;
    assert_eq!(found[0].path.as_deref(), Some("/nested"), "{found:?}");
    assert!(found[0].message.contains("list"), "{found:?}");
}

#[tokio::test]
async fn values_that_are_not_yaml_are_named() {
    assert_eq!(problems("numbers", "a: [").await[0].kind, ProblemKind::Values);
    assert_eq!(problems("numbers", "- a list").await[0].kind, ProblemKind::Values);
}

#[tokio::test]
async fn twenty_renders_at_once_on_one_worker_are_all_right() {
    let helm = Arc::new(helm_with(Limits { in_flight: 20, ..Limits::default() }));
    let mut all = JoinSet::new();
    for n in 0..20 {
        let helm = Arc::clone(&helm);
        all.spawn(async move {
            let on = n % 2 == 0;
            let values = format!("global: {{zone: z{n}}}\nfirst: {{size: {n}}}\nsecond: {{enabled: {on}}}\n");
            (values.clone(), helm.render(&request(chart("umbrella"), &values)).await.unwrap().stream)
        });
    }
    let mut pid = None;
    while let Some(done) = all.join_next().await {
        let (values, stream) = done.unwrap();
        assert_eq!(stream, template(&chart_folder("umbrella"), &values, &[]).unwrap(), "{values}");
        let now = helm.worker_pid().await;
        assert!(now.is_some() && *pid.get_or_insert(now) == now, "one worker did all");
    }
}

async fn renders(helm: &Helm) {
    let rendered = helm.render(&request(chart("newer"), "")).await.unwrap();
    assert_eq!(rendered.objects.len(), 1);
}

#[tokio::test]
async fn an_endless_chart_is_stopped_and_the_next_render_works() {
    let limit = Duration::from_secs(2);
    let helm = Arc::new(helm_with(Limits { render: limit, ..Limits::default() }));
    renders(&helm).await;
    let first = helm.worker_pid().await;
    let endless = |helm: Arc<Helm>| tokio::spawn(async move { helm.render(&request(chart("endless"), "")).await });
    let started = Instant::now();
    let one = endless(Arc::clone(&helm));
    // Others go on beside it.
    while started.elapsed() < limit / 2 {
        renders(&helm).await;
    }
    assert_eq!(helm.worker_pid().await, first);
    let other = endless(Arc::clone(&helm));
    let error = one.await.unwrap().unwrap_err();
    assert!(matches!(error, HelmError::TimedOut(after) if after == limit), "{error}");
    assert!(!error.retryable());
    // It was interrupted by the end of the first, and got its own time once more.
    let error = other.await.unwrap().unwrap_err();
    assert!(matches!(error, HelmError::TimedOut(after) if after == limit), "{error}");
    renders(&helm).await;
    assert_ne!(helm.worker_pid().await, first);
}

#[tokio::test]
async fn a_render_that_nobody_waits_for_still_ends() {
    let helm = helm_with(Limits { render: Duration::from_secs(1), in_flight: 1, ..Limits::default() });
    let asked = request(chart("endless"), "");
    tokio::select! {
        _ = helm.render(&asked) => unreachable!("an endless chart"),
        () = async { while helm.worker_pid().await.is_none() { tokio::task::yield_now().await } } => {}
    }
    // The only turn comes back when the worker is stopped, and goes to a new worker.
    renders(&helm).await;
}

#[tokio::test]
async fn a_chart_that_takes_the_memory_is_refused_and_the_next_render_works() {
    let helm = helm_with(Limits { memory_bytes: 256 << 20, ..Limits::default() });
    for times in [600_000_000_u64, 60_000_000_000] {
        let error = helm.render(&request(chart("greedy"), &format!("times: {times}"))).await.unwrap_err();
        let limit = error.problems().first().is_some_and(|p| p.kind == ProblemKind::Limit);
        let fatal = matches!(&error, HelmError::Crashed(why) if why.contains("out of memory"));
        assert!(limit || fatal, "{error}");
        assert!(!error.retryable());
        renders(&helm).await;
    }
}

#[tokio::test]
async fn a_chart_with_too_much_output_is_refused() {
    let helm = helm_with(Limits { output_bytes: 100_000, ..Limits::default() });
    let error = helm.render(&request(chart("greedy"), "times: 200000")).await.unwrap_err();
    assert_eq!(error.problems()[0].kind, ProblemKind::Limit);
    assert!(error.to_string().contains("the limit is 100000"), "{error}");
}

#[tokio::test]
async fn a_request_over_the_frame_limit_is_not_sent() {
    let helm = helm_with(Limits { frame_bytes: 1000, ..Limits::default() });
    let error = helm.render(&request(chart("newer"), &"#".repeat(2000))).await.unwrap_err();
    assert!(matches!(error, HelmError::TooLarge { limit: 1000, .. }), "{error}");
}

/// A worker that does `first` before it is the worker; how often it was started stands in the file.
fn wrapped(folder: &Path, first: &str) -> (Helm, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (program, starts) = (folder.join("worker"), folder.join("starts"));
    let real = worker().display().to_string();
    let text = format!("#!/bin/sh\necho once >> {}\n{first}\nexec {real} \"$@\"\n", starts.display());
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (Helm::new(program, Limits::default()), starts)
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap().lines().count()
}

#[tokio::test]
async fn a_chart_that_met_a_dying_worker_is_rendered_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let dies = format!("[ -e {m} ] || {{ : > {m}; head -c 4 > /dev/null; kill -9 $$; }}", m = mark.display());
    let (helm, starts) = wrapped(folder.path(), &dies);
    renders(&helm).await;
    assert_eq!(lines(&starts), 2);
    renders(&helm).await;
}

#[tokio::test]
async fn a_chart_that_ends_its_worker_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (helm, starts) = wrapped(folder.path(), "head -c 4 > /dev/null; echo 'fatal error: of the chart' >&2; exit 2");
    let error = helm.render(&request(chart("newer"), "")).await.unwrap_err();
    assert!(matches!(&error, HelmError::Crashed(why) if why.contains("of the chart")), "{error}");
    assert!(!error.retryable());
    assert_eq!(lines(&starts), 2);
}

#[tokio::test]
async fn charts_in_work_beside_one_that_is_stopped_are_rendered() {
    let helm = Arc::new(helm_with(Limits { render: Duration::from_secs(2), ..Limits::default() }));
    let bad = Arc::clone(&helm);
    let bad = tokio::spawn(async move { bad.render(&request(chart("endless"), "")).await });
    let mut others = JoinSet::new();
    let until = Instant::now() + Duration::from_secs(3);
    for _ in 0..8 {
        let helm = Arc::clone(&helm);
        others.spawn(async move {
            while Instant::now() < until {
                renders(&helm).await;
            }
        });
    }
    while let Some(done) = others.join_next().await {
        done.unwrap();
    }
    assert!(matches!(bad.await.unwrap(), Err(HelmError::TimedOut(_))));
}

#[tokio::test]
async fn a_closed_client_leaves_no_worker() {
    let helm = helm();
    renders(&helm).await;
    let pid = helm.worker_pid().await.unwrap();
    helm.close().await;
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn a_worker_that_is_not_there_is_named() {
    let helm = Helm::new("/nonexistent/worker".into(), Limits::default());
    let error = helm.render(&request(chart("newer"), "")).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/worker"), "{error}");
    let cache = tempfile::tempdir().unwrap();
    let missing = adapters::helm::locate(None, cache.path()).unwrap_err();
    assert!(missing.to_string().contains(cache.path().to_str().unwrap()), "{missing}");
}
