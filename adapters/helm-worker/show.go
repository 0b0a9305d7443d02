package main

// What a chart shows to who wants to use it, as `helm show` prints it.

import (
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

type shown struct {
	Chart  chartInfo `json:"chart"`
	Readme string    `json:"readme"`
	// The file of defaults with its comments.
	Values       string       `json:"values"`
	Schema       string       `json:"schema"`
	Dependencies []dependency `json:"dependencies"`
}

type dependency struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Repository string   `json:"repository"`
	Alias      string   `json:"alias"`
	Condition  string   `json:"condition"`
	Tags       []string `json:"tags"`
}

func show(ref *chartRef, lim limits) (*shown, []problem) {
	packed, problems := readArchive(ref, lim)
	if problems != nil {
		return nil, problems
	}
	c, problems := loadChart(packed)
	if problems != nil {
		return nil, problems
	}
	out := &shown{Chart: describe(c, packed), Readme: readme(c.Files), Schema: string(c.Schema), Dependencies: []dependency{}}
	for _, file := range c.Raw {
		if file.Name == chartutil.ValuesfileName {
			out.Values = string(file.Data)
		}
	}
	for _, dep := range c.Metadata.Dependencies {
		out.Dependencies = append(out.Dependencies, described(dep))
	}
	return out, nil
}

func described(dep *chart.Dependency) dependency {
	tags := dep.Tags
	if tags == nil {
		tags = []string{}
	}
	return dependency{Name: dep.Name, Version: dep.Version, Repository: dep.Repository, Alias: dep.Alias,
		Condition: dep.Condition, Tags: tags}
}

func readme(files []*common.File) string {
	for _, name := range []string{"readme.md", "readme.txt", "readme"} {
		for _, file := range files {
			if strings.EqualFold(file.Name, name) {
				return string(file.Data)
			}
		}
	}
	return ""
}
