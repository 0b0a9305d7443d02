//! Charts that want to break out, break the worker, or take the machine: each is refused with its own words or stopped,
//! and an honest chart on the same worker is rendered all the time.

use super::archives::{NOTHING, Pack, aliased, aliases, doubling_schema, metadata, nested, schema, template};
use super::bench::{chart, helm, helm_with, request};
use adapters::helm::{ChartSource, Helm, HelmError, Limits, ProblemKind as Kind, Rendered};
use std::sync::Arc;
use std::time::Duration;
use tar::EntryType;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// For what is stopped when its time is over, and for what ends by itself, if slowly on a busy machine.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(30);

enum End {
    /// With these words in the first problem.
    Refused(Kind, &'static str),
    /// When its time is over, with the worker.
    Stopped,
    /// Refused so, or stopped: whichever limit a machine comes to first.
    Either(Kind, &'static str),
    /// There is no harm in it, and nothing of the machine in what comes out: the objects hold these words.
    Renders(&'static str),
}
use End::{Either, Refused, Renders, Stopped};

struct Row {
    what: &'static str,
    packed: Vec<u8>,
    values: String,
    end: End,
}

fn row(what: &'static str, packed: Vec<u8>, end: End) -> Row {
    Row { what, packed, values: String::new(), end }
}

fn with_values(what: &'static str, packed: Vec<u8>, values: String, end: End) -> Row {
    Row { what, packed, values, end }
}

/// Renders every row beside an honest chart that is rendered again and again on the same client.
async fn check(time: Duration, rows: Vec<Row>) {
    let helm = Arc::new(helm_with(Limits { render: time, memory_bytes: 400 << 20, ..Limits::default() }));
    let (round, mut rounds) = watch::channel(0_u64);
    let honest = tokio::spawn(render_on(Arc::clone(&helm), round));
    let mut wrong = Vec::new();
    for row in rows {
        let what = row.what;
        if let Some(words) = check_row(&helm, row).await {
            wrong.push(format!("{what}: {words}"));
        }
        // An honest render begins and ends after each.
        let before = *rounds.borrow();
        let next = tokio::time::timeout(time * 3, rounds.wait_for(|now| *now > before + 1)).await;
        assert!(matches!(next, Ok(Ok(_))), "the honest chart failed beside: {what}");
    }
    drop(rounds);
    honest.await.unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Until nobody listens any more.
async fn render_on(helm: Arc<Helm>, round: watch::Sender<u64>) {
    let asked = request(chart("umbrella"), "");
    let expect = helm.render(&asked).await.unwrap().stream;
    while !round.is_closed() {
        assert_eq!(helm.render(&asked).await.unwrap().stream, expect);
        round.send_modify(|n| *n += 1);
    }
}

async fn check_row(helm: &Helm, row: Row) -> Option<String> {
    let got = helm.render(&request(ChartSource::Archive(row.packed.into()), &row.values)).await;
    let short = |error: &HelmError| error.to_string().chars().take(300).collect::<String>();
    match (row.end, got) {
        (Renders(words), Ok(rendered)) => {
            let all = objects(&rendered);
            (!all.contains(words)).then(|| format!("renders {all}"))
        }
        (Stopped | Either(..), Err(HelmError::TimedOut(_))) => None,
        (Refused(kind, words) | Either(kind, words), Err(error)) => {
            let first = error.problems().first().cloned();
            let fits = first.is_some_and(|p| p.kind == kind && p.to_string().contains(words));
            let bounded = error.to_string().len() < 500_000 && error.problems().len() <= 101;
            (!fits || !bounded || error.retryable()).then(|| short(&error))
        }
        (_, Ok(_)) => Some("renders".into()),
        (_, Err(error)) => Some(short(&error)),
    }
}

fn objects(rendered: &Rendered) -> String {
    rendered.objects.iter().map(|o| o.object.to_string()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn archives_that_reach_out_are_refused() {
    let deep = format!("bad/{}x", "d/".repeat(70));
    let out = || Refused(Kind::Chart, "leads out");
    check(
        LONG,
        vec![
            row("climbs out", Pack::chart().file("bad/../../x", "").done(), out()),
            row("climbs out after going in", Pack::chart().file("bad/a/../../../x", "").done(), out()),
            row("climbs out by the other slash", Pack::chart().file("bad\\..\\..\\x", "").done(), out()),
            row("starts at the root", Pack::chart().file("/etc/x", "").done(), out()),
            row("is a drive", Pack::chart().file("bad/c:/x", "").done(), Refused(Kind::Chart, "illegally named")),
            row(
                "is a link",
                Pack::chart().entry("bad/x", EntryType::Symlink, b"").done(),
                Refused(Kind::Chart, "a link"),
            ),
            row(
                "is a hard link",
                Pack::chart().entry("bad/x", EntryType::Link, b"").done(),
                Refused(Kind::Chart, "a link"),
            ),
            row(
                "is a device",
                Pack::chart().entry("bad/x", EntryType::Char, b"").done(),
                Refused(Kind::Chart, "neither"),
            ),
            row(
                "is a pipe",
                Pack::chart().entry("bad/x", EntryType::Fifo, b"").done(),
                Refused(Kind::Chart, "neither"),
            ),
            row("has deep folders", Pack::chart().file(&deep, "").done(), Refused(Kind::Chart, "more than 64 folders")),
            row(
                "has a file twice",
                Pack::chart().file("bad/x", "").file("bad/./x", "").done(),
                Refused(Kind::Chart, "twice"),
            ),
            row(
                "has its metadata twice",
                Pack::chart().file("bad/Chart.yaml", "").done(),
                Refused(Kind::Chart, "twice"),
            ),
            row(
                "has a document in a name",
                Pack::chart().file("bad/templates/x\n---\nkind: Secret\n", "").done(),
                Refused(Kind::Chart, "characters that no name has"),
            ),
            row(
                "has an endless name",
                Pack::chart().file(&format!("bad/{}", "n".repeat(2000)), "").done(),
                Refused(Kind::Chart, "more than 1024 bytes"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn archives_that_blow_up_are_refused() {
    let zeros = vec![0; 70 << 20];
    let many = (0..10_001).fold(Pack::chart(), |pack, n| pack.file(&format!("bad/f{n}"), ""));
    let part = vec![0; 30 << 20];
    let parts = ["a", "b", "c"].map(|n| (n, Pack::chart().file("bad/x", &part).done()));
    let parts = parts.into_iter().fold(Pack::chart(), |pack, (n, one)| pack.file(&format!("bad/charts/{n}.tgz"), one));
    let mut cut = Pack::chart().file("bad/x", "x".repeat(100_000)).done();
    cut.truncate(cut.len() / 2);
    check(
        LONG,
        vec![
            row(
                "is one file of zeros",
                Pack::chart().file("bad/x", &zeros).done(),
                Refused(Kind::Limit, "larger than"),
            ),
            row("is zeros in subcharts", parts.done(), Refused(Kind::Limit, "larger than")),
            row("claims a terabyte", Pack::chart().claim("bad/x", 1 << 40).done(), Refused(Kind::Limit, "larger than")),
            row("has many files", many.done(), Refused(Kind::Limit, "more than 10000 files")),
            row("has packed charts in packed charts", nested(10), Refused(Kind::Limit, "more than 8 deep")),
            row("has few packed charts in packed charts", nested(2), Renders("")),
            row("is cut short", cut, Refused(Kind::Limit, "cut short")),
            row("is empty", Pack::empty().done(), Refused(Kind::Chart, "no files")),
        ],
    )
    .await;
}

#[tokio::test]
async fn absurd_metadata_is_refused() {
    let renamed = |name: &str| Pack::empty().file("bad/Chart.yaml", NOTHING.replace("bad", name)).done();
    let itself = "dependencies: [{name: bad, version: 1.0.0}]\n";
    let cycle = ["bad", "bad/charts/bad", "bad/charts/bad/charts/bad"]
        .into_iter()
        .fold(Pack::empty(), |pack, at| pack.file(&format!("{at}/Chart.yaml"), format!("{NOTHING}{itself}")));
    check(
        LONG,
        vec![
            row("a name that is a path", renamed("../bad"), Refused(Kind::Chart, "is invalid")),
            row("a name that is a place", renamed("\"..\""), Refused(Kind::Chart, "is not allowed")),
            row("a name without end", renamed(&"n".repeat(1 << 20)), Refused(Kind::Chart, "more than 250 characters")),
            row("no name", renamed("\"\""), Refused(Kind::Chart, "name is required")),
            row(
                "a version that is none",
                Pack::empty().file("bad/Chart.yaml", NOTHING.replace("1.0.0", "latest")).done(),
                Refused(Kind::Chart, "version"),
            ),
            row("another format", metadata("apiVersion: v9\n"), Refused(Kind::Chart, "")),
            row("a kind that is none", metadata("type: virus\n"), Refused(Kind::Chart, "type must be")),
            row("a list where a word stands", metadata("description: [1]\n"), Refused(Kind::Chart, "Chart.yaml")),
            row("nobody maintains it", metadata("maintainers: [null]\n"), Refused(Kind::Chart, "maintainer")),
            row("an empty dependency", metadata("dependencies: [null]\n"), Refused(Kind::Chart, "dependenc")),
            row(
                "an alias that is a path",
                metadata("dependencies: [{name: a, alias: ../b}]\n"),
                Refused(Kind::Chart, "alias"),
            ),
            row(
                "one alias for two",
                metadata("dependencies: [{name: a, alias: x}, {name: b, alias: x}]\n"),
                Refused(Kind::Chart, "more than one dependency"),
            ),
            row(
                "a range that is none",
                metadata("kubeVersion: '>> || <'\n"),
                Refused(Kind::KubeVersion, "incompatible"),
            ),
            row("words that are aliases of words", metadata(&aliases()), Refused(Kind::Chart, "alias")),
            row("a dependency on itself that is not there", metadata(itself), Refused(Kind::Dependency, "bad")),
            row("a chart in itself, and again", cycle.done(), Renders("")),
            row("a million charts by alias", aliased(), Refused(Kind::Limit, "more than 1000")),
        ],
    )
    .await;
}

#[tokio::test]
async fn values_and_schemas_that_blow_up_are_refused() {
    let plain = || template("a: 1\n");
    let deep = |n: usize| format!("a: {}1{}\n", "[".repeat(n), "]".repeat(n));
    let own = |values: &str| Pack::chart().file("bad/values.yaml", values).done();
    let refers = |to: &str| schema(&format!(r#"{{"$ref": "{to}"}}"#));
    let reach = |words| Refused(Kind::SchemaFile, words);
    let wrong = format!("a: [{}]\n", vec!["x"; 100_000].join(", "));
    check(
        LONG,
        vec![
            with_values("values that are aliases", plain(), aliases(), Refused(Kind::Values, "alias")),
            row("defaults that are aliases", own(&aliases()), Refused(Kind::Chart, "alias")),
            with_values("values without a bottom", plain(), deep(20_000), Refused(Kind::Values, "depth")),
            row("defaults without a bottom", own(&deep(20_000)), Refused(Kind::Chart, "depth")),
            row(
                "defaults of little",
                own(&format!("a: [{}0]\n", "0,".repeat(2_000_000))),
                Refused(Kind::Limit, "values of its own"),
            ),
            row("defaults deeper than is read", own(&deep(200)), Refused(Kind::Limit, "more than 100 deep")),
            row("a schema in a file", refers("file:///etc/passwd"), reach("only references inside")),
            row("a schema beside it", refers("other.json"), reach("only references inside")),
            row("a schema on the network", refers("http://127.0.0.1:9/x.json"), reach("only references inside")),
            row("a schema on a safer network", refers("https://127.0.0.1:9/x.json"), reach("only references inside")),
            row("a schema by another way", refers("ftp://127.0.0.1/x"), reach("only references inside")),
            row("a schema of schemas in a file", schema(r#"{"$schema": "file:///etc/passwd"}"#), reach("")),
            row("a schema that is itself", refers("#"), Refused(Kind::Schema, "cycle")),
            row("a schema that is not JSON", schema("{"), reach("")),
            row("a schema without a bottom", schema(&"[".repeat(100_000)), reach("")),
            row("a pattern that does not end", schema(r#"{"pattern": "(((a{1000}){1000}){1000})"}"#), reach("")),
            with_values(
                "more errors than can be read",
                schema(r#"{"properties": {"a": {"items": {"type": "integer"}}}}"#),
                wrong,
                Refused(Kind::Schema, "integer"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn templates_that_take_the_memory_are_stopped() {
    let memory = || Refused(Kind::Limit, "more memory");
    let around = || Refused(Kind::Limit, "without end");
    let cycle = r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}"#;
    check(
        LONG,
        vec![
            row("one long word", template(r#"x: {{ repeat 2000000000 "x" }}"#), memory()),
            row("one word longer than there is", template(r#"x: {{ repeat 200000000000 "x" }}"#), memory()),
            row("a long list", template("{{ until 1000000000 }}"), memory()),
            row(
                "doubling",
                template(r#"{{ $s := "x" }}{{ range until 40 }}{{ $s = print $s $s }}{{ end }}"#),
                memory(),
            ),
            row("a printed circle", template(&format!("{cycle}{{{{ $d }}}}")), around()),
            row("a circle as YAML", template(&format!("x: 1{cycle}{{{{ toYaml $d }}}}")), Renders(r#"{"x":1}"#)),
            row(
                "tpl of itself",
                template(r#"{{ $t := "{{ tpl .t . }}" }}{{ tpl $t (dict "t" $t "Template" .Template) }}"#),
                Either(Kind::Limit, "more memory"),
            ),
            row(
                "brackets in thousands",
                template(&format!("{{{{ {}1{} }}}}", "(".repeat(2_000_000), ")".repeat(2_000_000))),
                Refused(Kind::Template, "depth exceeded"),
            ),
            row(
                "100 MB",
                template(r#"{{ range until 100 }}{{ repeat 1000000 "x" }}{{ end }}"#),
                Refused(Kind::Limit, ""),
            ),
            row(
                "20 MB",
                template(r#"{{ range until 20 }}{{ repeat 1000000 "x" }}{{ end }}"#),
                Refused(Kind::Limit, "renders to"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn templates_that_take_the_time_are_stopped() {
    let often = |what: &str| template(&format!("{{{{ range until 1000000 }}}}{{{{ $_ := {what} }}}}{{{{ end }}}}"));
    check(
        SHORT,
        vec![
            row(
                "loops in loops",
                template(
                    "{{ $n := until 10000 }}{{ range $n }}{{ range $n }}{{ range $n }}{{ end }}{{ end }}{{ end }}",
                ),
                Stopped,
            ),
            row("a schema that doubles", schema(&doubling_schema(40)), Stopped),
            row(
                "a copied circle",
                template(r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ deepCopy $d | len }}"#),
                Stopped,
            ),
            row("keys", often(r#"genPrivateKey "rsa""#), Stopped),
            row("passwords", often(r#"derivePassword 1 "long" "a" "b" "c""#), Stopped),
            row("hashes", often(r#"bcrypt "a""#), Stopped),
        ],
    )
    .await;
}

#[tokio::test]
async fn templates_that_reach_out_find_nothing() {
    let template_error = |words| Refused(Kind::Template, words);
    let x = |what: &str| template(&format!("x: {{{{ {what} }}}}\n"));
    let empty = || Renders(r#"{"x":null}"#);
    let looks = r#"{{ range until 2000 }}{{ $_ := lookup "v1" "Secret" "kube-system" (print "s" .) }}{{ end }}"#;
    let deep = format!("a: {}1{}\n", "[".repeat(300), "]".repeat(300));
    check(
        LONG,
        vec![
            row("the environment", x(r#"env "PATH""#), template_error(r#"function "env" not defined"#)),
            row("the environment in a word", x(r#"expandenv "$PATH""#), template_error("not defined")),
            row("a name of the network", x(r#"getHostByName "localhost""#), empty()),
            row("a file", x(r#".Files.Get "/etc/passwd""#), empty()),
            row("a file above", x(r#".Files.Get "../../../../../../etc/passwd""#), empty()),
            row("all files", x(r#"len (.Files.Glob "/**")"#), Renders(r#"{"x":0}"#)),
            row(
                "a file as a time zone",
                x(r#"dateInZone "2006" (toDate "2006-01-02" "2001-01-01") "../../etc/passwd""#),
                Renders("2001"),
            ),
            row("a time zone", x(r#"dateInZone "15" (toDate "2006-01-02" "2001-01-01") "Asia/Tokyo""#), Renders("9")),
            row("all secrets", template(looks), template_error("looks up more than 1000")),
            row("include of itself", x(r#"include "bad/templates/x.yaml" ."#), template_error("nested reference name")),
            row(
                "an expression that does not end",
                x(r#"regexMatch "(((a{1000}){1000}){1000})" "a""#),
                Renders("false"),
            ),
            row(
                "an expression that looks back",
                x(r#"regexMatch "^(a+)+$" (print (repeat 100000 "a") "b")"#),
                Renders("false"),
            ),
            row("a circle of values", x(r#"set .Values "v" .Values | toJson"#), empty()),
            row("a page of its own words", x(r#"fail (repeat 5000000 "w")"#), template_error("bytes …")),
            row("words for the terminal", x(r#"fail "\x1b[2Jgone""#), template_error("\u{fffd}[2Jgone")),
            row(
                "documents without end",
                template(r#"{{ repeat 100000 "a: 1\n---\n" }}"#),
                Refused(Kind::Limit, "documents"),
            ),
            row("a document without a bottom", template(&deep), Refused(Kind::Limit, "more than 100 deep")),
            row(
                "a document of little",
                template("x: [{{ range until 1000 }}{{ repeat 1100 \"0,\" }}{{ end }}0]\n"),
                Refused(Kind::Limit, "more than 1000000 values"),
            ),
            row("a document of aliases", template(&aliases()), Refused(Kind::Manifest, "alias")),
            row(
                "a read document of aliases",
                Pack::chart()
                    .file("bad/a.yaml", aliases())
                    .file("bad/templates/x.yaml", r#"x: {{ .Files.Get "a.yaml" | fromYaml | len }}"#)
                    .done(),
                Renders(r#"{"x":1}"#),
            ),
        ],
    )
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_worker_has_no_privileges_environment_folder_or_socket() {
    let helm = helm();
    helm.render(&request(chart("newer"), "")).await.unwrap();
    let proc = std::path::PathBuf::from(format!("/proc/{}", helm.worker_pid().await.unwrap()));
    let status = std::fs::read_to_string(proc.join("status")).unwrap();
    let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(field("Seccomp:"), "2", "a filter is in force");
    assert_eq!(field("NoNewPrivs:"), "1");
    assert!(!field("Uid:").split_whitespace().any(|uid| uid == "0"), "{status}");
    assert_eq!(field("CapEff:"), "0000000000000000");
    assert_eq!(std::fs::read(proc.join("environ")).unwrap(), b"");
    let folder = std::fs::read_link(proc.join("cwd")).unwrap();
    assert!(folder.to_string_lossy().ends_with("(deleted)"), "{}", folder.display());
    for file in std::fs::read_dir(proc.join("fd")).unwrap() {
        let target = std::fs::read_link(file.unwrap().path()).unwrap().to_string_lossy().into_owned();
        // The runtime reads from the last how many processors it may use.
        let known = ["pipe:", "anon_inode:", "/sys/fs/cgroup/"].iter().any(|kind| target.starts_with(kind));
        assert!(known, "{target} is open");
    }
}

/// All at once and again and again: the worker ends all the time, and an honest chart never hears of it.
#[tokio::test]
async fn an_honest_chart_is_rendered_among_many_hostile_ones() {
    let helm = Arc::new(helm_with(Limits { render: SHORT, memory_bytes: 400 << 20, ..Limits::default() }));
    let hostile = [
        "{{ $n := until 10000 }}{{ range $n }}{{ range $n }}{{ range $n }}{{ end }}{{ end }}{{ end }}",
        "{{ range until 1000000 }}{{ $_ := genPrivateKey \"rsa\" }}{{ end }}",
        "x: {{ repeat 2000000000 \"x\" }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $d }}",
    ];
    let (over, ended) = watch::channel(());
    let mut all = JoinSet::new();
    for text in hostile {
        let (helm, over, asked) =
            (Arc::clone(&helm), over.clone(), request(ChartSource::Archive(template(text).into()), ""));
        all.spawn(async move {
            while !over.is_closed() {
                assert!(helm.render(&asked).await.is_err(), "{text}");
            }
        });
    }
    let (round, mut rounds) = watch::channel(0_u64);
    let honest = tokio::spawn(render_on(Arc::clone(&helm), round));
    tokio::time::timeout(LONG * 2, rounds.wait_for(|n| *n >= 30)).await.expect("thirty in a minute").unwrap();
    drop((rounds, ended));
    honest.await.unwrap();
    while let Some(one) = all.join_next().await {
        one.unwrap();
    }
}
