//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const probing = "SLICEWAY_TEST_PROBE"

// TestMain is also the confined process: it tries what a chart must never reach, and tells what came of it.
func TestMain(m *testing.M) {
	if os.Getenv(probing) == "" {
		os.Exit(m.Run())
	}
	parent := os.Getppid()
	if err := confine(); err != nil {
		fmt.Println("confine:", err)
		os.Exit(1)
	}
	for _, attempt := range attempts(parent) {
		result := "worked"
		if err := attempt.try(); errors.Is(err, syscall.EPERM) {
			result = "refused"
		} else if err != nil {
			result = err.Error()
		}
		fmt.Printf("%s: %s\n", attempt.what, result)
	}
	os.Exit(0)
}

type attempt struct {
	what string
	try  func() error
}

func attempts(parent int) []attempt {
	return []attempt{
		{"read a file", func() error { _, err := os.ReadFile("/etc/hostname"); return err }},
		{"read its own environment", func() error { _, err := os.ReadFile("/proc/self/environ"); return err }},
		{"write a file", func() error { return os.WriteFile("x", []byte("x"), 0o600) }},
		{"list a folder", func() error { _, err := os.ReadDir("."); return err }},
		{"remove a file", func() error { return syscall.Unlink("/etc/hostname") }},
		{"make a folder", func() error { return os.Mkdir("x", 0o700) }},
		{"change the folder", func() error { return os.Chdir("/") }},
		{"connect", func() error { _, err := net.DialTimeout("tcp", "127.0.0.1:9", time.Second); return err }},
		{"listen", func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err }},
		{"connect to a local socket", func() error { _, err := net.Dial("unix", "/run/x"); return err }},
		{"start a program", func() error { return exec.Command("/bin/true").Run() }},
		{"signal another process", func() error { return syscall.Kill(parent, 0) }},
		{"change the user", func() error {
			_, _, errno := syscall.RawSyscall(syscall.SYS_SETUID, 0, 0, 0)
			return errno
		}},
		{"read another's memory", func() error {
			_, _, errno := syscall.RawSyscall(syscall.SYS_PTRACE, syscall.PTRACE_ATTACH, uintptr(parent), 0)
			return errno
		}},
	}
}

func TestNothingOutsideCanBeReached(t *testing.T) {
	probe := exec.Command(os.Args[0])
	probe.Env = []string{probing + "=1"}
	out, err := probe.CombinedOutput()
	if err != nil {
		t.Fatalf("the probe: %v\n%s", err, out)
	}
	for _, attempt := range attempts(0) {
		if want := attempt.what + ": refused\n"; !strings.Contains(string(out), want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
}
