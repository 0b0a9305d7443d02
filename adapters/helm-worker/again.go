package main

// Whether a chart renders the same twice, and what it asks of the cluster while it renders.

import (
	"fmt"
	"slices"
	"text/template"
	"time"

	"maps"
)

// mostLookups is far more than any chart asks; each is told to the other side.
const mostLookups = 1000

// answerLookups answers `lookup` by what was found. What nobody looked for yet is answered as if it was not there, and
// noted: who asked looks, and asks again.
func answerLookups(known []found, asked *[]lookup) func(string, string, string, string) (map[string]any, error) {
	return func(apiVersion, kind, namespace, name string) (map[string]any, error) {
		one := lookup{APIVersion: apiVersion, Kind: kind, Namespace: namespace, Name: name}
		at := slices.IndexFunc(known, func(f found) bool { return f.lookup == one })
		if at >= 0 && known[at].Object != nil {
			return clone(known[at].Object), nil
		}
		if at < 0 && !slices.Contains(*asked, one) {
			if len(*asked) == mostLookups {
				return nil, fmt.Errorf("the chart looks up more than %d things on the cluster", mostLookups)
			}
			*asked = append(*asked, one)
		}
		return map[string]any{}, nil
	}
}

// clone gives each template a map of its own: templates change what they are given.
func clone(value map[string]any) map[string]any {
	out := make(map[string]any, len(value))
	for key, inner := range value {
		out[key] = cloneValue(inner)
	}
	return out
}

func cloneValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return clone(value)
	case []any:
		out := make([]any, len(value))
		for i, inner := range value {
			out[i] = cloneValue(inner)
		}
		return out
	default:
		return value
	}
}

// reproducible renders twice more and compares. Random functions differ by themselves. A clock might not within
// one second, and `keys` and `values` of a small map often come in the same order by chance; so the two passes run
// at another time and see maps from either end.
func reproducible(req *renderRequest, packed []byte, done *pass, first *rendered) bool {
	for _, backwards := range []bool{false, true} {
		again, problems := renderOnce(req, packed, shifted(req.Found, backwards))
		if problems != nil {
			return false
		}
		if again.notes == done.notes && maps.Equal(again.files, done.files) {
			continue
		}
		// Files may differ in what no document of theirs holds.
		out, problems := compose(again, req)
		if problems != nil || out.Stream != first.Stream || out.Notes != first.Notes {
			return false
		}
	}
	return true
}

func shifted(known []found, backwards bool) template.FuncMap {
	const away = 403*24*time.Hour + 5*time.Hour + 7*time.Minute + 11*time.Second
	order := func(m map[string]any) []string {
		keys := slices.Sorted(maps.Keys(m))
		if backwards {
			slices.Reverse(keys)
		}
		return keys
	}
	return template.FuncMap{
		"lookup": answerLookups(known, &[]lookup{}),
		"now":    func() time.Time { return time.Now().Add(away) },
		"ago":    func(any) string { return away.String() },
		"keys": func(dicts ...map[string]any) []string {
			keys := []string{}
			for _, dict := range dicts {
				keys = append(keys, order(dict)...)
			}
			return keys
		},
		"values": func(dict map[string]any) []any {
			values := []any{}
			for _, key := range order(dict) {
				values = append(values, dict[key])
			}
			return values
		},
	}
}
