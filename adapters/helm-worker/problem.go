package main

// What can be wrong with a chart or its values, with the place that must be changed.

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	kindTemplate    = "template"
	kindManifest    = "manifest"
	kindSchema      = "schema"
	kindSchemaFile  = "schema_file"
	kindValues      = "values"
	kindChart       = "chart"
	kindDependency  = "dependency"
	kindRelease     = "release"
	kindKubeVersion = "kube_version"
	kindLibrary     = "library"
	kindVersion     = "version"
	kindRepository  = "repository"
	kindLimit       = "limit"
	kindInternal    = "internal"
)

type problem struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	// File is the file in the chart, beginning with the chart's name.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Column is counted as Helm counts: the first is 0.
	Column *int `json:"column,omitempty"`
	// Path is the JSON pointer of the value in the user's values.
	Path *string `json:"path,omitempty"`
}

func fail(kind, format string, args ...any) []problem {
	return []problem{{Kind: kind, Message: fmt.Sprintf(format, args...)}}
}

// How much of what is wrong is told. A chart can have its own text, of any size, in an error.
const (
	mostProblems = 100
	longestWords = 4096
	longestName  = 512
)

// bound also takes out what a terminal would obey.
func bound(problems []problem) []problem {
	left := len(problems) - mostProblems
	if left > 0 {
		problems = append(slices.Clone(problems[:mostProblems]),
			problem{Kind: problems[0].Kind, Message: fmt.Sprintf("and %d more", left)})
	}
	for i := range problems {
		p := &problems[i]
		p.Message, p.File = shorten(p.Message, longestWords), shorten(p.File, longestName)
		if p.Path != nil {
			path := shorten(*p.Path, longestName)
			p.Path = &path
		}
	}
	return problems
}

// shorten keeps the beginning, which says what was done, and the end, which says what is wrong.
func shorten(text string, most int) string {
	if len(text) > most {
		half := most / 2
		text = fmt.Sprintf("%s [… %d bytes …] %s", text[:half], len(text)-2*half, text[len(text)-half:])
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

const location = `([^\s:()][^:()\n]*):(\d+)(?::(\d+))?`

var (
	// An error of the parser, of `required` or of `fail`: one place in brackets.
	atInBrackets = regexp.MustCompile(`^(?:parse|execution) error at \(` + location + `\): ((?s).*)$`)
	// A chain of calls, each place on a line of its own; the last is where it went wrong.
	atOnLine = regexp.MustCompile(`(?m)^` + location + `$`)
	// What the engine could not reformat.
	atAnywhere = regexp.MustCompile(`template: ` + location + `: `)
	// A rendered document that is no YAML.
	yamlError = regexp.MustCompile(`^YAML parse error on (.+?): ((?s).*)$`)
)

// templateProblem finds the place in the chart that an error of the engine talks about.
func templateProblem(err error) []problem {
	text := err.Error()
	if len(text) > 16*longestWords {
		text = shorten(text, 16*longestWords)
	}
	if m := yamlError.FindStringSubmatch(text); m != nil {
		return []problem{{Kind: kindManifest, File: m[1],
			Message: "the rendered document is not a Kubernetes object in YAML: " + m[2]}}
	}
	found := problem{Kind: kindTemplate, Message: text}
	if m := atInBrackets.FindStringSubmatch(text); m != nil {
		found.place(m[1:4])
		found.Message = m[4]
		return []problem{found}
	}
	for _, pattern := range []*regexp.Regexp{atOnLine, atAnywhere} {
		if all := pattern.FindAllStringSubmatch(text, -1); len(all) > 0 {
			found.place(all[len(all)-1][1:4])
			break
		}
	}
	found.Message = strings.TrimSpace(text)
	return []problem{found}
}

func (p *problem) place(m []string) {
	p.File = m[0]
	p.Line, _ = strconv.Atoi(m[1])
	if column, err := strconv.Atoi(m[2]); err == nil {
		p.Column = &column
	}
}
