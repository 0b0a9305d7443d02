package main

import "golang.org/x/sys/unix"

const arch = unix.AUDIT_ARCH_AARCH64

// oldCalls are those that newer architectures do without.
var oldCalls []uint32
