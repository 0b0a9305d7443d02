package main

// Reading of packed charts. A chart is read anew for every pass: Helm changes a chart while it renders it.

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
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
		Values: c.Values, HasSchema: c.Schema != nil,
	}
}

// readArchive checks what the loader does not: how many files there are, and that none of them is a link.
func readArchive(ref *chartRef, lim limits) ([]byte, []problem) {
	packed := ref.Archive
	if ref.File != "" {
		file, err := os.Open(ref.File)
		if err != nil {
			return nil, fail(kindChart, "the chart cannot be read: %v", err)
		}
		defer file.Close()
		if packed, err = io.ReadAll(io.LimitReader(file, lim.frame+1)); err != nil {
			return nil, fail(kindChart, "the chart cannot be read: %v", err)
		}
	}
	if int64(len(packed)) > lim.frame {
		return nil, fail(kindLimit, "the packed chart is larger than %d bytes", lim.frame)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fail(kindChart, "the chart is not a packed chart: %v", err)
	}
	// Headers and padding come on top of the files, whose size the loader bounds.
	entries := tar.NewReader(io.LimitReader(unzipped, lim.chart+int64(lim.files)*2048))
	for count := 0; ; count++ {
		head, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return packed, nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fail(kindLimit, "the chart is cut short, or larger than %d bytes unpacked", lim.chart)
		}
		if err != nil {
			return nil, fail(kindChart, "the chart is not a packed chart: %v", err)
		}
		if count >= lim.files {
			return nil, fail(kindLimit, "the chart has more than %d files", lim.files)
		}
		if head.Typeflag == tar.TypeSymlink || head.Typeflag == tar.TypeLink {
			return nil, fail(kindChart, "the chart holds a link, which is not followed: %s", head.Name)
		}
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
	if v := c.Metadata.APIVersion; v != chart.APIVersionV1 && v != chart.APIVersionV2 {
		return nil, fail(kindChart, "Chart.yaml says apiVersion %s, and only v1 and v2 are known", v)
	}
	settleSubcharts(c)
	return c, nil
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
