// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The same record in one traced call, with ringbuf.bpf.h and without: for the benchmark of its
 * cost. The programs run at each system call of one thread.
 *
 * Record: eight words, each the number of the record's program run.
 *
 * Needs Linux 5.8.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Set before loading: whether attempts are counted. */
const volatile __u32 count_attempts = 0;

#define RINGBUF_ATTEMPTS count_attempts
#include "../../include/ringbuf.bpf.h"

struct record {
	__u64 words[8];
};

__u32 task; /* set by user space: only this thread's calls count */
__u64 runs;

RINGBUF(ring, 1024 * 1024);
RINGBUF_SHARDS(shards, 1024 * 1024);

static __always_inline void fill(struct record *record)
{
	__u64 run = runs++;

	for (int i = 0; i < 8; i++)
		record->words[i] = run;
}

static __always_inline int of_task(void)
{
	return (__u32)bpf_get_current_pid_tgid() == task;
}

/* Without the header. */
SEC("raw_tp/sys_enter")
int bare(void *ctx)
{
	struct record *record;

	if (!of_task())
		return 0;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record)
		return 0;
	fill(record);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("raw_tp/sys_enter")
int counted(void *ctx)
{
	struct record *record;

	if (!of_task())
		return 0;
	record = ringbuf_reserve(ring, sizeof(*record));
	if (!record)
		return 0;
	fill(record);
	ringbuf_submit(ring, record, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("raw_tp/sys_enter")
int counted_shards(void *ctx)
{
	struct record *record;

	if (!of_task())
		return 0;
	record = ringbuf_reserve(shards, sizeof(*record));
	if (!record)
		return 0;
	fill(record);
	ringbuf_submit(shards, record, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
