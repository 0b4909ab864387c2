// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Rings in an array of maps: a program that writes many stamped records in one run, and
 * one that interrupts it and writes to the same rings.
 *
 * A program on CPU c takes one of the slots c * PER_CPU to (c + 1) * PER_CPU - 1, in turns.
 *
 * Record, native byte order, 32 or 152 bytes:
 *   offset size field
 *        0    8 key     bpf_ktime_get_ns()
 *        8    8 number  how many records of its stream came before it
 *       16    2 stream  2 * CPU, and 1 more if it is from the program that interrupts
 *       18    2 slot    of its ring
 *       20    4 took    if `timed` is set: microseconds from the key of the record before in its
 *                      stream until its submit was over; else 0
 *       24  n-24 rest   each word is the number
 *
 * The key is taken after the reservation, or before it if `stamp_before` is set. Then one
 * record in STALL_ONE_IN is reserved only `stall_ns` later.
 *
 * `produce` is run by BPF_PROG_TEST_RUN. Its arguments are the context, which the kernel
 * copies back. `tick` is attached to a perf event, such as a timer.
 *
 * Needs Linux 5.17 (bpf_loop).
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#define CPUS_MAX 64
#define SPIN_MAX (1 << 22)
#define STALL_ONE_IN 64

/* Set before loading. */
const volatile __u32 per_cpu = 1;
const volatile __u32 stamp_before = 0;
const volatile __u64 stall_ns = 0;
const volatile __u32 timed = 0;

struct produce {
	__u32 count; /* records to try, at most 1 << 23 */
	__u32 size;  /* 32 or 152 */
	__u64 flags; /* of each submit */
	__u64 begin; /* the time of the first record (bpf_ktime_get_ns); 0 for at once */
	__u64 until_full; /* not 0: the first refusal ends the run */
	/* Set by the program. */
	__u64 accepted;
	__u64 begun; /* times */
	__u64 ended;
};

struct event {
	__u64 key;
	__u64 number;
	__u16 stream;
	__u16 slot;
	__u32 took;
};

/* The records of one program on one CPU, which alone changes them: on lines of their own. */
struct stream {
	__u64 attempted;
	__u64 accepted;
	__u64 took; /* microseconds, of the last record */
	__u64 apart[13];
} streams[2 * CPUS_MAX] __attribute__((aligned(128)));

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CPUS_MAX);
	__type(key, __u32);
	__array(values, struct ring);
} shards SEC(".maps");

static long is_over(__u64 index, __u64 *end)
{
	return bpf_ktime_get_ns() >= *end;
}

/* Writes one record of `size` bytes, which the verifier wants constant. Returns 1 if it can. */
static __always_inline int emit(__u32 interrupts, const __u32 size, __u64 flags)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 number = (2 * cpu + interrupts) % (2 * CPUS_MAX);
	struct stream *stream = &streams[number];
	__u64 key = 0;
	__u32 slot = cpu * per_cpu + stream->attempted % per_cpu;
	struct event *event;
	void *ring;

	stream->attempted++;
	ring = bpf_map_lookup_elem(&shards, &slot);
	if (!ring)
		return 0;
	if (stamp_before) {
		key = bpf_ktime_get_ns();
		if (stall_ns && !interrupts && stream->attempted % STALL_ONE_IN == 0) {
			__u64 end = key + stall_ns;

			bpf_loop(SPIN_MAX, is_over, &end, 0);
		}
	}
	event = bpf_ringbuf_reserve(ring, size, 0);
	if (!event)
		return 0;
	if (!stamp_before)
		key = bpf_ktime_get_ns();
	event->key = key;
	event->number = stream->accepted;
	event->stream = number;
	event->slot = slot;
	for (__u32 i = 3; i < size / 8; i++)
		((__u64 *)event)[i] = stream->accepted;
	stream->accepted++;
	event->took = timed ? stream->took : 0;
	bpf_ringbuf_submit(event, flags);
	if (timed)
		stream->took = (bpf_ktime_get_ns() - key) / 1000;
	return 1;
}

static long one(__u64 index, struct produce *run)
{
	int done = run->size == 32 ? emit(0, 32, run->flags) : emit(0, 152, run->flags);

	run->accepted += done;
	return run->until_full && !done;
}

/* Returns 0, or 1 if there is no such size. */
SEC("syscall")
int produce(struct produce *ctx)
{
	/* The loop wants its context on the stack. */
	struct produce run = *ctx;

	if (run.size != 32 && run.size != 152)
		return 1;
	bpf_loop(SPIN_MAX, is_over, &run.begin, 0);
	run.accepted = 0;
	run.begun = bpf_ktime_get_ns();
	bpf_loop(run.count, one, &run, 0);
	run.ended = bpf_ktime_get_ns();
	*ctx = run;
	return 0;
}

SEC("perf_event")
int tick(void *ctx)
{
	emit(1, 32, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
