package main

import "golang.org/x/sys/unix"

const arch = unix.AUDIT_ARCH_X86_64

// oldCalls are those that newer architectures do without.
var oldCalls = []uint32{unix.SYS_EPOLL_WAIT}
