//! Packing of folders, and what a packed chart says of itself.

use super::bench::{chart, chart_folder, helm, pack, request};
use adapters::helm::{ChartSource, PackError, ProblemKind, pack_folder};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_same_folder_gives_the_same_bytes_anywhere() {
    let other = tempfile::tempdir().unwrap();
    copy(&chart_folder("ordered"), &other.path().join("elsewhere"));
    assert_eq!(pack_folder(&chart_folder("ordered")).unwrap(), pack_folder(&other.path().join("elsewhere")).unwrap());
}

#[test]
fn a_link_out_of_the_folder_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    for target in [outside.path().to_owned(), outside.path().join("secret"), "../../..".into()] {
        let folder = tempfile::tempdir().unwrap();
        copy(&chart_folder("newer"), folder.path());
        symlink(target, folder.path().join("templates/link")).unwrap();
        let error = pack_folder(folder.path()).unwrap_err();
        assert!(matches!(error, PackError::Outside(_)), "{error}");
    }
}

#[tokio::test]
async fn a_link_inside_of_the_folder_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    copy(&chart_folder("newer"), folder.path());
    symlink("x.yaml", folder.path().join("templates/y.yaml")).unwrap();
    let rendered = helm().render(&request(pack(folder.path()), "")).await.unwrap();
    let sources: Vec<_> = rendered.objects.iter().map(|o| o.source.as_str()).collect();
    assert_eq!(sources, ["newer/templates/x.yaml", "newer/templates/y.yaml"]);
}

#[test]
fn a_link_to_a_folder_above_ends() {
    let folder = tempfile::tempdir().unwrap();
    copy(&chart_folder("newer"), folder.path());
    symlink("..", folder.path().join("templates/up")).unwrap();
    let error = pack_folder(folder.path()).unwrap_err();
    assert!(matches!(error, PackError::Depth(_)), "{error}");
}

#[test]
fn a_folder_without_a_chart_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = pack_folder(folder.path()).unwrap_err();
    assert!(matches!(error, PackError::NoChart(_)), "{error}");
}

#[tokio::test]
async fn a_chart_tells_what_it_is() {
    let helm = helm();
    let info = helm.inspect(&chart("newer")).await.unwrap();
    assert_eq!((info.name.as_str(), info.version.as_str(), info.app_version.as_str()), ("newer", "1.2.3", "4.5"));
    assert_eq!(info.kube_version, ">=1.30.0-0 <1.40.0-0");
    assert!(!info.has_schema);
    let info = helm.inspect(&chart("strict")).await.unwrap();
    assert!(info.has_schema);
    assert_eq!(info.values["nested"]["list"][0], 1);
    assert_eq!(helm.inspect(&chart("shelf")).await.unwrap().kind, "library");
}

#[tokio::test]
async fn what_is_no_chart_is_refused() {
    let helm = helm();
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("Chart.yaml"), "apiVersion: v3\nname: x\nversion: 1.0.0\n").unwrap();
    for bytes in [b"not a chart".to_vec(), vec![], pack_folder(empty.path()).unwrap()] {
        let error = helm.inspect(&ChartSource::Archive(bytes.into())).await.unwrap_err();
        assert_eq!(error.problems()[0].kind, ProblemKind::Chart, "{error}");
    }
}
