// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Emits records at a chosen pace, for tests of waiting.
 *
 * Record, native byte order, 8 bytes:
 *   offset size field
 *        0    8 number   how many records were accepted before it, counted over all runs
 *
 * The program is run by BPF_PROG_TEST_RUN, its arguments are the context. Loops are
 * bounded and in global functions, for the reason in loop.h: Linux 5.10 loads it.
 *
 * Needs Linux 5.10 (test runs of raw tracepoint programs).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "loop.h"

struct emit {
	__u32 count; /* records to try, at most LOOP_MAX */
	__u32 delay; /* iterations of an empty loop after each, at most LOOP_MAX */
	__u64 flags; /* of each submit */
};

/* Set by the program, read by user space. */
__u64 emitted; /* records submitted; the number of the next one */
__u64 failed;  /* reservations refused */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

__noinline int pause_row(__u32 steps)
{
	int done = 0;

	LOOP_ROW(i, steps)
		asm volatile("" : "+r"(done));
	return done;
}

__noinline int pause(__u32 steps)
{
	int done = 0;

	LOOP_ROWS(row, steps)
		done += pause_row(ROW_LENGTH(row, steps));
	return done;
}

__noinline int emit_one(__u32 delay, __u64 flags)
{
	__u64 *number = bpf_ringbuf_reserve(&ring, sizeof(*number), 0);

	if (number) {
		*number = emitted++;
		bpf_ringbuf_submit(number, flags);
	} else {
		failed++;
	}
	if (delay)
		pause(delay);
	return 0;
}

__noinline int emit_row(__u32 count, __u32 delay, __u64 flags)
{
	LOOP_ROW(i, count)
		emit_one(delay, flags);
	return 0;
}

/* Returns 0, or 1 if count or delay is above LOOP_MAX. */
SEC("raw_tp")
int emit(struct emit *ctx)
{
	__u32 count = ctx->count, delay = ctx->delay;
	__u64 flags = ctx->flags;

	if (count > LOOP_MAX || delay > LOOP_MAX)
		return 1;
	LOOP_ROWS(row, count)
		emit_row(ROW_LENGTH(row, count), delay, flags);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
