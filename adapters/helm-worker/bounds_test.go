package main

import (
	"strings"
	"testing"
)

func TestWhatIsMeasuredStandsOutsideOfStrings(t *testing.T) {
	for text, want := range map[string][2]int{
		`1`: {0, 1}, `{}`: {1, 2}, `{"a":[{}]}`: {3, 4}, `"[[[,,"`: {0, 1}, `{"[":"\"{{"}`: {1, 2}, `[[],[],1]`: {2, 6},
	} {
		if deepest, count := measure([]byte(text)); deepest != want[0] || count != want[1] {
			t.Errorf("%s: %d deep, %d values, not %v", text, deepest, count, want)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	many := make([]problem, 3*mostProblems)
	for i := range many {
		many[i] = problem{Kind: kindSchema, Message: "a" + strings.Repeat("\x1b[1mé", longestWords) + "z"}
	}
	got := bound(many)
	if len(got) != mostProblems+1 || got[mostProblems].Message != "and 200 more" {
		t.Fatalf("%d problems, the last is %q", len(got), got[len(got)-1].Message)
	}
	first := got[0].Message
	if len(first) > 3*longestWords || first[0] != 'a' || !strings.HasSuffix(first, "z") || strings.Contains(first, "\x1b") {
		t.Fatalf("%d bytes: %.40q … %q", len(first), first, first[len(first)-8:])
	}
}
