package main

// What a stranger's chart and a registry's tags may make of the worker, for Go's own fuzzer: `make fuzz`. `go test` tries
// the seeds, and what was ever found lies in testdata/fuzz.

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

var small = limits{frame: 1 << 20, memory: 256 << 20, output: 1 << 20, chart: 1 << 20, files: 100}

// asked is every question about a chart but rendering it: a template may run for as long as it is let.
func asked(t *testing.T, packed []byte) {
	ref := &chartRef{Archive: packed}
	for _, req := range []request{{Inspect: ref}, {Show: ref}, {Depend: &dependRequest{Chart: *ref}}} {
		req.Protocol = protocol
		withstood(t, &req)
	}
}

func withstood(t *testing.T, req *request) {
	ans := handle(req, small)
	for _, problem := range ans.Problems {
		if problem.Kind == kindInternal {
			t.Fatalf("%+v: %s", *req, problem.Message)
		}
	}
	encode(ans, small)
}

func packed(t testing.TB, content []byte) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// files makes an archive of `-- NAME --` lines, each before the file's content.
func files(t testing.TB, text string) []byte {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, part := range strings.Split("\n"+text, "\n-- ")[1:] {
		name, content, _ := strings.Cut(part, " --\n")
		head := tar.Header{Name: "web/" + strings.ReplaceAll(name, "\x00", ""), Mode: 0o644, Size: int64(len(content))}
		if err := archive.WriteHeader(&head); err != nil {
			return nil
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			return nil
		}
	}
	if err := archive.Close(); err != nil {
		return nil
	}
	return out.Bytes()
}

const seed = `-- Chart.yaml --
apiVersion: v2
name: web
version: 1.2.3
dependencies: [{name: x, version: ^1, repository: "@lab", alias: y, condition: x.on, tags: [a]}]
-- Chart.lock --
dependencies: [{name: x, version: 1.0.0, repository: "@lab"}]
digest: sha256:0
generated: "2026-01-01T00:00:00Z"
-- values.yaml --
a: &a {b: 1}
c: *a
-- values.schema.json --
{"type": "object", "properties": {"a": {"$ref": "#/definitions/x"}}}
-- README.md --
# web
-- templates/a.yaml --
{{ include "x" . }}
-- charts/x/Chart.yaml --
apiVersion: v2
name: x
version: 1.0.0
`

func FuzzArchive(f *testing.F) {
	f.Add(files(f, seed))
	f.Add(files(f, "-- Chart.yaml --\nname: a\n-- charts/../../b --\nx\n-- Chart.yaml --\n"))
	f.Fuzz(func(t *testing.T, content []byte) { asked(t, packed(t, content)) })
}

func FuzzChart(f *testing.F) {
	f.Add(seed)
	f.Add("-- Chart.yaml --\napiVersion: v1\nname: a\nversion: 1\n-- requirements.yaml --\ndependencies: [null, {name: b}]\n")
	f.Add("-- Chart.yaml --\n[]\n-- values.yaml --\n- 1\n-- Chart.lock --\nx\n")
	f.Add("-- Chart.yaml --\napiVersion: v2\nname: a\nversion: 1.0.0\ntype: library\ndependencies: [{name: a, repository: file://., import-values: [{child: b}]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if content := files(t, text); content != nil {
			asked(t, packed(t, content))
		}
	})
}

func FuzzPick(f *testing.F) {
	f.Add("^1.2 || >3", "1.2.3\nv1.3.0-rc.1+b\n1_2\nlatest\n")
	f.Add("1.2.3 - 2", "99999999999999999999.0.0\n1.0.0-\n")
	f.Fuzz(func(t *testing.T, constraint, versions string) {
		for _, tags := range []bool{false, true} {
			pick := &pickRequest{Versions: strings.Split(versions, "\n"), Constraint: constraint, Tags: tags}
			withstood(t, &request{Protocol: protocol, Pick: pick})
		}
	})
}
