/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The few kernel types that the programs read, as far as they read them.
 * libbpf moves each access to where the running kernel has the field, so that
 * neither the order nor the distance of the fields here means anything.
 */
#ifndef CO_RE_H
#define CO_RE_H

#include <linux/types.h>

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct pid_namespace {
	struct ns_common ns;
} __attribute__((preserve_access_index));

struct upid {
	int nr;
	struct pid_namespace *ns;
} __attribute__((preserve_access_index));

struct pid {
	unsigned int level;
	struct upid numbers[1];
} __attribute__((preserve_access_index));

struct thread_info {
	unsigned long flags;
	__u32 status; /* x86 only */
} __attribute__((preserve_access_index));

struct task_struct {
	struct thread_info thread_info;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	int tgid;
	char comm[16];
} __attribute__((preserve_access_index));

/* The registers in which a system call has its first argument: each machine has one of them. */
struct pt_regs {
	unsigned long di;	 /* x86-64 */
	unsigned long orig_a0;	 /* RISC-V, LoongArch */
	unsigned long orig_gpr2; /* s390x */
	unsigned long gpr[32];	 /* PowerPC: the fourth */
	unsigned long regs[31];	 /* arm64: the first */
} __attribute__((preserve_access_index));

/* What a program on a sys_enter tracepoint receives: args[] as user space gave them. */
struct trace_event_raw_sys_enter {
	unsigned long args[6];
} __attribute__((preserve_access_index));

#endif
