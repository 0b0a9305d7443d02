package main

// What a chart needs beside itself, and which of it is there: declared dependencies against the lock and charts/.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

type dependRequest struct {
	Chart chartRef `json:"chart"`
	// Addresses of the registered repositories by name, for `@name` and `alias:name`.
	Repositories map[string]string `json:"repositories"`
}

type dependencies struct {
	Chart  chartInfo `json:"chart"`
	Wanted []wanted  `json:"wanted"`
	// Whether Chart.lock is there, and agrees with Chart.yaml as Helm reckons it: none, good or stale.
	Lock string `json:"lock"`
	// Packed charts in charts/, with the name and version that they say of themselves.
	Packed []packedChart `json:"packed"`
}

type wanted struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository"`
	// What Chart.yaml says, before `@name` was looked up.
	Said string `json:"said"`
	// The version in the lock; empty: there is none.
	Locked string `json:"locked"`
	// A chart of this name is in charts/.
	Present bool `json:"present"`
	// And it has a version that is meant.
	Fits bool `json:"fits"`
}

type packedChart struct {
	File    string `json:"file"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

func depend(req *dependRequest, lim limits) (*dependencies, []problem) {
	packed, problems := readArchive(&req.Chart, lim)
	if problems != nil {
		return nil, problems
	}
	c, problems := loadChart(packed)
	if problems != nil {
		return nil, problems
	}
	out := &dependencies{Chart: describe(c, packed), Wanted: []wanted{}, Packed: packedCharts(c, lim), Lock: "none"}
	said := saidRepositories(c)
	before, err := json.Marshal(map[string][]*chart.Dependency{"dependencies": c.Metadata.Dependencies})
	if err != nil {
		return nil, fail(kindInternal, "%v", err)
	}
	if problems := lookUp(c, req.Repositories); problems != nil {
		return nil, problems
	}
	if c.Lock != nil {
		out.Lock = judgeLock(c, before)
	}
	for i, dep := range c.Metadata.Dependencies {
		if _, err := semver.NewConstraint(dep.Version); err != nil {
			return nil, fail(kindVersion, "dependency %s: %q is neither a version nor a range of versions: %v",
				dep.Name, dep.Version, err)
		}
		one := wanted{Name: dep.Name, Version: dep.Version, Repository: dep.Repository, Said: said[i]}
		if out.Lock == "good" {
			one.Locked = lockedVersion(c.Lock, i, dep)
		}
		for _, have := range c.Dependencies() {
			if have.Name() == dep.Name {
				one.Present = true
				one.Fits = one.Fits || fits(dep.Version, have.Metadata.Version) &&
					(one.Locked == "" || dep.Repository == "" || one.Locked == have.Metadata.Version)
			}
		}
		out.Wanted = append(out.Wanted, one)
	}
	return out, nil
}

func saidRepositories(c *chart.Chart) []string {
	said := []string{}
	for _, dep := range c.Metadata.Dependencies {
		said = append(said, dep.Repository)
	}
	return said
}

// lookUp writes addresses for names, as Helm does before it reckons a lock's digest.
func lookUp(c *chart.Chart, known map[string]string) []problem {
	for _, dep := range c.Metadata.Dependencies {
		name, ok := strings.CutPrefix(dep.Repository, "@")
		if !ok {
			name, ok = strings.CutPrefix(dep.Repository, "alias:")
		}
		if !ok {
			continue
		}
		address, ok := known[name]
		if !ok {
			return fail(kindRepository, "dependency %s comes from %s, and no repository of that name is registered",
				dep.Name, dep.Repository)
		}
		dep.Repository = address
	}
	return nil
}

func judgeLock(c *chart.Chart, before []byte) string {
	both, err := json.Marshal([2][]*chart.Dependency{c.Metadata.Dependencies, c.Lock.Dependencies})
	if err == nil && sum(both) == c.Lock.Digest {
		return "good"
	}
	// Helm 2 reckoned it from the requirements alone.
	if c.Metadata.APIVersion == chart.APIVersionV1 && sum(before) == c.Lock.Digest {
		return "good"
	}
	return "stale"
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(digest[:])
}

// lockedVersion finds the lock's entry of a dependency: the one at its place, or else the one of its name.
func lockedVersion(lock *chart.Lock, at int, dep *chart.Dependency) string {
	if at < len(lock.Dependencies) && lock.Dependencies[at].Name == dep.Name {
		return lock.Dependencies[at].Version
	}
	found := slices.IndexFunc(lock.Dependencies, func(d *chart.Dependency) bool { return d.Name == dep.Name })
	if found < 0 {
		return ""
	}
	return lock.Dependencies[found].Version
}

// packedCharts also names those whose names the loader passes over; what was not checked with the chart is checked here.
func packedCharts(c *chart.Chart, lim limits) []packedChart {
	out := []packedChart{}
	left := unpacking{lim: lim, bytes: lim.chart, files: lim.files}
	for _, file := range c.Raw {
		if path.Dir(file.Name) != "charts" || path.Ext(file.Name) != ".tgz" {
			continue
		}
		if !isPackedChart(file.Name) && left.archive(file.Data, 1) != nil {
			continue
		}
		if sub, err := loader.LoadArchive(bytes.NewReader(file.Data)); err == nil {
			out = append(out, packedChart{File: file.Name, Name: sub.Name(), Version: sub.Metadata.Version})
		}
	}
	return out
}
