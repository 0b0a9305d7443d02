package main

// What Helm records of a release, in its own types, so that its own command line reads it. The other side writes it to
// the cluster and puts in what only it knows: revision, status and times.

import (
	"encoding/json"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	v1 "helm.sh/helm/v4/pkg/release/v1"
)

// record leaves templates and files out: nothing that reads a release needs them, and one Secret holds one MiB.
func record(done *pass, req *renderRequest, hooks []*v1.Hook, manifest string) (json.RawMessage, error) {
	c := done.chart
	for _, h := range hooks {
		if len(h.DeletePolicies) == 0 {
			h.DeletePolicies = []v1.HookDeletePolicy{v1.HookBeforeHookCreation}
		}
	}
	return json.Marshal(&v1.Release{
		Name:      req.Release.Name,
		Namespace: req.Release.Namespace,
		Info:      &v1.Info{Notes: done.notes},
		Chart:     &chart.Chart{Metadata: c.Metadata, Lock: c.Lock, Values: c.Values, Schema: c.Schema},
		Config:    done.config, Manifest: manifest, Hooks: hooks,
		// By server-side apply Helm would meet our field manager and refuse every user's upgrade and rollback.
		ApplyMethod: string(v1.ApplyMethodClientSideApply),
	})
}
