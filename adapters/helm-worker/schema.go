package main

// Validation of values against the schemas of a chart and its subcharts: the same library and the same walk as
// Helm's, with two differences. A reference out of the schema is refused, because Helm would read the file or fetch
// the address; and each error is told apart, with the place of the value.

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

const schemaURL = "file:///values.schema.json"

// closedLoader resolves nothing. Helm takes a `urn:` it cannot resolve as the schema that allows all, so do we.
type closedLoader struct{}

func (closedLoader) Load(url string) (any, error) {
	if strings.HasPrefix(url, "urn:") {
		return true, nil
	}
	return nil, errors.New("refused")
}

// checkSchemas follows Helm: a subchart is checked only where values for it exist.
func checkSchemas(c *chart.Chart, values map[string]any, at []string) []problem {
	var found []problem
	if c.Schema != nil {
		found = checkSchema(c, values, at)
	}
	for _, sub := range c.Dependencies() {
		raw, exists := values[sub.Name()]
		if !exists || raw == nil {
			continue
		}
		below := append(slices.Clone(at), sub.Name())
		table, ok := raw.(map[string]any)
		if !ok {
			path := pointer(below)
			found = append(found, problem{Kind: kindSchema, Path: &path,
				Message: fmt.Sprintf("values of a subchart must be an object, not %T", raw)})
			continue
		}
		found = append(found, checkSchemas(sub, table, below)...)
	}
	slices.SortFunc(found, func(a, b problem) int {
		if a.Path != nil && b.Path != nil && *a.Path != *b.Path {
			return strings.Compare(*a.Path, *b.Path)
		}
		return strings.Compare(a.Message, b.Message)
	})
	return found
}

func checkSchema(c *chart.Chart, values map[string]any, at []string) (found []problem) {
	file := c.ChartFullPath() + "/values.schema.json"
	defer func() {
		if r := recover(); r != nil {
			found = []problem{{Kind: kindSchemaFile, File: file, Message: fmt.Sprint(r)}}
		}
	}()
	schema, err := compileSchema(c.Schema)
	if err != nil {
		return []problem{{Kind: kindSchemaFile, File: file, Message: err.Error()}}
	}
	err = schema.Validate(values)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []problem{{Kind: kindSchemaFile, File: file, Message: err.Error()}}
	}
	printer := message.NewPrinter(language.English)
	collect(invalid, func(e *jsonschema.ValidationError, place []string, text string) {
		path := pointer(append(slices.Clone(at), place...))
		found = append(found, problem{Kind: kindSchema, File: file, Path: &path, Message: text})
	}, printer)
	return found
}

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(closedLoader{})
	if err := compiler.AddResource(schemaURL, parsed); err != nil {
		return nil, err
	}
	schema, err := compiler.Compile(schemaURL)
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) {
		return nil, fmt.Errorf("the schema refers to %s, and only references inside the schema are followed", load.URL)
	}
	return schema, err
}

// collect calls report for each error that a user can act on: groups are taken apart, alternatives stay together.
func collect(e *jsonschema.ValidationError, report func(*jsonschema.ValidationError, []string, string), p *message.Printer) {
	text := e.ErrorKind.LocalizedString(p)
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not:
		var inner []string
		for _, cause := range e.Causes {
			collect(cause, func(c *jsonschema.ValidationError, place []string, t string) {
				inner = append(inner, fmt.Sprintf("at '%s': %s", pointer(place), t))
			}, p)
		}
		slices.Sort(inner)
		if len(inner) > 0 {
			text += " (" + strings.Join(inner, "; ") + ")"
		}
		report(e, e.InstanceLocation, text)
	case *kind.AdditionalProperties:
		for _, property := range k.Properties {
			report(e, append(slices.Clone(e.InstanceLocation), property), "this property is not allowed")
		}
	default:
		if len(e.Causes) == 0 {
			report(e, e.InstanceLocation, text)
		}
		for _, cause := range e.Causes {
			collect(cause, report, p)
		}
	}
}

func pointer(tokens []string) string {
	var out strings.Builder
	for _, token := range tokens {
		out.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	return out.String()
}
