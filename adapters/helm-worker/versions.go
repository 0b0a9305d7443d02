package main

// Which of a chart's versions a constraint means. The library is the one that Helm compares versions with, and the
// steps are Helm's: an exact word first, then the newest version that fits.

import (
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

const near = 5

type pickRequest struct {
	Versions   []string `json:"versions"`
	Constraint string   `json:"constraint"`
	// Tags of a registry are held to the strict form, with `_` for `+`; an index is read leniently.
	Tags bool `json:"tags"`
}

type picked struct {
	// The version as it was given; empty: none fits.
	Version string `json:"version"`
	// Every version that is one, newest first.
	Sorted []string `json:"sorted"`
	// Those around what was asked for.
	Near []string `json:"near"`
}

type candidate struct {
	given  string
	parsed *semver.Version
}

func pick(req *pickRequest) (*picked, []problem) {
	all := candidates(req)
	out := &picked{Sorted: []string{}, Near: nearest(all, req.Constraint)}
	for _, one := range all {
		out.Sorted = append(out.Sorted, one.given)
	}
	if req.Constraint != "" {
		for _, one := range all {
			if one.name(req.Tags) == req.Constraint {
				out.Version = one.given
				return out, nil
			}
		}
	}
	asked := req.Constraint
	if asked == "" {
		asked = "*"
	}
	constraint, err := semver.NewConstraint(asked)
	if err != nil {
		return nil, fail(kindVersion, "%q is neither a version nor a range of versions: %v", req.Constraint, err)
	}
	for _, one := range all {
		if constraint.Check(one.parsed) {
			out.Version = one.given
			break
		}
	}
	return out, nil
}

func candidates(req *pickRequest) []candidate {
	all := []candidate{}
	for _, given := range req.Versions {
		one := candidate{given: given}
		parsed, err := semver.NewVersion(given)
		if req.Tags {
			parsed, err = semver.StrictNewVersion(one.name(true))
		}
		if err == nil {
			one.parsed = parsed
			all = append(all, one)
		}
	}
	// As Helm sorts an index: what compares equal keeps no promised order there; here it keeps the given one.
	slices.SortStableFunc(all, func(a, b candidate) int { return b.parsed.Compare(a.parsed) })
	return all
}

func (c candidate) name(tags bool) string {
	if tags {
		return strings.ReplaceAll(c.given, "_", "+")
	}
	return c.given
}

var number = regexp.MustCompile(`v?\d+(\.\d+){0,2}`)

func nearest(all []candidate, constraint string) []string {
	from := 0
	if asked, err := semver.NewVersion(number.FindString(constraint)); err == nil {
		below := slices.IndexFunc(all, func(c candidate) bool { return c.parsed.LessThan(asked) })
		if below < 0 {
			below = len(all)
		}
		from = max(0, min(below-near/2, len(all)-near))
	}
	out := []string{}
	for _, one := range all[from:min(len(all), from+near)] {
		out = append(out, one.given)
	}
	return out
}

func fits(constraint, version string) bool {
	return constraint == version || chartutil.IsCompatibleRange(constraint, version)
}
