// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Emits records at a chosen pace, for tests of waiting.
 *
 * Record, native byte order, 8 bytes:
 *   offset size field
 *        0    8 number   how many records were accepted before it, counted over all runs
 *
 * Needs Linux 5.17 (bpf_loop).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/*
 * Volatile, so that each load has 32 bits. bpf_loop takes a u32, and clang leaves
 * anything in the upper half of its register; but a bpf_loop that the verifier has
 * inlined looks at all 64 bits, and does nothing if they are above 1 << 23.
 */
struct emit {
	volatile __u32 count; /* records to try, at most 1 << 23 */
	volatile __u32 delay; /* iterations of an empty loop after each, at most 1 << 23 */
	__u64 flags;          /* of each submit */
};

/* Set by the program, read by user space. */
__u64 emitted; /* records submitted; the number of the next one */
__u64 failed;  /* reservations refused */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

static long pause_step(__u32 index, void *unused)
{
	return 0;
}

static long emit_one(__u32 index, struct emit *args)
{
	__u64 *number = bpf_ringbuf_reserve(&ring, sizeof(*number), 0);

	if (number) {
		*number = emitted++;
		bpf_ringbuf_submit(number, args->flags);
	} else {
		failed++;
	}
	if (args->delay)
		bpf_loop(args->delay, pause_step, NULL, 0);
	return 0;
}

/* Returns 0, or 1 if count is beyond what bpf_loop takes. */
SEC("syscall")
int emit(struct emit *ctx)
{
	struct emit args = *ctx;

	/* The error of an inlined bpf_loop has 32 bits. */
	return (int)bpf_loop(args.count, emit_one, &args, 0) < 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
