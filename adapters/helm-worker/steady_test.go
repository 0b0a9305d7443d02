package main

import (
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

func TestAChartIsSteadyUnlessATemplateNamesWhatDiffers(t *testing.T) {
	of := func(text string) *chart.Chart {
		return &chart.Chart{Templates: []*common.File{{Name: "templates/a.yaml", Data: []byte(text)}}}
	}
	for text, expect := range map[string]bool{
		"a: {{ .Values.agent | quote }}":                   true,
		"a: {{ range $k, $v := .Values.all }}{{ end }}":    true,
		"keys, values and now in words: {{ .Chart.Name }}": true,
		"a: {b: {c: {{ .Values.d }}, now: 1}}":             true,
		"{{- /* don't take values or }} */ -}}\na: 1":      false,
		"{{- /* don't */ -}}\nnow: {a: {}}":                true,
		"a: {{ `}}` | now }}":                              false,
		"a: {{ '\\'' | now }}":                             false,
		"a: {{ \"}}\" | now }}":                            false,
		"a: {{ \"{{\" | now }}":                            false,
		"a: {{ randAlphaNum 8 }}":                          false,
		"a: {{- now | date \"2006\" -}}":                   false,
		"a: {{ .Values.x | genCA }}":                       false,
		"a: {{ genCA \"x\" 1 }}":                           false,
		"a: {{ keys .Values.all | join \",\" }}":           false,
		"a: {{ first (values .Values.all) }}":              false,
		"a: {{\n tpl .Values.text . }}":                    false,
		"a: {{ (htpasswd \"a\" \"b\") }}":                  false,
		"a: {{ date \"2006\" .Values.nothing }}":           false,
	} {
		if got := steady(of(text)); got != expect {
			t.Errorf("%q: %v", text, got)
		}
	}
	parent := of("a: {{ .Chart.Name }}")
	parent.AddDependency(of("a: {{ uuidv4 }}"))
	if steady(parent) {
		t.Error("a chart below it was not looked at")
	}
}
