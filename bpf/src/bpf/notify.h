/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The notifications of a ring: the work that a commit or a drain puts off until the
 * next interrupt, and how to wait for it. co_re.h explains the types.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <linux/types.h>
#include "loop.h"

#define NOTIFY_OUTSTANDING 3 /* IRQ_WORK_PENDING | IRQ_WORK_BUSY */

struct __call_single_node {
	unsigned int u_flags;
} __attribute__((preserve_access_index));

struct irq_work {
	struct __call_single_node node;
} __attribute__((preserve_access_index));

struct bpf_ringbuf {
	struct irq_work work;
} __attribute__((preserve_access_index));

/* What the address of a map of either kind points to. */
struct bpf_ringbuf_map {
	struct bpf_ringbuf *rb;
} __attribute__((preserve_access_index));

#define NOTIFY_WORK(map) (&((struct bpf_ringbuf_map *)&(map))->rb->work)

/* 1 if no notification of `map` is outstanding. Reading the time takes a while. */
#define NOTIFY_SETTLED(map)                                                                \
	({                                                                                 \
		volatile unsigned int *flags = &NOTIFY_WORK(map)->node.u_flags;            \
		bpf_ktime_get_ns() && !(*flags & NOTIFY_OUTSTANDING);                      \
	})

/* Defines settle(), which waits some milliseconds for that. It returns 1 if it came. */
#define NOTIFY_SETTLE(map)                              \
	REPEAT(settle_row, (void), NOTIFY_SETTLED(map)) \
	REPEAT(settle_rows, (void), settle_row())       \
	REPEAT(settle, (void), settle_rows())

#endif
