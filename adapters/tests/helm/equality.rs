//! Given the command line's capabilities, the worker's output is the command line's to the byte.

use super::bench::{chart, chart_folder, helm, request, template};
use adapters::helm::{ApiVersions, Capabilities, Helm, ProblemKind, RenderRequest};

struct Case<'a> {
    chart: &'a str,
    values: &'a str,
    arguments: &'a [&'a str],
}

/// Renders both ways; `change` tells the worker what `arguments` tell the command line.
async fn check(helm: &Helm, case: Case<'_>, change: impl FnOnce(&mut RenderRequest)) {
    let mut request = request(chart(case.chart), case.values);
    change(&mut request);
    let expect = template(&chart_folder(case.chart), case.values, case.arguments).unwrap();
    let rendered = helm.render(&request).await.unwrap();
    assert_eq!(rendered.stream, expect, "{} with {:?}", case.chart, case.values);
}

async fn check_plain(helm: &Helm, chart: &str, values: &str) {
    check(helm, Case { chart, values, arguments: &[] }, |_| {}).await;
}

#[tokio::test]
async fn trap_1_a_chart_renders_the_same_after_other_values() {
    let helm = helm();
    let off = "first: {enabled: false}\ntags: {extra: false}\n";
    let changed = "global: {zone: here}\nfirst: {size: 3, enabled: true}\ntaken: {port: 81}\nown: {keep: null}\n";
    for values in ["", off, changed, off, ""] {
        check_plain(&helm, "umbrella", values).await;
    }
}

#[tokio::test]
async fn trap_2_values_are_read_as_helm_reads_them() {
    let helm = helm();
    check_plain(&helm, "numbers", "").await;
    check_plain(
        &helm,
        "numbers",
        "small: 9007199254740993\nyes: n\nnew: 1e400\nold: 010\nlist: [on, 0x10, .5, ~, 1.10]\n",
    )
    .await;
    check_plain(
        &helm,
        "numbers",
        r#"{"small": 12345678901, "float": 1.50, "nested": {"a": [true, null, 1e2]}, "text": "yes"}"#,
    )
    .await;
    check_plain(&helm, "numbers", "small: 1\n---\nsmall: 2\nextra: y\n").await;
}

#[tokio::test]
async fn trap_3_what_helm_refuses_is_refused_with_its_words() {
    let helm = helm();
    for (name, kind) in [("shelf", ProblemKind::Library), ("incomplete", ProblemKind::Dependency)] {
        let error = helm.render(&request(chart(name), "")).await.unwrap_err();
        let words = template(&chart_folder(name), "", &[]).unwrap_err();
        assert_eq!(error.problems()[0].kind, kind);
        assert!(words.contains(&error.problems()[0].message), "{error} is not in {words}");
    }
}

#[tokio::test]
async fn trap_3_a_range_of_kubernetes_versions_is_held() {
    let helm = helm();
    let at =
        |version: &str| Capabilities { kube_version: Some(version.into()), api_versions: ApiVersions::Append(vec![]) };
    for version in ["1.29.9", "v1.40.0"] {
        let mut asked = request(chart("newer"), "");
        asked.capabilities = Some(at(version));
        let error = helm.render(&asked).await.unwrap_err();
        let words = template(&chart_folder("newer"), "", &["--kube-version", version]).unwrap_err();
        assert_eq!(error.problems()[0].kind, ProblemKind::KubeVersion);
        assert!(words.contains(&error.problems()[0].message), "{error} is not in {words}");
    }
    let fits = Case { chart: "newer", values: "", arguments: &["--kube-version", "v1.36.3-gke.7"] };
    check(&helm, fits, |request| request.capabilities = Some(at("v1.36.3-gke.7"))).await;
}

#[tokio::test]
async fn trap_3_a_release_name_is_checked() {
    let mut asked = request(chart("numbers"), "");
    asked.release.name = "Upper".into();
    let error = helm().render(&asked).await.unwrap_err();
    assert_eq!(error.problems()[0].kind, ProblemKind::Release);
}

#[tokio::test]
async fn trap_5_the_version_of_helm_is_the_command_lines() {
    let helm = helm();
    check_plain(&helm, "surroundings", "").await;
    let rendered = helm.render(&request(chart("surroundings"), "")).await.unwrap();
    assert_eq!(rendered.objects[0].object["data"]["helm"], "v4.3.1");
}

#[tokio::test]
async fn named_api_versions_are_added_as_the_command_line_adds_them() {
    let arguments =
        ["--api-versions", "one.example/v1", "--api-versions", "two.example/v2/Kind", "--kube-version", "1.31"];
    let added = vec!["one.example/v1".to_owned(), "two.example/v2/Kind".to_owned()];
    let capabilities = Capabilities { kube_version: Some("1.31".into()), api_versions: ApiVersions::Append(added) };
    let case = Case { chart: "surroundings", values: "", arguments: &arguments };
    check(&helm(), case, |request| request.capabilities = Some(capabilities)).await;
}

#[tokio::test]
async fn trap_6_an_upgrade_is_told_apart_from_an_installation() {
    let helm = helm();
    let case = Case { chart: "surroundings", values: "", arguments: &["--is-upgrade"] };
    check(&helm, case, |request| request.release.is_upgrade = true).await;
    let mut later = request(chart("surroundings"), "");
    later.release.revision = 7;
    let rendered = helm.render(&later).await.unwrap();
    let release = rendered.objects[0].object["data"]["release"].as_str().unwrap().to_owned();
    assert!(release.contains(r#""Revision":7"#), "{release}");
}

#[tokio::test]
async fn trap_7_documents_come_in_the_command_lines_order() {
    let helm = helm();
    check_plain(&helm, "ordered", "").await;
    let case = Case { chart: "ordered", values: "", arguments: &["--include-crds"] };
    check(&helm, case, |request| request.include_crds = true).await;
}

#[tokio::test]
async fn trap_9_a_schema_lets_good_values_through() {
    let helm = helm();
    check_plain(&helm, "strict", "").await;
    check_plain(&helm, "strict", "port: 81\nsize: 3Gi\nbelow: {a/b: true}\n").await;
    for values in ["port: 0", "unknown: 1", "below: {a/b: 1}"] {
        assert!(template(&chart_folder("strict"), values, &[]).is_err(), "{values}");
        assert!(helm.render(&request(chart("strict"), values)).await.is_err(), "{values}");
    }
}

#[tokio::test]
async fn charts_that_could_differ_and_do_not_are_the_same() {
    let helm = helm();
    for values in ["use: none", "use: sorted", "use: unused"] {
        check_plain(&helm, "dice", values).await;
    }
    check_plain(&helm, "asking", "").await;
}

#[tokio::test]
async fn a_packed_folder_leaves_out_what_helm_leaves_out() {
    check_plain(&helm(), "selective", "").await;
}
