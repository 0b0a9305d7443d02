//go:build linux && (amd64 || arm64)

package main

// What the worker takes from itself before it reads the first chart: privileges, files, network, other processes. A
// seccomp filter needs neither root nor namespaces, which many machines keep from ordinary users. It is a list of
// what is allowed; all else fails with "not permitted".

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody is the user and group that own nothing, by convention.
const nobody = 65534

// calls are what the runtime and reading and writing of open pipes take. Nothing here opens, connects or starts.
var calls = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_LSEEK, unix.SYS_PREAD64, unix.SYS_FCNTL,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_RESTART_SYSCALL, unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETRANDOM,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// confine comes after everything that opens a file, and before the first request.
func confine() error {
	if err := leaveFolder(); err != nil {
		return fmt.Errorf("leave the working directory: %w", err)
	}
	if err := closeInherited(); err != nil {
		return fmt.Errorf("close what was inherited: %w", err)
	}
	for _, limit := range []struct {
		what int
		most uint64
	}{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_NOFILE, 32}} {
		if err := syscall.Setrlimit(limit.what, &syscall.Rlimit{Cur: limit.most, Max: limit.most}); err != nil {
			return fmt.Errorf("set a limit: %w", err)
		}
	}
	if os.Geteuid() == 0 {
		dropPrivileges()
	}
	return filterCalls()
}

// leaveFolder goes to an empty folder that is removed already: there is nothing in it, and nothing can be put there.
func leaveFolder() error {
	folder, err := os.MkdirTemp("", "sliceway-helm-worker-")
	if err != nil {
		// Nothing is writable here. The root's names are the same everywhere, and none of them can be opened.
		return os.Chdir("/")
	}
	defer os.Remove(folder)
	return os.Chdir(folder)
}

// closeInherited leaves open the three streams and what the runtime opened for itself.
func closeInherited() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		number, err := strconv.Atoi(entry.Name())
		if err != nil || number <= 2 {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		runtimes := strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/sys/fs/cgroup/")
		// Without a target, it is the list itself, which is closed by now.
		if err != nil || runtimes {
			continue
		}
		if err := unix.Close(number); err != nil {
			return err
		}
	}
	return nil
}

// dropPrivileges is what can be done on top where the server is root. Where it cannot be done, as in a container that
// has no right to change users, the filter still holds, so the worker goes on and says so.
func dropPrivileges() {
	for _, drop := range []func() error{
		func() error { return syscall.Setgroups(nil) },
		func() error { return syscall.Setresgid(nobody, nobody, nobody) },
		func() error { return syscall.Setresuid(nobody, nobody, nobody) },
	} {
		if err := drop(); err != nil {
			words.Printf("privileges are kept: %v", err)
			return
		}
	}
}

// filterCalls binds all threads at once, those to come too.
func filterCalls() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	program := filter()
	load := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	stuck, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&load)))
	if errno != 0 {
		return fmt.Errorf("filter system calls: %w", errno)
	}
	if stuck != 0 {
		return fmt.Errorf("filter system calls: thread %d does not take the filter", stuck)
	}
	return nil
}

// Where the kernel puts what the filter looks at (struct seccomp_data, little-endian).
const (
	atNumber   = 0
	atArch     = 4
	atFirstArg = 16
)

func filter() []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	// jump skips `no` instructions unless the comparison holds.
	jump := func(how uint16, with uint32, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | how, K: with, Jf: no}
	}
	end := func(with uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET, K: with} }
	const refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	ours := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ, K: arch, Jt: 1}
	program := []unix.SockFilter{load(atArch), ours, end(unix.SECCOMP_RET_KILL_PROCESS), load(atNumber)}
	for _, call := range append(calls, oldCalls...) {
		program = append(program, jump(unix.BPF_JEQ, call, 1), end(unix.SECCOMP_RET_ALLOW))
	}
	// A thread may be made, a process may not; a signal may go to this process and to no other.
	program = append(program,
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 3), load(atFirstArg), jump(unix.BPF_JSET, unix.CLONE_THREAD, 1),
		end(unix.SECCOMP_RET_ALLOW),
		load(atNumber), jump(unix.BPF_JEQ, unix.SYS_TGKILL, 3), load(atFirstArg),
		jump(unix.BPF_JEQ, uint32(os.Getpid()), 1), end(unix.SECCOMP_RET_ALLOW))
	return append(program, end(refuse))
}
