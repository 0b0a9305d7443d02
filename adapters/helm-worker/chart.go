package main

// Reading of packed charts. A chart is read anew for every pass: Helm changes a chart while it renders it.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

func inspect(ref *chartRef, lim limits) (*chartInfo, []problem) {
	packed, problems := readArchive(ref, lim)
	if problems != nil {
		return nil, problems
	}
	c, problems := loadChart(packed)
	if problems != nil {
		return nil, problems
	}
	info := describe(c, packed)
	return &info, nil
}

func describe(c *chart.Chart, packed []byte) chartInfo {
	digest := sha256.Sum256(packed)
	return chartInfo{
		Name: c.Metadata.Name, Version: c.Metadata.Version, AppVersion: c.Metadata.AppVersion,
		KubeVersion: c.Metadata.KubeVersion, Description: c.Metadata.Description, Type: c.Metadata.Type,
		Deprecated: c.Metadata.Deprecated, Digest: hex.EncodeToString(digest[:]),
		Values: c.Values, HasSchema: c.Schema != nil, Annotations: c.Metadata.Annotations,
	}
}

func loadChart(packed []byte) (*chart.Chart, []problem) {
	c, err := loader.LoadArchive(bytes.NewReader(packed))
	if err != nil {
		if strings.Contains(err.Error(), "larger than the maximum size") {
			return nil, fail(kindLimit, "%v", err)
		}
		return nil, fail(kindChart, "%v", err)
	}
	if len(c.Metadata.Name) > longestChartName {
		return nil, fail(kindChart, "the chart's name has more than %d characters", longestChartName)
	}
	if v := c.Metadata.APIVersion; v != chart.APIVersionV1 && v != chart.APIVersionV2 {
		return nil, fail(kindChart, "Chart.yaml says apiVersion %s, and only v1 and v2 are known", v)
	}
	deepest, count := measureValues(map[string]any(c.Values))
	if deepest > deepestObject {
		return nil, fail(kindLimit, "the chart's values are nested more than %d deep", deepestObject)
	}
	if count > mostValues {
		return nil, fail(kindLimit, "the chart has more than %d values of its own", mostValues)
	}
	settleSubcharts(c)
	if countCharts(c, map[*chart.Chart]int{}) > mostCharts {
		return nil, fail(kindLimit, "the chart and its subcharts, each counted as often as it is used, are more than %d", mostCharts)
	}
	return c, nil
}

const (
	longestChartName = 250
	// mostCharts bounds what aliases make of few files: ten aliases on each of six levels are a million charts.
	mostCharts = 1000
)

// countCharts counts as Helm will copy: a declared subchart once for each declaration. It stops counting past the bound.
func countCharts(c *chart.Chart, known map[*chart.Chart]int) int {
	if count, ok := known[c]; ok {
		return count
	}
	count := 1
	declared := map[string]int{}
	for _, want := range c.Metadata.Dependencies {
		if want != nil {
			declared[want.Name]++
		}
	}
	for _, sub := range c.Dependencies() {
		count += max(declared[sub.Name()], 1) * countCharts(sub, known)
		if count > mostCharts {
			break
		}
	}
	known[c] = count
	return count
}

// settleSubcharts puts vendored subcharts in one order. The loader takes them out of a map, so that the CRDs of
// subcharts that Chart.yaml does not declare would come in another order each time.
func settleSubcharts(c *chart.Chart) {
	subs := slices.Clone(c.Dependencies())
	keys := make(map[*chart.Chart]string, len(subs))
	for _, sub := range subs {
		settleSubcharts(sub)
		sum := sha256.New()
		for _, file := range sub.Raw {
			fmt.Fprintf(sum, "%q %d ", file.Name, len(file.Data))
			sum.Write(file.Data)
		}
		keys[sub] = fmt.Sprintf("%s\x00%s\x00%x", sub.Name(), sub.Metadata.Version, sum.Sum(nil))
	}
	slices.SortStableFunc(subs, func(a, b *chart.Chart) int { return strings.Compare(keys[a], keys[b]) })
	c.SetDependencies(subs...)
}

func checkInstallable(c *chart.Chart) []problem {
	if t := c.Metadata.Type; t != "" && t != "application" {
		return fail(kindLibrary, "%s charts are not installable", t)
	}
	var missing []string
	for _, want := range c.Metadata.Dependencies {
		if !slices.ContainsFunc(c.Dependencies(), func(have *chart.Chart) bool { return have.Name() == want.Name }) {
			missing = append(missing, want.Name)
		}
	}
	if len(missing) > 0 {
		return fail(kindDependency, "found in Chart.yaml, but missing in charts/ directory: %s", strings.Join(missing, ", "))
	}
	return nil
}
