package main

// The objects of some kinds and nothing else: who wants to know what a value does needs few of them, and to read a chart's
// YAML takes longer than to run its templates.

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"

	v1 "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/yaml"
)

func objectsOf(req *objectsRequest, lim limits) ([]object, []problem) {
	packed, problems := readArchive(&req.Render.Chart, lim)
	if problems != nil {
		return nil, problems
	}
	lookups := []lookup{}
	funcs := template.FuncMap{"lookup": answerLookups(req.Render.Found, &lookups)}
	done, problems := renderOnce(&req.Render, packed, funcs)
	if problems != nil {
		return nil, problems
	}
	if problems := checkOutput(done, lim); problems != nil {
		return nil, problems
	}
	return sift(done.files, req.Kinds)
}

// sift takes the files in the order of their names. Partials and hooks are no objects, as in a whole render.
func sift(files map[string]string, kinds []string) ([]object, []problem) {
	found, left := []object{}, mostValues
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(path.Base(file), "_") || !mayHold(files[file], kinds) {
			continue
		}
		for _, text := range documents(files[file]) {
			if !mayHold(text, kinds) || isHook(text) {
				continue
			}
			all, err := appendObjects(nil, file, text, &left)
			if err != nil {
				return nil, manifestProblem(file, err)
			}
			found = append(found, slices.DeleteFunc(all, func(o object) bool { return !isOf(o, kinds) })...)
		}
	}
	return found, nil
}

// mayHold: only an escape could hide the word.
func mayHold(text string, kinds []string) bool {
	has := func(kind string) bool { return strings.Contains(text, kind) }
	return slices.ContainsFunc(kinds, has) || strings.Contains(text, `\`)
}

func isHook(text string) bool {
	var head releaseutil.SimpleHead
	if yaml.Unmarshal([]byte(text), &head) != nil || head.Metadata == nil {
		return false
	}
	_, asked := head.Metadata.Annotations[v1.HookAnnotation]
	return asked
}

func isOf(o object, kinds []string) bool {
	var head struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(o.Object, &head) == nil && slices.Contains(kinds, head.Kind)
}
