package main

// The words of the protocol: one frame is a four byte big-endian length and a JSON document. The Rust side of
// the same words is adapters/src/helm/wire.rs; a change here is a change there, and a new protocol number.

import (
	"encoding/json"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

const protocol = 7

type request struct {
	ID       uint64          `json:"id"`
	Protocol int             `json:"protocol"`
	Render   *renderRequest  `json:"render,omitempty"`
	Objects  *objectsRequest `json:"objects,omitempty"`
	Inspect  *chartRef       `json:"inspect,omitempty"`
	Show     *chartRef       `json:"show,omitempty"`
	Depend   *dependRequest  `json:"depend,omitempty"`
	Pick     *pickRequest    `json:"pick,omitempty"`
}

// chartRef is a packed chart.
type chartRef struct {
	Archive []byte `json:"archive"`
}

type renderRequest struct {
	Chart             chartRef      `json:"chart"`
	Release           release       `json:"release"`
	Values            string        `json:"values"`
	Capabilities      *capabilities `json:"capabilities"`
	IncludeCrds       bool          `json:"include_crds"`
	IncludeValues     bool          `json:"include_values"`
	CheckReproducible bool          `json:"check_reproducible"`
	Found             []found       `json:"found"`
}

// objectsRequest asks for the objects of these kinds that a render gives, and for nothing else of it.
type objectsRequest struct {
	Render renderRequest `json:"render"`
	Kinds  []string      `json:"kinds"`
}

// found answers one lookup; what is not among the answers is answered as absent and told.
type found struct {
	lookup
	Object liveObject `json:"object"`
}

// liveObject has whole numbers as whole numbers, as Helm's own client reads them; nil is absence.
type liveObject map[string]any

func (o *liveObject) UnmarshalJSON(text []byte) error {
	var object map[string]any
	err := utiljson.Unmarshal(text, &object)
	*o = object
	return err
}

type release struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Revision  int    `json:"revision"`
	IsUpgrade bool   `json:"is_upgrade"`
}

// capabilities of the target. Replace is the truth about a cluster; Append is what the command line does.
type capabilities struct {
	KubeVersion string    `json:"kube_version"`
	Replace     *[]string `json:"replace"`
	Append      []string  `json:"append"`
}

type answer struct {
	ID       uint64        `json:"id"`
	Rendered *rendered     `json:"rendered,omitempty"`
	Objects  []object      `json:"objects,omitzero"`
	Chart    *chartInfo    `json:"chart,omitempty"`
	Shown    *shown        `json:"shown,omitempty"`
	Needs    *dependencies `json:"needs,omitempty"`
	Picked   *picked       `json:"picked,omitempty"`
	Problems []problem     `json:"problems,omitempty"`
}

type rendered struct {
	Objects      []object      `json:"objects"`
	Crds         []object      `json:"crds"`
	Hooks        []hook        `json:"hooks"`
	UnknownHooks []unknownHook `json:"unknown_hooks"`
	Notes        string        `json:"notes"`
	Lookups      []lookup      `json:"lookups"`
	Reproducible *bool         `json:"reproducible"`
	Manifest     string        `json:"manifest"`
	Stream       string        `json:"stream"`
	// Release is what Helm records of it, without times, status and revision.
	Release json.RawMessage `json:"release"`
	// Values are those that templates saw: the charts' own with the user's over them.
	Values json.RawMessage `json:"values"`
	Chart  chartInfo       `json:"chart"`
}

type object struct {
	Source string          `json:"source"`
	Object json.RawMessage `json:"object"`
	Raw    string          `json:"raw"`
}

type hook struct {
	Name           string   `json:"name"`
	Kind           string   `json:"kind"`
	Path           string   `json:"path"`
	Events         []string `json:"events"`
	Weight         int      `json:"weight"`
	DeletePolicies []string `json:"delete_policies"`
	LogPolicies    []string `json:"log_policies"`
	Manifest       string   `json:"manifest"`
	Objects        []object `json:"objects"`
}

type unknownHook struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Path     string   `json:"path"`
	Events   []string `json:"events"`
	Manifest string   `json:"manifest"`
}

type lookup struct {
	APIVersion string `json:"api_version"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

type chartInfo struct {
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	AppVersion  string         `json:"app_version"`
	KubeVersion string         `json:"kube_version"`
	Description string         `json:"description"`
	Type        string         `json:"type"`
	Deprecated  bool           `json:"deprecated"`
	Digest      string         `json:"digest"`
	Values      map[string]any `json:"values"`
	HasSchema   bool           `json:"has_schema"`
	// What its authors noted beside the standard's fields.
	Annotations map[string]string `json:"annotations,omitempty"`
}
