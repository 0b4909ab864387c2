// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Drains a user ring buffer, and keeps the length and the bytes of each sample, so that
 * a test can compare them with those that user space wrote.
 *
 * Samples: any. Before Linux 6.5 a dynptr does not tell its length. So the program
 * searches for it, by reads of zero bytes at growing offsets.
 *
 * The program is run by BPF_PROG_TEST_RUN, its arguments are the context.
 *
 * Needs Linux 6.1 (BPF_MAP_TYPE_USER_RINGBUF).
 */
#include <linux/bpf.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include "notify.h"

#define SAMPLES_MAX 8192      /* lengths that are kept; as many as 64 KiB can hold */
#define COPY_MAX 65535        /* bytes of one sample that are kept, all or none */
#define SIZE_BITS_TOP (1 << 23)

struct drain {
	__u64 flags;   /* of the drain */
	__u32 stop_at; /* the callback stops at this sample, counted from 1; 0: at none */
	__u32 nest;    /* not 0: the callback drains the ring again */
};

/* Of the latest run. */
__s64 result;                             /* of the helper */
__s64 nested_result;                      /* of the last drain inside the callback */
__u64 calls;                              /* of the callback */
__u64 nested_calls;                       /* of the callback of a drain inside the callback */
__u64 copied;                             /* bytes in `bytes` */
__u32 sizes[SAMPLES_MAX];                 /* of the samples, in bytes */
unsigned char bytes[2 * (COPY_MAX + 1)];  /* the samples one after the other, up to COPY_MAX + 1 */

__u32 stop_at;
__u32 nest;
volatile __u32 size; /* in memory, so that the verifier does not follow each of its values */

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} user_ring SEC(".maps");

static __always_inline void measure(struct bpf_dynptr *sample)
{
	char nothing[8] = {};

	size = 0;
	for (__u32 bit = SIZE_BITS_TOP; bit; bit >>= 1) {
		if (!bpf_dynptr_read(nothing, 0, sample, size + bit, 0))
			size += bit;
	}
}

static __always_inline void keep(struct bpf_dynptr *sample)
{
	__u64 at = copied, call = calls;
	__u32 len = size;

	if (call < SAMPLES_MAX)
		sizes[call] = len;
	if (at > COPY_MAX || len > COPY_MAX)
		return;
	if (!bpf_dynptr_read(&bytes[at], len, sample, 0, 0))
		copied = at + len;
}

static long on_nested_sample(struct bpf_dynptr *sample, void *context)
{
	nested_calls++;
	return 0;
}

static long on_sample(struct bpf_dynptr *sample, void *context)
{
	measure(sample);
	keep(sample);
	calls++;
	if (nest)
		nested_result = bpf_user_ringbuf_drain(&user_ring, on_nested_sample, NULL, 0);
	return calls == stop_at;
}

NOTIFY_SETTLE(user_ring)

SEC("raw_tp")
int drain(struct drain *ctx)
{
	calls = 0;
	nested_calls = 0;
	nested_result = 0;
	copied = 0;
	stop_at = ctx->stop_at;
	nest = ctx->nest;
	result = bpf_user_ringbuf_drain(&user_ring, on_sample, NULL, ctx->flags);
	settle(); /* so that the notification of the drain is given */
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
