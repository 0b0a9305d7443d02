package main

// From rendered files to objects, hooks and the document stream.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/yaml"
)

var knownEvents = []v1.HookEvent{v1.HookPreInstall, v1.HookPostInstall, v1.HookPreDelete, v1.HookPostDelete,
	v1.HookPreUpgrade, v1.HookPostUpgrade, v1.HookPreRollback, v1.HookPostRollback, v1.HookTest, "test-success"}

func compose(done *pass, req *renderRequest) (*rendered, []problem) {
	hooks, manifests, err := releaseutil.SortManifests(done.files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, templateProblem(err)
	}
	out := &rendered{Objects: []object{}, Crds: []object{}, Hooks: []hook{}, Notes: done.notes}
	left := mostValues
	var crds, plain bytes.Buffer
	for _, crd := range done.chart.CRDObjects() {
		writeDocument(&crds, crd.Filename, string(crd.File.Data))
		for _, text := range documents(string(crd.File.Data)) {
			if out.Crds, err = appendObjects(out.Crds, crd.Filename, text, &left); err != nil {
				return nil, manifestProblem(crd.Filename, err)
			}
		}
	}
	for _, m := range manifests {
		writeDocument(&plain, m.Name, m.Content)
		if out.Objects, err = appendObjects(out.Objects, m.Name, m.Content, &left); err != nil {
			return nil, manifestProblem(m.Name, err)
		}
	}
	for _, h := range hooks {
		objects, err := appendObjects([]object{}, h.Path, h.Manifest, &left)
		if err != nil {
			return nil, manifestProblem(h.Path, err)
		}
		out.Hooks = append(out.Hooks, hook{Name: h.Name, Kind: h.Kind, Path: h.Path, Events: asText(h.Events),
			Weight: h.Weight, DeletePolicies: asText(h.DeletePolicies), LogPolicies: asText(h.OutputLogPolicies),
			Manifest: h.Manifest, Objects: objects})
	}
	out.UnknownHooks = unknownHooks(done.files)
	out.Manifest = plain.String()
	if out.Release, err = record(done, req, hooks, out.Manifest); err != nil {
		return nil, fail(kindInternal, "%v", err)
	}
	printed := out.Manifest
	if req.IncludeCrds {
		printed = crds.String() + printed
	}
	out.Stream = stream(printed, out.Hooks)
	return out, nil
}

const (
	// deepestObject is less than what the other side's JSON reader follows.
	deepestObject = 100
	// mostValues is what the other side has to keep: a value of two bytes here may take a hundred there.
	mostValues = 1_000_000
)

var (
	errDeep = fmt.Errorf("the document is nested more than %d deep", deepestObject)
	errMany = fmt.Errorf("the chart renders to more than %d values", mostValues)
)

func manifestProblem(file string, err error) []problem {
	kind := kindManifest
	if errors.Is(err, errDeep) || errors.Is(err, errMany) {
		kind = kindLimit
	}
	return []problem{{Kind: kind, File: file, Message: err.Error()}}
}

// measure tells how far lists and tables lie in each other in a JSON text, and at most how many values there are.
func measure(text []byte) (deepest, count int) {
	now, quoted := 0, false
	count = 1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			count++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		case c == ',':
			count++
		}
	}
	return deepest, count
}

// measureValues is the same of values.
func measureValues(value any) (deepest, count int) {
	add := func(inner any) {
		below, more := measureValues(inner)
		deepest, count = max(deepest, below+1), count+more
	}
	count = 1
	switch value := value.(type) {
	case map[string]any:
		for _, inner := range value {
			add(inner)
		}
	case []any:
		for _, inner := range value {
			add(inner)
		}
	}
	return deepest, count
}

func asText[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, word := range list {
		out = append(out, string(word))
	}
	return out
}

// documents splits a file as Helm does, in the file's order.
func documents(text string) []string {
	split := releaseutil.SplitManifests(text)
	keys := slices.Collect(maps.Keys(split))
	slices.SortFunc(keys, func(a, b string) int {
		if releaseutil.BySplitManifestsOrder([]string{a, b}).Less(0, 1) {
			return -1
		}
		return 1
	})
	out := make([]string, 0, len(keys))
	for _, key := range keys {
		out = append(out, split[key])
	}
	return out
}

// appendObjects adds the object of a document, or the items of a list; a document of comments only adds nothing.
func appendObjects(to []object, source, text string, left *int) ([]object, error) {
	body, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the document is not YAML: %w", err)
	}
	if string(body) == "null" {
		return to, nil
	}
	deepest, count := measure(body)
	if deepest > deepestObject {
		return nil, errDeep
	}
	if *left -= count; *left < 0 {
		return nil, errMany
	}
	var head struct {
		Kind  string            `json:"kind"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return nil, fmt.Errorf("the document is not a Kubernetes object: %w", err)
	}
	if head.Items == nil || !strings.HasSuffix(head.Kind, "List") {
		return append(to, object{Source: source, Object: body, Raw: text}), nil
	}
	for _, item := range head.Items {
		raw, err := yaml.JSONToYAML(item)
		if err != nil {
			return nil, err
		}
		to = append(to, object{Source: source, Object: item, Raw: string(raw)})
	}
	return to, nil
}

// unknownHooks finds what the sorter dropped: documents with a hook event that Helm does not know.
func unknownHooks(files map[string]string) []unknownHook {
	found := []unknownHook{}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		// Most files hold no hook, and say so without being parsed: only an escape could hide the word.
		if !strings.Contains(files[file], v1.HookAnnotation) && !strings.Contains(files[file], `\`) {
			continue
		}
		for _, text := range documents(files[file]) {
			var head releaseutil.SimpleHead
			if yaml.Unmarshal([]byte(text), &head) != nil || head.Metadata == nil {
				continue
			}
			asked, ok := head.Metadata.Annotations[v1.HookAnnotation]
			if !ok {
				continue
			}
			events := strings.Split(asked, ",")
			for i, event := range events {
				events[i] = strings.ToLower(strings.TrimSpace(event))
			}
			if slices.ContainsFunc(events, func(e string) bool { return !slices.Contains(knownEvents, v1.HookEvent(e)) }) {
				found = append(found, unknownHook{Name: head.Metadata.Name, Kind: head.Kind, Path: file, Events: events, Manifest: text})
			}
		}
	}
	return found
}
