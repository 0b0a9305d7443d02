package main

// Whether a chart can render differently at all: most cannot, and need not be rendered again to find out.

import (
	"bytes"
	"regexp"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// unsteady finds what draws by chance, reads a clock, or takes the keys of a map in their chance order; and tpl, which
// runs a text that may stand anywhere.
var unsteady = regexp.MustCompile(
	`\b(rand|uuid|gen[A-Z]|shuffle|htpasswd|bcrypt|encrypt|now\b|ago\b|date|htmlDate|mustDate|duration|keys\b|values\b|tpl\b)`)

// steady says that no template of the chart and of the charts below it names anything that differs from time to time.
// A template calls nothing that it does not name.
func steady(c *chart.Chart) bool {
	for _, file := range c.Templates {
		for text := file.Data; ; {
			_, after, any := bytes.Cut(text, []byte("{{"))
			if !any {
				break
			}
			end := actionEnd(after)
			if unsteady.Match(after[:end]) {
				return false
			}
			text = after[end:]
		}
	}
	for _, below := range c.Dependencies() {
		if !steady(below) {
			return false
		}
	}
	return true
}

// actionEnd finds where an action ends: braces in its strings and in a comment do not end it.
func actionEnd(text []byte) int {
	at := 0
	if bytes.HasPrefix(bytes.TrimLeft(text, "- \t\r\n"), []byte("/*")) {
		at = max(bytes.Index(text, []byte("*/")), 0)
	}
	for at < len(text) {
		switch quote := text[at]; {
		case bytes.HasPrefix(text[at:], []byte("}}")):
			return at
		case quote == '"' || quote == '`' || quote == '\'':
			at++
			for at < len(text) && text[at] != quote {
				if text[at] == '\\' && quote != '`' {
					at++
				}
				at++
			}
		}
		at++
	}
	return len(text)
}
