package main

// One render, step by step as `helm template` does it, so that the output is the same to the byte. Helm's `action`
// package, which does it for the command line, would bring a Kubernetes client along.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const notesFile = "NOTES.txt"

// pass is what one walk through the chart gives.
type pass struct {
	chart *chart.Chart
	// config is what the user asked for.
	config map[string]any
	files  map[string]string
	notes  string
	// values are what templates saw at first, if asked for.
	values []byte
}

func render(req *renderRequest, lim limits) (*rendered, []problem) {
	packed, problems := readArchive(&req.Chart, lim)
	if problems != nil {
		return nil, problems
	}
	pristine, problems := loadChart(packed)
	if problems != nil {
		return nil, problems
	}
	info := describe(pristine, packed)
	lookups := []lookup{}
	done, problems := renderOnce(req, packed, template.FuncMap{"lookup": answerLookups(req.Found, &lookups)})
	if problems != nil {
		return nil, problems
	}
	if problems := checkOutput(done, lim); problems != nil {
		return nil, problems
	}
	out, problems := compose(done, req)
	if problems != nil {
		return nil, problems
	}
	out.Chart, out.Lookups, out.Values = info, lookups, done.values
	if req.CheckReproducible {
		same := steady(pristine) || reproducible(req, packed, done, out)
		out.Reproducible = &same
	}
	return out, nil
}

// renderOnce goes through the checks of the command line in its order.
func renderOnce(req *renderRequest, packed []byte, funcs template.FuncMap) (*pass, []problem) {
	c, problems := loadChart(packed)
	if problems != nil {
		return nil, problems
	}
	values, err := loader.LoadValues(strings.NewReader(req.Values))
	if err != nil {
		return nil, fail(kindValues, "%v", err)
	}
	if problems := checkInstallable(c); problems != nil {
		return nil, problems
	}
	if err := chartutil.ValidateReleaseName(req.Release.Name); err != nil {
		return nil, fail(kindRelease, "release name %q: %v", req.Release.Name, err)
	}
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, fail(kindDependency, "chart dependencies processing failed: %v", err)
	}
	caps, problems := target(req.Capabilities)
	if problems != nil {
		return nil, problems
	}
	if req.Capabilities != nil && req.Capabilities.Replace != nil {
		caps.APIVersions = slices.Concat(caps.APIVersions, defined(c))
	}
	top, err := util.ToRenderValuesWithSchemaValidation(c, values, options(req.Release), caps, true)
	if err != nil {
		return nil, fail(kindValues, "%v", err)
	}
	if coalesced, ok := top["Values"].(common.Values); ok {
		problems = checkSchemas(c, coalesced, nil)
	} else {
		problems = fail(kindInternal, "values are a %T", top["Values"])
	}
	if problems != nil {
		return nil, problems
	}
	if want := c.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, caps.KubeVersion.String()) {
		return nil, fail(kindKubeVersion, "chart requires kubeVersion: %s which is incompatible with Kubernetes %s",
			want, caps.KubeVersion.Version)
	}
	// A template may change what it sees.
	seen, problems := seenValues(req, top)
	if problems != nil {
		return nil, problems
	}
	files, err := engine.Engine{CustomTemplateFuncs: funcs}.Render(c, top)
	if err != nil {
		return nil, templateProblem(err)
	}
	return &pass{chart: c, config: values, files: files, notes: takeNotes(c, files), values: seen}, nil
}

func seenValues(req *renderRequest, top common.Values) ([]byte, []problem) {
	if !req.IncludeValues {
		return nil, nil
	}
	seen, err := json.Marshal(top["Values"])
	if err != nil {
		return nil, fail(kindValues, "the values are no JSON: %v", err)
	}
	return seen, nil
}

func options(r release) common.ReleaseOptions {
	return common.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: r.Revision,
		IsInstall: !r.IsUpgrade, IsUpgrade: r.IsUpgrade}
}

func target(asked *capabilities) (*common.Capabilities, []problem) {
	caps := common.DefaultCapabilities.Copy()
	if asked == nil {
		return caps, nil
	}
	if asked.KubeVersion != "" {
		version, err := common.ParseKubeVersion(asked.KubeVersion)
		if err != nil {
			return nil, fail(kindKubeVersion, "invalid kube version %q: %v", asked.KubeVersion, err)
		}
		caps.KubeVersion = *version
	}
	if asked.Replace != nil {
		caps.APIVersions = slices.Clone(*asked.Replace)
	}
	caps.APIVersions = slices.Concat(caps.APIVersions, asked.Append)
	return caps, nil
}

// defined is what a cluster serves once the chart's own definitions are on it, which come before everything else.
func defined(c *chart.Chart) []string {
	found := []string{}
	for _, file := range c.CRDObjects() {
		for _, text := range documents(string(file.File.Data)) {
			var crd struct {
				Spec struct {
					Group    string                `json:"group"`
					Names    struct{ Kind string } `json:"names"`
					Versions []struct {
						Name   string
						Served bool
					} `json:"versions"`
				} `json:"spec"`
			}
			if yaml.Unmarshal([]byte(text), &crd) != nil {
				continue
			}
			for _, version := range crd.Spec.Versions {
				if name := crd.Spec.Group + "/" + version.Name; version.Served {
					found = append(found, name, name+"/"+crd.Spec.Names.Kind)
				}
			}
		}
	}
	return found
}

// takeNotes removes the notes of all charts from the files and returns those of the top one.
func takeNotes(c *chart.Chart, files map[string]string) string {
	notes := files[path.Join(c.Name(), "templates", notesFile)]
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasSuffix(name, notesFile) })
	return notes
}

// mostDocuments is what one release may hold; each costs much more than its few bytes.
const mostDocuments = 20_000

func checkOutput(done *pass, lim limits) []problem {
	size, documents := int64(len(done.notes)), 0
	for _, text := range done.files {
		size += int64(len(text))
		documents += 1 + strings.Count(text, "\n---")
	}
	if documents > mostDocuments {
		return fail(kindLimit, "the chart renders to %d documents, the limit is %d", documents, mostDocuments)
	}
	if size > lim.output {
		return fail(kindLimit, "the chart renders to %d bytes, the limit is %d", size, lim.output)
	}
	return nil
}

// stream is the command line's document stream: CRDs if asked for, manifests, then hooks.
func stream(manifest string, hooks []hook) string {
	var out bytes.Buffer
	fmt.Fprintln(&out, strings.TrimSpace(manifest))
	for _, h := range hooks {
		writeDocument(&out, h.Path, h.Manifest)
	}
	return out.String()
}

func writeDocument(out *bytes.Buffer, source, text string) {
	fmt.Fprintf(out, "---\n# Source: %s\n%s\n", source, text)
}
