/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The few kernel types that the programs read, as far as they read them.
 * libbpf moves each access to where the running kernel has the field, so that
 * neither the order nor the distance of the fields here means anything.
 */
#ifndef CO_RE_H
#define CO_RE_H

#include <linux/types.h>

struct task_struct {
	struct task_struct *real_parent;
	int tgid;
} __attribute__((preserve_access_index));

/* What a program on a sys_enter tracepoint receives: args[] as user space gave them. */
struct trace_event_raw_sys_enter {
	unsigned long args[6];
} __attribute__((preserve_access_index));

#endif
